"""The files of a synthetic dataset: whole, resumable, in the published dataset's folders."""

import os
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pandas as pd
import pytest

from mvemotion.data.synthetic import draw_factors, render, synthesize, write_clip
from mvemotion.errors import DataError, InputError
from mvemotion.specs import EMOTIONS
from synthetic_clips import SMALL, read_media


def test_a_file_holds_what_was_rendered(tmp_path):
    factors = draw_factors("Tension", **SMALL)
    write_clip(tmp_path / "clip.mp4", factors)
    frames, waveform = read_media(tmp_path / "clip.mp4")
    drawn, played = render(factors)
    drawn = np.stack(list(drawn))
    assert frames.shape == drawn.shape
    assert np.abs(frames.astype(int) - drawn).mean() < 8
    played = played.mean(axis=1)
    assert len(waveform) >= len(played)
    assert np.corrcoef(waveform[: len(played)], played)[0, 1] > 0.95


def test_a_file_is_h264_in_yuv420p_with_stereo_aac(tmp_path):
    write_clip(tmp_path / "clip.mp4", draw_factors("Sad", **SMALL))
    with av.open(str(tmp_path / "clip.mp4")) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt, video.frames) == ("h264", "yuv420p", 15)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 44_100, 2)
        assert float(video.average_rate) == 10
        assert video.start_time == audio.start_time == 0


FEW = {"clips_per_class": {"Train": 1}, "progress": False, "workers": 0, **SMALL}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, synthesize(folder, **FEW)


def test_the_folders_are_those_of_the_published_dataset(dataset):
    folder, table = dataset
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.mp4"))
    assert files == sorted(table["path"])
    assert files == [f"Train/{e}/video/{e.lower()}_train_0000.mp4" for e in EMOTIONS]
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "factors.csv", keep_default_na=False), table, check_dtype=False
    )


def test_a_second_run_keeps_whole_files_and_mends_damaged_ones(dataset):
    folder, table = dataset
    whole, damaged = (folder / path for path in table["path"][:2])
    content = damaged.read_bytes()
    damaged.write_bytes(content[:2000])
    written = whole.stat().st_mtime_ns
    synthesize(folder, **FEW)
    assert whole.stat().st_mtime_ns == written
    assert damaged.read_bytes() == content
    assert not list(folder.rglob("*.part"))


def test_a_larger_dataset_contains_the_smaller_one(dataset):
    _, table = dataset
    for row in table.to_dict("records"):
        again = draw_factors(row["emotion"], "Train", 0, **SMALL)
        assert {"path": row["path"], **again.to_row()} == row


def test_a_folder_of_other_settings_is_refused(dataset):
    folder, _ = dataset
    with pytest.raises(DataError, match=r"made with other settings .* choose another folder"):
        synthesize(folder, **FEW | {"seed": 1})


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(InputError, match="'Test': 1; give each of Train, Validation, test"):
        synthesize(tmp_path, clips_per_class={"Test": 1}, progress=False)


def test_no_clips_at_all_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"clips_per_class \{'Train': 0\}: no clip in it"):
        synthesize(tmp_path, clips_per_class={"Train": 0}, progress=False)


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    few = f"clips_per_class={{'Train': 1}}, workers=0, progress=False, **{SMALL}"
    code = f"from mvemotion.data.synthetic import synthesize; synthesize({str(tmp_path)!r}, {few})"
    process = subprocess.Popen([sys.executable, "-c", code])
    while len(list(tmp_path.rglob("*.mp4"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (tmp_path / "Train" / "Sad" / "video").mkdir(parents=True, exist_ok=True)
    (tmp_path / "Train" / "Sad" / "video" / ".sad_train_0000.1.part.mp4").write_bytes(b"half")
    assert len(pd.read_csv(tmp_path / "factors.csv")) == 6  # every clip has its row from the start

    before = {path: path.stat().st_mtime_ns for path in _whole(tmp_path)}
    assert 1 <= len(before) <= 6
    table = synthesize(tmp_path, **FEW)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {path.relative_to(tmp_path).as_posix() for path in _whole(tmp_path)} == set(
        table["path"]
    )
    assert not list(tmp_path.rglob("*.part*"))


def _whole(folder) -> list:
    return [path for path in folder.rglob("*.mp4") if not path.name.startswith(".")]


def test_a_smaller_set_asked_for_later_keeps_the_rows_of_the_others(tmp_path):
    sizes = {"workers": 0, "progress": False, **SMALL}
    larger = synthesize(tmp_path, clips_per_class={"Train": 1, "test": 1}, **sizes)
    gone = tmp_path / "test" / "Sad" / "video" / "sad_test_0000.mp4"
    gone.unlink()
    table = synthesize(tmp_path, clips_per_class={"Train": 1}, **sizes)
    assert set(table["path"]) == set(larger["path"]) - {gone.relative_to(tmp_path).as_posix()}


def test_a_clip_whose_process_died_is_named(tmp_path, monkeypatch):
    def die_on_sad(function, jobs, **_):
        for job in jobs:
            yield job, None if job[1].emotion == "Sad" else function(*job)

    monkeypatch.setattr("mvemotion.data.synthetic.run_each", die_on_sad)
    with pytest.raises(DataError, match=r"sad_train_0000.mp4: the process .* run the same command"):
        synthesize(tmp_path, **FEW)
    assert len(_whole(tmp_path)) == 5
