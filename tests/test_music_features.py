"""librosa's features of a clip's sound: what they are, and that none is computed twice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mvemotion.baselines.music_features import (
    FEATURES,
    RATE_HZ,
    music_features,
    read_music_features,
    why_no_sound,
)
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from raw_clips import quietly, usual_raw, write_kinds
from stores import make_store


def named(waveform: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, music_features(waveform.astype(np.float32)).tolist(), strict=True))


def tone(frequency_hz: float, seconds: float = 3.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


# --- The numbers ----------------------------------------------------------------------------------
def test_every_number_has_a_name_of_its_own():
    assert len(set(FEATURES)) == len(FEATURES) == 2 * (3 * 20 + 12 + 7 + 7) + 2


def test_a_tone_is_known_by_its_note_loudness_and_crossings():
    found = named(tone(440))
    chroma = {name: value for name, value in found.items() if name.startswith("chroma_")}
    means = {name: value for name, value in chroma.items() if name.endswith("_mean")}
    assert max(means, key=means.get) == "chroma_A_mean"
    assert found["rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    assert found["zero_crossings_mean"] == pytest.approx(2 * 440 / RATE_HZ, rel=0.03)
    assert found["centroid_mean"] == pytest.approx(440, rel=0.1)


def test_clicks_twice_a_second_are_120_beats_a_minute():
    clicks = np.zeros(10 * RATE_HZ)
    for start in range(RATE_HZ // 4, len(clicks), RATE_HZ // 2):
        clicks[start : start + 400] = np.hanning(400) * np.sin(np.arange(400))
    found = named(clicks)
    assert found["tempo_bpm"] == pytest.approx(120, rel=0.05)
    assert found["onsets_per_s"] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("seconds", [0.25, 2.0])
def test_silence_has_numbers_too(seconds):
    assert np.isfinite(music_features(np.zeros(int(seconds * RATE_HZ), np.float32))).all()


def test_networks_are_trained_without_librosa():
    code = (
        "import sys, mvemotion.pipeline.jobs, mvemotion.replication, mvemotion.training\n"
        "assert 'librosa' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Of a store -----------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path) -> Store:
    movies = write_kinds(tmp_path / "movies", "good", "faces", "mono")
    quietly(usual_raw(tmp_path / "raw", movies), tmp_path / "store", faces="none")
    return Store(tmp_path / "store")


def read(store: Store, folder: Path, **options):
    return read_music_features(store, folder, progress=False, **{"workers": 0} | options)


def test_each_clip_has_a_row_whatever_its_name(store, tmp_path):
    found = read(store, tmp_path / "kept")
    assert list(found.index) == store.clips()["id"].tolist()
    assert list(found.columns) == list(FEATURES)
    assert found.notna().all(axis=None)
    # tones of 440 and 660 Hz, one a channel; mono has the first alone
    mono = found.loc["test/Fear/ünïcode_"]
    assert mono["chroma_A_mean"] > mono["chroma_E_mean"]
    assert found.loc["Train/Excited/14", "chroma_E_mean"] > mono["chroma_E_mean"]


def test_only_what_is_missing_is_computed(store, tmp_path):
    first = read(store, tmp_path / "kept")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.npy")}
    lost = min(kept)
    lost.unlink()
    again = read(store, tmp_path / "kept")
    assert again.equals(first)
    changed = [path for path in kept if path.stat().st_mtime_ns != kept[path]]
    assert changed == [lost]
    for path in store.raw_dir.rglob("*.mp4"):  # kept numbers need no files
        path.unlink()
    assert read(store, tmp_path / "kept").equals(first)


@pytest.mark.slow
def test_processes_find_the_same_numbers(store, tmp_path):
    alone = read(store, tmp_path / "alone")
    assert read(store, tmp_path / "together", workers=2).equals(alone)


def test_a_store_whose_files_are_gone_says_which_and_what_to_do(store, tmp_path):
    assert why_no_sound(store) == ""
    next(store.raw_dir.glob("test/*/video/*.mp4")).unlink()
    assert why_no_sound(store).startswith("1 of 3 clips' own files are not in raw/, such as test/")
    with pytest.raises(DataError, match=r"1 of 3 clips.*prepare again from where they are"):
        read(store, tmp_path / "kept")


def test_a_store_without_origin_says_so(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1})
    with pytest.raises(DataError, match=r"own files lie is not known; `mvemotion prepare"):
        read(store, tmp_path / "kept")


def test_a_file_that_was_changed_since_is_refused(store, tmp_path):
    path = store.raw_dir / "Train/Excited/video/14.mp4"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"Excited/video/14.mp4: changed since it was prepared"):
        read(store, tmp_path / "kept")
    left = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert all(path.suffix == ".npy" for path in left)
