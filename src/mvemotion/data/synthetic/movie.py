"""Clips, and films of several, to MP4 files: H.264 (yuv420p) and AAC (44.1 kHz stereo)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import numpy as np

from mvemotion.data.synthetic.factors import Factors
from mvemotion.data.synthetic.picture import render_frames
from mvemotion.data.synthetic.sound import SAMPLE_RATE_HZ, render_sound
from mvemotion.errors import InputError
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
    return write_film(path, [factors])


def write_film(
    path: Path, scenes: Sequence[Factors], *, on_second: Callable[[int], object] | None = None
) -> Path:
    """Render and encode clips one after another as one film, written whole or not at all.

    Parameters
    ----------
    path : Path
    scenes : sequence of Factors
        Of one size and frame rate.
    on_second : callable, optional
        Called with the seconds written so far; what it raises ends the writing.
    """
    shapes = {(scene.width, scene.height, scene.fps) for scene in scenes}
    if len(shapes) != 1:
        raise InputError(f"scenes of (width, height, fps) {sorted(shapes)}: all must be alike")
    return write_atomically(path, lambda part: _write(part, scenes, on_second))


def _write(part: Path, scenes: Sequence[Factors], on_second: Callable | None) -> None:
    with av.open(str(part), "w", format="mp4", container_options={"fflags": "+bitexact"}) as file:
        file.metadata["comment"] = "+".join(map(digest, scenes))
        for second in _encode(file, scenes):
            if on_second:
                on_second(second)


def _encode(file, scenes: Sequence[Factors]) -> Iterator[int]:
    """Second by second, so that picture and sound lie side by side in the file; counts them."""
    first, samples, seconds = scenes[0], 0, 0
    options = {"preset": "superfast", "crf": "23", "threads": "1"}
    video = file.add_stream("libx264", rate=first.fps, options=options)
    video.width, video.height, video.pix_fmt = first.width, first.height, "yuv420p"
    coder = {"aac_coder": "fast"}  # a third of the time of the default, no larger
    audio = file.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo", options=coder)
    for factors in scenes:
        frames, waveform = render(factors)
        for start in range(0, len(waveform), SAMPLE_RATE_HZ):
            chunk = np.ascontiguousarray(waveform[start : start + SAMPLE_RATE_HZ].T)
            sound = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts = SAMPLE_RATE_HZ, samples + start
            file.mux(audio.encode(sound))
            for frame in islice(frames, factors.fps):
                file.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            seconds += 1
            yield seconds
        samples += len(waveform)
    file.mux(video.encode(None))
    file.mux(audio.encode(None))
