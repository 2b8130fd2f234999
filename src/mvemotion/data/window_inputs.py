"""What one window of a recording holds for a network: arrays as the store has them, and a note."""

from collections.abc import Set
from dataclasses import dataclass, field

import numpy as np
import torch

from mvemotion.data.convert import face_arrays, music_arrays, video_array
from mvemotion.media.audio import MIN_AUDIO_SHARE
from mvemotion.media.sampling import frame_indices
from mvemotion.media.windows import Excerpt
from mvemotion.specs import ClipFormat

TAIL_S = 0.25  # about a packet of sound or some pictures: not worth a window of its own
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class Window:
    """What one window of a recording holds for a network.

    Attributes
    ----------
    start_s : float
        Where it begins, in seconds of the recording.
    item : dict or None
        As `ClipDataset` gives it; None if the network needs what is not there.
    note : str
        What is unusual about it; mostly empty.
    thumbnail : np.ndarray
        uint8 (H, W, 3), the picture in its middle; empty where there is none.
    times_s : dict of np.ndarray
        When the pictures in ``video`` and ``face`` were shown, float64 (T,), in seconds of the
        recording; empty for ``face`` without one.
    """

    start_s: float
    item: dict | None
    note: str
    thumbnail: np.ndarray
    times_s: dict[str, np.ndarray] = field(default_factory=dict)


def read_window(excerpt: Excerpt, arrays: Set[str], clip_format: ClipFormat) -> Window:
    """The arrays of one window, as the store would hold them, and what is unusual about it.

    Parameters
    ----------
    excerpt : Excerpt
    arrays : set of str
        Those that the network reads: ``music``, ``video``, ``face`` and their like.
    clip_format : ClipFormat
        Their sizes.
    """
    found, times_s, notes = {}, {}, []
    thumbnail = next(iter(excerpt.pictures.get("thumbnail", {}).values()), NO_PICTURE)
    if any(name.startswith("music") for name in arrays):
        waveform, note = _padded(excerpt, clip_format.duration_s)
        notes.append(note)
        if not len(waveform):
            return Window(excerpt.start_s, None, note, thumbnail)
        found |= music_arrays(waveform, excerpt.sample_rate_hz, clip_format)
    if arrays & {"video", "face"} and not excerpt.available:
        return Window(excerpt.start_s, None, "no picture", thumbnail)
    if "video" in arrays:
        found["video"], times_s["video"] = _video(excerpt, clip_format)
    has_face = True
    if "face" in arrays:
        found["face"], times_s["face"] = _face(excerpt, clip_format)
        has_face = len(times_s["face"]) > 0
        notes.append("" if has_face else "no face")
    item = {"has_face": has_face} | {name: torch.from_numpy(found[name]) for name in arrays}
    return Window(excerpt.start_s, item, ", ".join(filter(None, notes)), thumbnail, times_s)


def _video(excerpt: Excerpt, clip_format: ClipFormat) -> tuple[np.ndarray, np.ndarray]:
    shown = excerpt.pictures["frame"]
    chosen = frame_indices(len(shown), clip_format.frames)
    return video_array(list(shown.values()), clip_format), excerpt.times_s[list(shown)][chosen]


def _face(excerpt: Excerpt, clip_format: ClipFormat) -> tuple[np.ndarray, np.ndarray]:
    crops = {i: crop for i, crop in excerpt.pictures["face"].items() if crop is not None}
    array, source = face_arrays(crops, clip_format)
    return array, excerpt.times_s[source[source >= 0]]


def _padded(excerpt: Excerpt, duration_s: float) -> tuple[np.ndarray, str]:
    """The window's sound and a note; silence is put after sound that ends too early."""
    waveform, rate_hz = excerpt.waveform, excerpt.sample_rate_hz
    found_s = len(waveform) / rate_hz if rate_hz else 0.0
    if found_s < TAIL_S:  # the end of a codec's last packet
        return waveform[:0], "no sound"
    if found_s >= MIN_AUDIO_SHARE * duration_s:  # as `prepare` takes it
        return waveform, ""
    missing = int(duration_s * rate_hz) - len(waveform)
    return np.pad(waveform, (0, missing)), f"{found_s:.1f} s of sound"
