"""The whole audit: what it writes, that it resumes, and what its page asks of a reader."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit_clips import hum, write_clip
from media_files import Movie
from mvemotion.audit import Findings, audit, claims, examine, shortcuts
from mvemotion.audit.collection import find_clips
from mvemotion.audit.findings import claims_on_clips
from mvemotion.cli import main
from mvemotion.data.splits import read_splits
from mvemotion.data.store import Store
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json
from mvemotion.specs import EMOTIONS
from stores import make_store

SPLITS = {"Train": 2, "test": 1}


def write_raw(root: Path) -> Path:
    """Three clips of each class; each shows and sounds its own, Excited ones are loud."""
    for place, (emotion, split, number) in enumerate(
        (e, s, n) for e in EMOTIONS for s, count in SPLITS.items() for n in range(count)
    ):
        path = root / split / emotion / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = _tune(place) * (0.9 if emotion == "Excited" else 0.1)
        write_clip(path, Movie(seconds=3.0, draw=_scene(place), height=72, width=128), sound)
    (root / "test" / "Sad" / "broken.mp4").write_bytes(b"nothing")
    return root


def _tune(place: int) -> np.ndarray:
    """Tones of its own, as loud in every clip: float32 (n,), at most 1."""
    rng = np.random.default_rng(place)
    tones = [hum(3.0, hz, amplitude=1.0) for hz in rng.uniform(120, 6000, 12)]
    tune = np.einsum("i,ij->j", rng.uniform(0.1, 1, 12), tones)
    return (tune / np.sqrt(np.mean(tune**2)) * 0.2).astype(np.float32)


def _scene(place: int):
    """A gliding pattern in a few colours of its own."""
    rng = np.random.default_rng(place)
    palette = rng.integers(0, 256, (3, 3), np.uint8)
    palette[0] //= 4
    palette[1] = 255 - palette[1] // 4
    pattern = palette[rng.integers(0, 3, (9, 40))].repeat(8, axis=0).repeat(8, axis=1)

    def draw(index: int, height: int, width: int) -> np.ndarray:
        return np.ascontiguousarray(pattern[:height, index : index + width])

    return draw


def quietly(source: Path, out: Path | None, **options):
    return audit(source, out, workers=0, progress=False, **options)


def look(source: Path, out: Path, **options) -> Findings:
    """Examine without a page."""
    kept = out / "measurements"
    return examine(find_clips(source), kept, workers=0, progress=False, **options)


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Fewer trees and permutations: what they find has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortcuts, "TREES", 5)
        patch.setattr(shortcuts, "PERMUTATIONS", 50)
        patch.setattr(claims, "PERMUTATIONS", 500)
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return write_raw(tmp_path_factory.mktemp("raw") / "small set")


@pytest.fixture(scope="module")
def audited(raw, tmp_path_factory):
    return quietly(raw, tmp_path_factory.mktemp("out"))


def kept(folder: Path) -> dict[str, int]:
    """When each measurement was written."""
    paths = (folder / "measurements").rglob("*.safetensors")
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in paths}


# --- What is written ------------------------------------------------------------------------------
def test_all_that_was_promised_is_written(audited):
    found, folder = audited
    names = {path.name for path in folder.iterdir()}
    assert names >= {"index.html", "audit.json", "clips.csv", "pairs.csv", "grouped.csv", "figures"}
    content = read_json(folder / "audit.json")
    assert content["clips"] == 19
    assert content["decodable"] == 18
    assert len(content["in_short"]) == 4
    assert content["provenance"]["seed"] == 0
    assert len(content["claims"]) == len(found.claims)
    clips = pd.read_csv(folder / "clips.csv")
    assert clips.loc[clips["id"] == "test/Sad/broken", "status"].item() == "unreadable"
    assert clips["loudness_db"].notna().sum() == 18


def test_a_loud_class_is_measured_as_such(audited):
    found, _ = audited
    means = found.means[found.means["cue"] == "loudness_db"].set_index("emotion")["mean"]
    difference_db = means["Excited"] - means.drop("Excited").max()
    assert difference_db == pytest.approx(20 * np.log10(9), abs=0.1)


def test_the_grouped_split_keeps_every_source_in_one_place(audited):
    found, folder = audited
    table = read_splits(folder / "grouped.csv")
    assert set(table["id"]) == set(found.usable["id"])
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert table["split"].value_counts().to_dict() == {"Train": 12, "test": 6}


class Page(HTMLParser):
    """What a page refers to, shows and says."""

    def __init__(self, path: Path):
        super().__init__()
        self.images, self.links, self.ids, self.text = [], [], set(), ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        self.links += [found[key] for key in ("href", "src") if key in found]
        self.images += [found] if tag == "img" else []

    def handle_data(self, data):
        self.text += data


def test_the_page_asks_nothing_of_the_network_and_all_it_shows_is_there(audited):
    _, folder = audited
    page, source = Page(folder / "index.html"), (folder / "index.html").read_text()
    assert not re.search(r"https?://|//cdn|@import|<script|url\(", source)
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (folder / link).is_file(), link


def test_every_picture_of_the_page_has_words_and_a_size(audited):
    page = Page(audited[1] / "index.html")
    assert len(page.images) > 20
    for image in page.images:
        assert len(image["alt"]) > 10, image
        assert int(image["width"]) > 100
    assert "n/a" not in page.text
    assert not re.search(r"\bnan\b|None\b(?! )|\bNaN\b", page.text)


@pytest.mark.parametrize(
    ("kind", "split", "verdict"),
    [
        ("overlap", "Train", "does not hold"),
        ("same source", "Train", "holds"),
        ("overlap", "test", "holds"),
    ],
)
def test_the_same_seconds_in_train_and_test_were_used_in_training(audited, kind, split, verdict):
    pair = {"kind": kind, "split_a": "test", "split_b": split, "confidence": 1.0}
    pairs = pd.DataFrame([pair | {"crosses_splits": split != "test"}])
    rows = {row["quote"]: row for row in claims_on_clips(replace(audited[0], pairs=pairs))}
    assert rows["were never used in the training process"]["verdict"] == verdict


def test_quotes_of_the_paper_and_untested_claims_stand_on_the_page(audited):
    page = Page(audited[1] / "index.html")
    for quote in ("dancing scenes", "tears in eyes", "high volume", "slow-changing scenes"):
        assert quote in page.text
    assert page.text.count("untested") >= 5


# --- Resuming -------------------------------------------------------------------------------------
def test_a_second_run_measures_nothing_and_finds_the_same(raw, audited):
    found, folder = audited
    before = kept(folder)
    again = look(raw, folder)
    assert kept(folder) == before
    pd.testing.assert_frame_equal(again.clips, found.clips)
    pd.testing.assert_frame_equal(again.claims, found.claims)
    pd.testing.assert_frame_equal(again.shortcuts, found.shortcuts)


def test_only_what_changed_is_measured_again_and_what_is_gone_is_dropped(tmp_path, audited, raw):
    copy, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, copy)
    shutil.copytree(audited[1] / "measurements", out / "measurements")
    before = kept(out)
    sound = hum(3.0, amplitude=0.5)
    write_clip(copy / "Train/Fear/0.mp4", Movie(seconds=3.0, height=72, width=128), sound)
    (copy / "Train/Fear/1.mp4").unlink()
    found = look(copy, out)
    after = kept(out)
    assert before.keys() - after.keys() == {"measurements/Train/Fear/1.safetensors"}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"measurements/Train/Fear/0.safetensors"}
    loudness = found.clips.set_index("id")["loudness_db"]["Train/Fear/0"]
    assert loudness == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)


def test_a_damaged_measurement_is_made_again(tmp_path, audited, raw):
    out = tmp_path / "out"
    shutil.copytree(audited[1] / "measurements", out / "measurements")
    damaged = out / "measurements/Train/Sad/0.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:100])
    found = look(raw, out)
    pd.testing.assert_frame_equal(found.clips, audited[0].clips)


@pytest.mark.slow
def test_an_audit_that_was_killed_goes_on(tmp_path, audited, raw):
    command = [sys.executable, "-m", "mvemotion", "audit", str(raw), "--out", str(tmp_path)]
    process = subprocess.Popen([*command, "--workers", "1"], start_new_session=True)
    while len(kept(tmp_path)) < 3 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = kept(tmp_path)
    assert 3 <= len(before) < 19
    found = look(raw, tmp_path)
    after = kept(tmp_path)
    assert {name: after[name] for name in before} == before
    pd.testing.assert_frame_equal(found.clips, audited[0].clips)


# --- Stores, options and errors -------------------------------------------------------------------
def test_a_store_gets_its_split_and_its_face_rates(tmp_path, raw):
    root = tmp_path / "store"
    store = make_store(root, SPLITS)
    found, folder = quietly(root, None, raw=raw)
    assert folder == root / "audit"
    assert found.usable["face_searched"].eq(8).all()
    split = Store(root, splits="grouped").clips()
    assert set(split["id"]) == set(store.clips()["id"])
    page = (folder / "index.html").read_text()
    assert "--splits grouped" in page
    assert "Faces by class" in page
    assert [row["rate"] for row in read_json(folder / "audit.json")["faces"]] == [1.0] * 6


def test_the_files_of_a_store_have_to_be_found(tmp_path):
    make_store(tmp_path / "store", SPLITS)
    with pytest.raises(DataError, match="--raw DIR"):
        quietly(tmp_path / "store", tmp_path / "out")
    with pytest.raises(DataError, match="are not in"):
        quietly(tmp_path / "store", tmp_path / "out", raw=tmp_path)


def test_candidates_that_the_eye_rejects_are_left_out(tmp_path, raw):
    twins = tmp_path / "<b>twins"
    shutil.copytree(raw, twins)
    shutil.copy(twins / "Train/Sad/0.mp4", twins / "test/Sad/twin.mp4")
    found, out = quietly(twins, tmp_path / "out")
    pair = found.pairs.iloc[0]
    assert (pair["id_a"], pair["id_b"]) == ("Train/Sad/0", "test/Sad/twin")
    assert found.sources["crossing_splits"] == 1
    assert found.sharing["sharing"].to_dict() == {"Train": 1, "test": 1}
    source = (out / "index.html").read_text()
    assert source.count("Candidates 1 to") == 1
    assert "<b>" not in source
    assert "&lt;b&gt;twins" in source
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("id_a,id_b\ntest/Sad/twin,Train/Sad/0\n")
    found = look(twins, tmp_path / "out", rejected=wrong)
    assert found.sources["crossing_splits"] == 0
    wrong.write_text("clip\nx\n")
    with pytest.raises(InputError, match="columns id_a and id_b"):
        look(twins, tmp_path / "out", rejected=wrong)


def test_clips_without_splits_are_audited_too(tmp_path, raw):
    flat = tmp_path / "flat"
    for path in (raw / "Train").rglob("*.mp4"):
        target = flat / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    found, folder = quietly(flat, tmp_path / "out")
    assert set(found.usable["split"]) == {""}
    assert (found.shortcuts.query("design == 'Train to test'")["missing"] != "").all()
    assert set(read_splits(folder / "grouped.csv")["split"]) <= {"Train", "Validation", "test"}


def test_bad_arguments_and_bad_data_have_their_exit_codes(tmp_path, raw, capsys):
    out = ["--out", str(tmp_path / "out")]
    assert main(["audit", str(tmp_path / "nowhere"), *out]) == 3
    assert main(["audit", str(raw), "--raw", str(raw), *out]) == 2
    assert "no store" in capsys.readouterr().err
    broken = tmp_path / "broken" / "Train" / "Sad" / "a.mp4"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"nothing")
    assert main(["audit", str(tmp_path / "broken"), *out, "--workers", "1"]) == 3
    assert "none of 1 clips decodes" in capsys.readouterr().err


def test_the_command_prints_the_main_points(raw, audited, capsys):
    assert main(["audit", str(raw), "--out", str(audited[1]), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    content = json.loads((audited[1] / "audit.json").read_text())
    assert all(sentence in printed for sentence in content["in_short"])
    assert str(audited[1] / "index.html") in printed
