"""Many machines prepare one dataset, into one store or several, as one machine would have."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mvemotion.cli import main
from mvemotion.data.clip_file import read_layout
from mvemotion.data.shards import Shard, parse_shard
from mvemotion.data.store import Store
from mvemotion.errors import DataError, InputError
from raw_clips import REDUCED, lay_out, quietly, stamps, write_kinds

NAMES = ("Sad/a-1-of-2", "Sad/a-2-of-2", "Sad/b", "Fear/x(1)", "Fear/y", "Fear/z", "Excited/k")


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Seven clips without a split, and an eighth that cannot be used."""
    movies = write_kinds(tmp_path_factory.mktemp("movies"), "good", "short")
    folder = tmp_path_factory.mktemp("raw")
    files = {f"{name}.mp4": movies["good"] for name in NAMES}
    return lay_out(folder, files | {"Sad/short.mp4": movies["short"]})


@pytest.fixture(scope="module")
def single(raw, tmp_path_factory) -> Path:
    """The store that one process makes of them."""
    store = tmp_path_factory.mktemp("single") / "store"
    quietly(raw, store, faces="none")
    return store


def content(store: Path) -> dict[str, bytes]:
    """Every file of a store, byte for byte, without locks and marks."""
    files = {path.relative_to(store): path for path in store.rglob("*") if path.is_file()}
    return {
        str(name): path.read_bytes()
        for name, path in files.items()
        if not any(part.startswith(".") for part in name.parts)
    }


def prepare_share(raw: Path, store: Path, text: str, **options):
    return quietly(raw, store, **{"faces": "none", "shard": parse_shard(text)} | options)


# --- Which clip is in which share -----------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_clip_is_in_one_share_and_shares_are_about_equal(count):
    ids = [f"Train/Sad/{number}" for number in range(700)]
    shares = [[i for i in ids if Shard(n, count).holds(i)] for n in range(1, count + 1)]
    assert Counter(i for share in shares for i in share) == Counter(ids)
    assert all(abs(len(share) - 700 / count) < 4 * (700 / count) ** 0.5 for share in shares)


def test_a_clip_stays_in_its_share_on_every_machine_and_in_every_version():
    found = [n for n in range(8) if Shard(1, 4).holds(f"Train/Sad/{n}")]
    assert found == [2, 5, 6]


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match=r"as in 2/4|the last N/N"):
        parse_shard(text)


# --- One store ------------------------------------------------------------------------------------
SHARE = """
import sys
from mvemotion.data.prepare import prepare
from mvemotion.data.shards import parse_shard
from mvemotion.specs import ClipFormat
options = {{"clip_format": {format!r}, "workers": 0, "progress": False, "faces": "none"}}
prepare(sys.argv[1], sys.argv[2], shard=parse_shard(sys.argv[3]), **options)
"""


@pytest.mark.slow
def test_two_shards_at_once_in_one_store_make_what_one_process_makes(raw, single, tmp_path):
    store = tmp_path / "store"
    command = [sys.executable, "-c", SHARE.format(format=REDUCED), str(raw), str(store)]
    both = [subprocess.Popen([*command, text]) for text in ("1/2", "2/2")]
    assert [process.wait() for process in both] == [0, 0]
    with pytest.raises(DataError, match="not a finished store"):
        Store(store)
    before = stamps(store)
    assert len(before) == len(NAMES)
    manifest = quietly(raw, store, faces="none", merge=[])
    assert stamps(store) == before
    assert content(store) == content(single)
    assert Store(store).checksum() == Store(single).checksum()
    assert manifest["status"].value_counts().to_dict() == {"ok": 7, "too short": 1}


def test_a_missing_shard_is_named_and_its_share_is_all_that_is_left(raw, single, tmp_path):
    store = tmp_path / "store"
    shares = [prepare_share(raw, store, text) for text in ("1/3", "3/3")]
    with pytest.raises(DataError, match=r"shards 2/3 are missing or unfinished; .*--shard"):
        quietly(raw, store, faces="none", merge=[])
    shares.append(prepare_share(raw, store, "2/3"))
    ids = [clip_id for share in shares for clip_id in share["id"]]
    assert sorted(ids) == sorted(Store(single).manifest["id"])
    quietly(raw, store, faces="none", merge=[])
    quietly(raw, store, faces="none", merge=[])  # again: nothing is left to do
    assert content(store) == content(single)


def test_more_machines_than_clips_do_no_harm(raw, single, tmp_path):
    shares = [prepare_share(raw, tmp_path / "store", f"{n}/20") for n in range(1, 21)]
    assert min(map(len, shares)) == 0
    quietly(raw, tmp_path / "store", faces="none", merge=[])
    assert content(tmp_path / "store") == content(single)


def test_without_merging_the_usual_command_finishes_what_shards_began(raw, single, tmp_path):
    prepare_share(raw, tmp_path / "store", "1/2")
    before = stamps(tmp_path / "store")
    quietly(raw, tmp_path / "store", faces="none")
    assert stamps(tmp_path / "store").items() >= before.items()
    assert content(tmp_path / "store") == content(single)


def test_a_shard_that_is_begun_again_counts_as_missing_until_its_end(raw, tmp_path, monkeypatch):
    for text in ("1/2", "2/2"):
        prepare_share(raw, tmp_path / "store", text)
    with monkeypatch.context() as patch:
        patch.setattr("mvemotion.data.prepare._prepare_all", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare_share(raw, tmp_path / "store", "2/2")
    with pytest.raises(DataError, match="shards 2/2 are missing or unfinished"):
        quietly(raw, tmp_path / "store", faces="none", merge=[])


def interrupt(*_):
    raise KeyboardInterrupt


HOLDER = """
import json, sys
from pathlib import Path
from mvemotion.data.shards import parse_shard
from mvemotion.data.store import describe
from mvemotion.data.store_writer import open_store
from mvemotion.specs import ClipFormat
wanted = describe({format!r}, dict(faces="none", detector="coarse"))
with open_store(Path(sys.argv[1]), wanted, [], parse_shard("1/2")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_shard_keeps_out_its_like_and_who_wants_the_whole_store_but_no_other_shard(raw, tmp_path):
    command = [sys.executable, "-c", HOLDER.format(format=REDUCED), str(tmp_path / "store")]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=rf"process {first.pid} on .* \(shard 1/2\) is preparing"):
        prepare_share(raw, tmp_path / "store", "1/2")
    with pytest.raises(InputError, match="is preparing it; wait for its end"):
        quietly(raw, tmp_path / "store", faces="none")
    assert len(prepare_share(raw, tmp_path / "store", "2/2")) > 0
    first.kill()
    first.communicate()
    assert len(prepare_share(raw, tmp_path / "store", "1/2")) > 0


# --- Stores of their own --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def halves(raw, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("halves")
    for number in (1, 2):
        prepare_share(raw, folder / f"{number}", f"{number}/2")
    return [folder / "1", folder / "2"]


def test_stores_of_shards_come_together_as_what_one_process_makes(raw, single, halves, tmp_path):
    quietly(raw, tmp_path / "store", faces="none", merge=halves)
    assert content(tmp_path / "store") == content(single)
    assert all(path.exists() for half in halves for path in half.rglob("*.safetensors"))


def test_one_of_them_may_take_in_the_others(raw, single, halves, tmp_path):
    prepare_share(raw, tmp_path / "store", "1/2")
    quietly(raw, tmp_path / "store", faces="none", merge=halves[1:])
    assert content(tmp_path / "store") == content(single)


def test_a_store_that_is_not_named_is_missed(raw, halves, tmp_path):
    with pytest.raises(DataError, match="shards 2/2 are missing"):
        quietly(raw, tmp_path / "store", faces="none", merge=halves[:1])
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"faces": "sampled"},
            r"prepared with faces='none' \(now 'sampled'\); shards of one store",
        ),
        ({"seed": 1}, r"its split was drawn with .*'seed': 0.*, not .*'seed': 1"),
    ],
)
def test_shards_of_other_options_are_refused(raw, halves, tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        quietly(raw, tmp_path / "store", **{"faces": "none", "merge": halves} | options)
    assert not (tmp_path / "store").exists()


def test_a_folder_that_is_no_store_cannot_be_merged(raw, tmp_path):
    with pytest.raises(DataError, match="no store; name folders that --shard was prepared into"):
        quietly(raw, tmp_path / "store", faces="none", merge=[tmp_path])


def test_a_clip_whose_arrays_changed_on_the_way_is_refused(raw, tmp_path):
    share = prepare_share(raw, tmp_path / "damaged", "1/1", faces="none")
    first = share.query("status == 'ok'")["id"].iloc[0]
    layout = read_layout(tmp_path / "damaged", first)
    with layout["video"]["filename"].open("r+b") as file:
        file.seek(layout["video"]["offset"])
        value = file.read(1)[0]
        file.seek(layout["video"]["offset"])
        file.write(bytes([value ^ 1]))
    with pytest.raises(DataError, match="its arrays have changed since they were written"):
        quietly(raw, tmp_path / "store", faces="none", merge=[tmp_path / "damaged"])
    assert not list((tmp_path / "store").rglob("*.safetensors"))


def test_shards_are_asked_for_on_the_command_line(raw, tmp_path, capsys):
    command = ["prepare", str(raw), str(tmp_path / "store")]
    assert main([*command, "--shard", "5/4"]) == 2
    assert "the last N/N" in capsys.readouterr().err
    assert main([*command, "--merge"]) == 3
    assert "no shard has been prepared there; begin with --shard 1/N" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--merge", "--shard", "1/2"])


def test_arrays_have_no_shards(tmp_path):
    (tmp_path / "raw").mkdir()
    np.save(tmp_path / "raw" / "a.npy", np.zeros(3))
    with pytest.raises(InputError, match="shards are of videos, and it holds none"):
        quietly(tmp_path / "raw", tmp_path / "store", shard=Shard(1, 2))
