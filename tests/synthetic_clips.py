"""Small synthetic clips, what they are made of, and what is in their files."""

import dataclasses
import hashlib
from pathlib import Path

import av
import numpy as np

from mvemotion.data.synthetic import Factors, draw_factors, render

SMALL = {"duration_s": 1.5, "size": (128, 96), "fps": 10}


def changed(emotion: str = "Neutral", **changes) -> Factors:
    """A small clip's factors with some of them set."""
    return dataclasses.replace(draw_factors(emotion, **SMALL), **changes)


def fingerprint(factors: Factors) -> str:
    """Sha256 of every bit of a rendered clip."""
    frames, waveform = render(factors)
    content = hashlib.sha256(waveform.tobytes())
    for frame in frames:
        content.update(frame.tobytes())
    return content.hexdigest()


def read_media(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, H, W, 3) and mono waveform of an MP4 file."""
    with av.open(str(path)) as file:
        frames = np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])
    with av.open(str(path)) as file:
        chunks = [frame.to_ndarray() for frame in file.decode(audio=0)]
    return frames, np.concatenate(chunks, axis=1).mean(axis=0)
