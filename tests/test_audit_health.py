"""Faulty files, made as such, are flagged for what is wrong with them and for nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit_clips import RATE_HZ, black, hum, letterboxed, moving, still, write_clip
from media_files import Movie, write_movie
from mvemotion.audit.health import UNUSABLE, face_rates, find_flags
from mvemotion.audit.measurements import measure_all
from mvemotion.audit.signals import read_signals
from mvemotion.errors import ClipError

SECONDS = 8.0
PLAIN = {"seconds": SECONDS, "height": 240, "width": 320, "fps": 25, "draw": moving}


def half_black(index: int, height: int, width: int) -> np.ndarray:
    return (black if index < 100 else moving)(index, height, width)


def half_silent() -> np.ndarray:
    return np.concatenate([hum(SECONDS / 2), np.zeros(round(SECONDS / 2 * RATE_HZ), np.float32)])


PLANTED = {  # name: movie, sound (None: the movie's own, stereo), flags expected
    "good": ({}, None, set()),
    "also good": ({}, None, set()),
    "letterboxed": ({"draw": letterboxed}, None, set()),
    "late": ({"seconds": 6.5, "video_start_s": 1.5, "audio_s": SECONDS}, None, {"late video"}),
    "mono": ({"channels": 1}, None, {"mono"}),
    "silent": ({}, np.zeros(round(SECONDS * RATE_HZ), np.float32), {"silence", "mono"}),
    "half silent": ({}, half_silent(), {"silence", "mono"}),
    "clipped": ({}, np.clip(hum(SECONDS, amplitude=3.0), -1, 1), {"clipping", "mono"}),
    "black": ({"draw": black}, None, {"black pictures", "frozen picture", "odd file size"}),
    "half black": ({"draw": half_black}, None, {"black pictures"}),
    "frozen": ({"draw": still}, None, {"frozen picture"}),
    "short": ({"seconds": 6.0}, None, {"short audio", "short video"}),
    "slow": ({"fps": 10, "draw": lambda i, h, w: moving(2 * i, h, w)}, None, {"few pictures"}),
    "small": ({"height": 120, "width": 160}, None, {"small picture"}),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> pd.DataFrame:
    """The measurements of all planted clips, and of two files that are none."""
    root = tmp_path_factory.mktemp("raw")
    for name, (changes, sound, _) in PLANTED.items():
        movie, path = Movie(**PLAIN | changes), root / f"{name}.mp4"
        write_movie(path, movie) if sound is None else write_clip(path, movie, sound)
    (root / "garbage.mp4").write_bytes(b"no video at all" * 100)
    write_movie(root / "deaf.mp4", Movie(seconds=2, has_audio=False))
    names = [*PLANTED, "garbage", "deaf", "missing"]
    rows = [
        {"id": name, "split": "Train", "emotion": "Sad", "path": f"{name}.mp4"} for name in names
    ]
    clips = pd.DataFrame(rows).assign(face_frames=pd.NA, face_searched=pd.NA)
    clips["size_bytes"] = [_size(root / path) for path in clips["path"]]
    table, _ = measure_all(clips, root, root / "kept", duration_s=30, workers=0, progress=False)
    return table.set_index("id", drop=False)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_flagged_alone(measured, name):
    flags = find_flags(measured)
    # How well a picture compresses is its own business here.
    found = set(flags.loc[flags["id"] == name, "flag"]) - {"odd file size"}
    assert found == PLANTED[name][2] - {"odd file size"}


def test_files_that_do_not_decode_are_rows_with_their_reason(measured):
    flags = find_flags(measured).set_index("id")
    for name, reason in {"garbage": "unreadable", "deaf": "no audio", "missing": "no such"}.items():
        assert flags.loc[name, "flag"] == UNUSABLE
        assert reason in flags.loc[name, "found"]


def test_what_was_found_is_said_in_numbers(measured):
    found = find_flags(measured).set_index(["id", "flag"])["found"]
    assert found["late", "late video"] == "first picture at 1.50 s"
    assert found["silent", "silence"] == "silent throughout"
    assert found["black", "black pictures"] == "black throughout"
    assert found["slow", "few pictures"] == "10 pictures a second"
    assert found["small", "small picture"] == "160 x 120 pixels"


def test_shares_and_times_are_those_planted(measured):
    assert measured.loc["half silent", "silent_share"] == pytest.approx(0.5, abs=0.02)
    assert measured.loc["half black", "black_share"] == pytest.approx(0.5, abs=0.02)
    assert measured.loc["frozen", "still_s"] == pytest.approx(SECONDS, abs=0.3)
    clipped = np.mean(np.abs(hum(SECONDS, amplitude=3.0)) >= 0.999)
    assert measured.loc["clipped", "clipped_share"] == pytest.approx(clipped, abs=0.01)
    assert measured.loc["letterboxed", "bar_top"] == pytest.approx(1 / 8, abs=0.01)
    assert measured.loc["clipped", "peak"] == pytest.approx(1, abs=0.001)
    assert measured.loc["half silent", "peak"] == pytest.approx(0.3, abs=0.001)


def test_faces_are_counted_where_they_were_searched(measured):
    clips = measured.loc[["good", "late", "mono"]].assign(
        face_searched=[64, 64, 0], face_frames=[16, 0, 0]
    )
    rates = face_rates(clips).loc["Sad"]
    assert rates.to_dict() == {"clips": 2, "without_face": 1, "rate": 0.125}
    flags = find_flags(clips)
    assert flags.loc[flags["flag"] == "no face", "id"].tolist() == ["late"]


def test_signals_have_four_pictures_a_second_at_their_times(tmp_path):
    late = Movie(**PLAIN | {"seconds": 4.0, "video_start_s": 2.0, "audio_s": 6.0})
    signals = read_signals(write_movie(tmp_path / "late.mp4", late))
    assert signals.frames.shape == (16, 120, 160, 3)
    assert signals.times_s[0] == pytest.approx(2.0)
    assert np.diff(signals.times_s) == pytest.approx(0.25, abs=0.041)
    assert len(signals.waveform) == pytest.approx(6 * RATE_HZ, rel=0.01)
    assert signals.waveform.dtype == np.float32


def test_signals_stop_where_they_are_told_and_repeat_rare_pictures(tmp_path):
    rare = Movie(**PLAIN | {"fps": 1, "b_frames": 0})
    signals = read_signals(write_movie(tmp_path / "rare.mp4", rare), duration_s=4.0)
    assert len(signals.waveform) == 4 * RATE_HZ
    assert len(signals.frames) == 16
    assert len({frame.tobytes() for frame in signals.frames}) == 4


def test_sound_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "nan.mov"
    write_clip(path, Movie(seconds=1), np.full(RATE_HZ, np.nan, np.float32), codec="pcm_f32le")
    with pytest.raises(ClipError, match=r"22050 samples, 22050 of them no numbers"):
        read_signals(path)


def test_signals_of_no_media_file_are_refused(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("text")
    with pytest.raises(ClipError, match="unreadable"):
        read_signals(path)
