"""One clip to one MP4 file: H.264 (yuv420p) and AAC (44.1 kHz stereo)."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np

from mvemotion.data.synthetic.factors import Factors
from mvemotion.data.synthetic.picture import render_frames
from mvemotion.data.synthetic.sound import SAMPLE_RATE_HZ, render_sound
from mvemotion.files import write_atomically

VERSION = "2"  # of the drawing and the sound; raise it when the same factors give another clip


def render(factors: Factors) -> tuple[Iterator[np.ndarray], np.ndarray]:
    """What one clip shows and sounds like, before any encoder.

    Returns
    -------
    frames : iterator of ndarray, uint8 (H, W, 3)
        RGB, drawn as they are asked for.
    waveform : ndarray, float32 (samples, 2)
        44.1 kHz, in [-1, 1].
    """
    return render_frames(factors), render_sound(factors)


def digest(factors: Factors) -> str:
    """Sixteen hexadecimal digits that stand for everything the clip is made from."""
    text = json.dumps([VERSION, factors.to_row()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_digest(path: Path) -> str | None:
    """Digest written into an MP4 file; None if it is damaged or was made by another program."""
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment")
    except av.error.FFmpegError:
        return None


def write_clip(path: Path, factors: Factors) -> Path:
    """Render and encode one clip; the file appears under its name only when it is whole."""
    return write_atomically(path, lambda part: _write(part, factors))


def _write(path: Path, factors: Factors) -> None:
    frames, waveform = render(factors)
    with av.open(str(path), "w", format="mp4", container_options={"fflags": "+bitexact"}) as file:
        file.metadata["comment"] = digest(factors)
        _encode(file, frames, waveform, factors)


def _encode(file, frames: Iterable[np.ndarray], waveform: np.ndarray, factors: Factors) -> None:
    """Second by second, so that picture and sound lie side by side in the file."""
    options = {"preset": "superfast", "crf": "23", "threads": "1"}
    video = file.add_stream("libx264", rate=factors.fps, options=options)
    video.width, video.height, video.pix_fmt = factors.width, factors.height, "yuv420p"
    coder = {"aac_coder": "fast"}  # a third of the time of the default, no larger
    audio = file.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo", options=coder)
    for start in range(0, len(waveform), SAMPLE_RATE_HZ):
        chunk = np.ascontiguousarray(waveform[start : start + SAMPLE_RATE_HZ].T)
        sound = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
        sound.sample_rate, sound.pts = SAMPLE_RATE_HZ, start
        file.mux(audio.encode(sound))
        for frame in islice(frames, factors.fps):
            file.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
    file.mux(video.encode(None))
    file.mux(audio.encode(None))
