"""Preparing goes on where it stopped, by one process at a time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mvemotion.cli import main
from mvemotion.data.clip_file import clip_path
from mvemotion.data.prepare import prepare, summarize
from mvemotion.data.store import Store, describe
from mvemotion.data.workers import run_each
from mvemotion.errors import DataError, InputError
from mvemotion.specs import SPLITS
from raw_clips import REDUCED, lay_out, quietly, stamps, usual_raw, write_kinds


@pytest.fixture(scope="module")
def movies(tmp_path_factory) -> dict[str, Path]:
    """One file of each kind, written once."""
    return write_kinds(tmp_path_factory.mktemp("movies"), "good", "faces", "late", "mono")


@pytest.fixture
def raw(tmp_path, movies) -> Path:
    return usual_raw(tmp_path / "raw", movies)


def test_a_second_run_does_nothing_and_says_the_same(raw, tmp_path):
    (raw / "Train/Sad/empty.mp4").write_bytes(b"")
    first = quietly(raw, tmp_path / "store")
    before = stamps(tmp_path / "store")
    assert quietly(raw, tmp_path / "store").equals(first)
    assert stamps(tmp_path / "store") == before
    assert Store(tmp_path / "store").manifest.equals(first)


def test_only_changed_files_are_prepared_again(raw, tmp_path, movies):
    first = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    before = stamps(tmp_path / "store")
    changed, touched = raw / "Train/Excited/video/14.mp4", raw / "Train/Sad/DEAP DB (42).mp4"
    shutil.copy(movies["late"], changed)
    os.utime(touched, ns=(1, 1))
    second = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    after = stamps(tmp_path / "store")
    assert {name for name in after if after[name] != before[name]} == {"14.safetensors"}
    same = first["sha256"] == second["sha256"]
    assert not same["Train/Excited/14"]
    assert same.sum() == 2


def test_a_removed_source_leaves_the_store(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    (raw / "Train/Excited/video/14.mp4").unlink()
    manifest = quietly(raw, tmp_path / "store", faces="none")
    assert "Train/Excited/14" not in set(manifest["id"])
    assert not clip_path(tmp_path / "store", "Train/Excited/14").exists()


def test_a_source_that_broke_leaves_the_store(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    (raw / "Train/Excited/video/14.mp4").write_bytes(b"")
    manifest = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    assert manifest.loc["Train/Excited/14", "status"] == "unreadable"
    assert not clip_path(tmp_path / "store", "Train/Excited/14").exists()


def test_leftovers_go_and_damaged_clips_are_made_again(raw, tmp_path):
    store = tmp_path / "store"
    first = quietly(raw, store, faces="none")
    clip = clip_path(store, "Train/Excited/14")
    clip.write_bytes(clip.read_bytes()[:-100])
    leftover = clip.with_name(".14.123.part.safetensors")
    leftover.write_bytes(b"half")
    with pytest.raises(DataError, match="damaged"):
        Store(store).read("Train/Excited/14")
    assert quietly(raw, store, faces="none").equals(first)
    assert Store(store).read("Train/Excited/14")["video"].any()
    assert not leftover.exists()


def test_a_store_made_with_other_options_is_refused(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    with pytest.raises(DataError, match=r"faces='none' \(now 'all'\)"):
        quietly(raw, tmp_path / "store", faces="all")
    with pytest.raises(DataError, match=r"duration_s=2.0 \(now 30.0\)"):
        prepare(raw, tmp_path / "store", faces="none", workers=0)


def test_a_store_of_other_clips_is_refused(raw, tmp_path, movies):
    quietly(raw, tmp_path / "store", faces="none")
    other = lay_out(tmp_path / "other", {"Train/Fear/x.mp4": movies["good"]})
    with pytest.raises(DataError, match="none of its 3 clips is in the raw folder"):
        quietly(other, tmp_path / "store", faces="none")


def test_a_folder_with_other_things_in_it_is_no_place_for_a_store(raw, tmp_path):
    with pytest.raises(InputError, match="not empty, and no store"):
        quietly(raw, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faces": "some"}, "face search 'some'"),
        ({"detector": "best"}, "face detector 'best'"),
        ({"workers": -1}, "-1 workers"),
    ],
)
def test_unknown_options_are_refused(raw, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        quietly(raw, tmp_path / "store", **options)


def test_a_listed_file_that_is_missing_is_named_and_used_once_it_is_there(tmp_path, movies):
    raw = lay_out(tmp_path / "raw", {"a.mp4": movies["good"]})
    (raw / "list.csv").write_text("path,label,split\na.mp4,Sad,Train\nb.mp4,Sad,Train\n")
    manifest = quietly(raw / "list.csv", tmp_path / "store", faces="none").set_index("id")
    assert manifest["status"].to_dict() == {"Sad/a": "ok", "Sad/b": "missing"}
    assert "missing: 1\n  b.mp4: no file" in summarize(manifest.reset_index())
    shutil.copy(movies["late"], raw / "b.mp4")
    assert set(quietly(raw / "list.csv", tmp_path / "store", faces="none")["status"]) == {"ok"}


def test_a_store_knows_where_its_raw_clips_are(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quietly(Path("raw"), tmp_path / "store", faces="none")
    store = Store(tmp_path / "store")
    assert store.raw_dir == raw
    assert all((store.raw_dir / path).is_file() for path in store.clips()["path"])
    raw.rename(tmp_path / "moved")
    quietly(tmp_path / "moved", tmp_path / "store", faces="none")
    assert store.raw_dir == tmp_path / "moved"
    (store.root / "origin.json").unlink()
    assert store.raw_dir is None
    assert Store(store.root).checksum() == store.checksum()


# --- Splits that are drawn ------------------------------------------------------------------------
def numbered(movies: dict[str, Path], *names: str) -> dict[str, Path]:
    return {f"{name}.mp4": movies["good"] for name in names}


FIRST = ("Sad/a-1-of-2", "Sad/a-2-of-2", "Sad/b", "Sad/c", "Fear/x(1)", "Fear/y", "Fear/z")


def test_clips_without_a_split_get_one_by_source_and_keep_it(tmp_path, movies):
    raw, store = lay_out(tmp_path / "raw", numbered(movies, *FIRST)), tmp_path / "store"
    first = quietly(raw, store, faces="none").set_index("id")["split"]
    assert first["Sad/a-1-of-2"] == first["Sad/a-2-of-2"]
    for emotion in ("Sad", "Fear"):
        assert set(first[first.index.str.startswith(emotion)]) == set(SPLITS)
    before = stamps(store)
    lay_out(raw, numbered(movies, "Sad/a-7-of-9", "Fear/x(2)", "Fear/new"))
    second = quietly(raw, store, faces="none").set_index("id")["split"]
    assert second[first.index].equals(first)
    assert second["Sad/a-7-of-9"] == first["Sad/a-1-of-2"]
    assert second["Fear/x(2)"] == first["Fear/x(1)"]
    assert stamps(store).items() >= before.items()
    assert Store(store, "random").checksum() == Store(store).checksum()


def test_a_draw_that_would_change_splits_is_refused(tmp_path, movies):
    raw, store = lay_out(tmp_path / "raw", numbered(movies, "Sad/a", "Sad/b")), tmp_path / "store"
    quietly(raw, store, faces="none", seed=1)
    with pytest.raises(DataError, match=r"drawn with .*'seed': 1.*clips would change sides"):
        quietly(raw, store, faces="none")
    with pytest.raises(InputError, match="must add up to 1"):
        quietly(raw, tmp_path / "other", shares=dict(zip(SPLITS, (1, 1, 1), strict=True)))
    assert not (tmp_path / "other").exists()


# --- Processes ------------------------------------------------------------------------------------
HOLDER = """
import json, sys
from pathlib import Path
from mvemotion.data.store_writer import open_store
with open_store(Path(sys.argv[1]), json.loads(sys.argv[2]), []):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_has_ended(raw, tmp_path, capsys):
    store = tmp_path / "store"
    wanted = json.dumps(describe(REDUCED, {"faces": "none", "detector": "coarse"}))
    command = [sys.executable, "-c", HOLDER, str(store), wanted]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "held\n"
    assert main(["prepare", str(raw), str(store)]) == 2
    found = capsys.readouterr().err
    assert f"process {first.pid} on " in found
    assert "is preparing it; wait for its end" in found
    first.kill()  # no chance to tidy up
    first.communicate()
    assert set(quietly(raw, store, faces="none")["status"]) == {"ok"}


KILLED = """
from pathlib import Path
from mvemotion.data.prepare import prepare
from mvemotion.specs import ClipFormat
if __name__ == "__main__":
    prepare({raw!r}, {store!r}, clip_format={format!r}, workers=2, progress=False)
"""


@pytest.mark.slow
def test_a_killed_run_leaves_whole_clips_and_is_continued(tmp_path, movies):
    kinds = ("good", "faces", "late", "mono") * 2
    names = [f"Train/Sad/{i}.mp4" for i in range(len(kinds))]
    files = {name: movies[kind] for name, kind in zip(names, kinds, strict=True)}
    raw, store = lay_out(tmp_path / "raw", files), tmp_path / "store"
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(raw=str(raw), store=str(store), format=REDUCED))
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    wait_for(lambda: len(list(store.rglob("*.safetensors"))) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not group_is_alive(process.pid))  # its workers end with it

    before = stamps(store)
    assert 2 <= len(before) < len(kinds)
    with pytest.raises(DataError, match="continues where it stopped"):
        Store(store)
    resumed = quietly(raw, store)
    assert {name: stamps(store)[name] for name in before} == before
    assert resumed.equals(quietly(raw, tmp_path / "undisturbed"))
    for clip_id in resumed["id"]:
        expected = Store(tmp_path / "undisturbed").read(clip_id)
        for name, array in Store(store).read(clip_id).items():
            np.testing.assert_array_equal(array, expected[name])


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_job_that_ends_its_process_is_named_and_the_others_are_done():
    deadly = "__import__('os').abort()"
    jobs = [("1 + 1",), (deadly,), ("2 + 2",), ("3 + 3",)]
    results = dict(run_each(eval, jobs, workers=2))
    assert results == {("1 + 1",): 2, (deadly,): None, ("2 + 2",): 4, ("3 + 3",): 6}
