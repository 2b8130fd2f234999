"""The film of what a network gets plays its frames and sound, for as long as the clip was."""

import io

import av
import numpy as np
import pytest

from media_files import Movie, barcode, read_barcode, write_movie
from mvemotion.media.playback import render_film


def test_a_film_holds_every_frame_and_the_sound(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=4.2, channels=1))
    frames = np.stack([barcode(index, 64, 64) for index in range(16)], axis=2)
    film = render_film(path, frames, sample_rate_hz=8_000, duration_s=4.0)
    with av.open(io.BytesIO(film)) as container:
        shown = list(container.decode(video=0))
    assert [read_barcode(frame.to_ndarray(format="rgb24")) for frame in shown] == list(range(16))
    assert [frame.time for frame in shown] == pytest.approx(np.arange(16) / 4, abs=0.01)
    with av.open(io.BytesIO(film)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loudest_hz = np.abs(np.fft.rfft(heard[8_000:24_000])).argmax() / 2
    assert loudest_hz == pytest.approx(440.0, abs=1)
    assert len(heard) == pytest.approx(32_000, abs=2_048)
