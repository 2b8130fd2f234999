"""Processes of `prepare` stay small: no torch in them, and the same bytes as with it."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from media_files import Movie, write_movie
from mvemotion.data.clip_file import clip_path
from mvemotion.data.convert import Options
from mvemotion.data.prepare_clip import prepare_clip, use_one_thread
from mvemotion.data.sources import Source
from mvemotion.data.spectrogram_process import spectrogram_process
from mvemotion.data.workers import run_each
from mvemotion.errors import DataError
from mvemotion.media.audio import make_spectrogram
from mvemotion.specs import ClipFormat

HEAVY = {"torch", "torchaudio", "torchvision", "pandas", "sklearn", "scipy", "librosa", "h5py"}
REDUCED = ClipFormat(duration_s=2.0, mel_bands=32)


def prepare_and_look(*job) -> tuple[str, set[str], int]:
    """What became of a clip, the heavy libraries of this process, and its peak memory in MB."""
    row = prepare_clip(*job)
    facts = dict(s.split(":", 1) for s in Path("/proc/self/status").read_text().splitlines())
    return row["status"], HEAVY & set(sys.modules), int(facts["VmHWM"].split()[0]) // 1024


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_movie(tmp_path_factory.mktemp("raw") / "clip.mp4", Movie(seconds=3.0))


def look_at_worker(clip, store, make) -> tuple[str, set[str], int]:
    source = Source("clip", "Train", "Sad", clip)
    job = (source, clip.parent, store, Options(REDUCED, "sampled", "quick"), make)
    ((_, result),) = run_each(prepare_and_look, [job], workers=1, initializer=use_one_thread)
    return result


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_worker_stays_small_and_stores_what_one_with_torch_stores(clip, tmp_path):
    with spectrogram_process() as make:
        status, heavy, peak_mb = look_at_worker(clip, tmp_path / "without", make)
    assert (status, heavy) == ("ok", set())
    assert peak_mb < 250
    status, heavy, peak_mb_with = look_at_worker(clip, tmp_path / "with", make_spectrogram)
    assert (status, "torch" in heavy) == ("ok", True)
    assert peak_mb_with > peak_mb
    paths = [clip_path(tmp_path / name, "clip") for name in ("without", "with")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_process_that_hands_out_clips_needs_no_torch_either():
    code = "import sys, mvemotion.data.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_failed_spectrogram_fails_at_its_caller_and_the_next_is_made():
    sound = np.linspace(-1, 1, 2 * 8_000, dtype=np.float32)
    with spectrogram_process() as make:
        with pytest.raises(RuntimeError, match="stft"):
            make(sound.reshape(2, 2, 4_000), 8_000, REDUCED)
        made = make(sound, 8_000, REDUCED)
    np.testing.assert_array_equal(made, make_spectrogram(sound, 8_000, REDUCED))


def test_the_death_of_the_spectrogram_process_is_told():
    before = set(multiprocessing.active_children())
    with spectrogram_process() as make:
        (process,) = set(multiprocessing.active_children()) - before
        process.kill()
        process.join()
        with pytest.raises(DataError, match="spectrograms has ended"):
            make(np.zeros(8_000, np.float32), 8_000, REDUCED)
