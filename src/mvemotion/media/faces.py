"""Faces by OpenCV's cascade classifier: where to search, what to crop, how to fill the clip."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mvemotion.errors import InputError
from mvemotion.media.sampling import frame_indices


@dataclass(frozen=True)
class Detector:
    """Settings of `cv2.CascadeClassifier.detectMultiScale`."""

    cascade: str
    width: int | None  # pixels to which wider pictures are reduced; None: as they are
    scale_factor: float
    neighbours: int
    min_share: float  # of the picture's shorter side, below which nothing is a face


DETECTORS = {
    # Both measured against a neural detector (benchmarks/faces.py): fewer false faces than "plain".
    "coarse": Detector("haarcascade_frontalface_alt2", 320, 1.2, 2, 0.15),
    "quick": Detector("haarcascade_frontalface_alt2", 320, 1.1, 3, 0.0),
    # What "the cascade classifier feature of OpenCV" (Section 3) means with nothing tuned.
    "plain": Detector("haarcascade_frontalface_default", None, 1.1, 5, 0.0),
}


def searched_frames(policy: str, available: int, wanted: int) -> np.ndarray:
    """Indices of the frames in which faces are searched (assumption 3).

    Parameters
    ----------
    policy : str
        ``"sampled"``: the frames of the video stream; ``"every-K"``: every K-th frame; ``"all"``:
        every frame, as in the paper; ``"none"``: no search, for work without the face networks.
    available : int
        Frames of the clip.
    wanted : int
        Frames of the video stream.

    Returns
    -------
    np.ndarray
        Increasing indices, int64.

    Raises
    ------
    InputError
        If there is no such policy.

    Examples
    --------
    >>> searched_frames("every-4", available=10, wanted=3)
    array([0, 4, 8])
    """
    if policy == "sampled":
        return np.unique(frame_indices(available, wanted))
    return np.arange(0, available if policy != "none" else 0, parse_policy(policy) or 1)


def parse_policy(policy: str) -> int | None:
    """Check a policy's name; the step K of ``"every-K"``, None for the others.

    Raises
    ------
    InputError
        If there is no such policy.
    """
    if policy in ("sampled", "all", "none"):
        return None
    head, _, step = policy.partition("-")
    if head == "every" and step.isdigit() and int(step) > 0:
        return int(step)
    raise InputError(
        f"face search {policy!r}: must be 'sampled', 'every-K' (K a positive whole number), 'all' "
        "or 'none'; try 'sampled'"
    )


def find_detector(name: str) -> Detector:
    """One of `DETECTORS`, by name.

    Raises
    ------
    InputError
        If there is no such detector.
    """
    if name not in DETECTORS:
        raise InputError(f"face detector {name!r}: must be one of {', '.join(DETECTORS)}")
    return DETECTORS[name]


def find_largest_face(luma: np.ndarray, detector: Detector) -> tuple[int, int, int] | None:
    """The largest face of a picture.

    Parameters
    ----------
    luma : np.ndarray
        uint8 (H, W).
    detector : Detector
        Which cascade, at which size.

    Returns
    -------
    tuple of int, or None
        Row, column and side of a square inside the picture, in its own pixels.
    """
    height, width = luma.shape
    scale = min(1.0, detector.width / width) if detector.width else 1.0
    if scale < 1:
        size = (detector.width, round(height * scale))
        luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    least = round(detector.min_share * min(luma.shape))
    boxes = _classifier(detector.cascade).detectMultiScale(
        luma,
        scaleFactor=detector.scale_factor,
        minNeighbors=detector.neighbours,
        minSize=(least, least),
    )
    if len(boxes) == 0:
        return None
    column, row, side, _ = max(boxes.tolist(), key=lambda box: (box[2], -box[1], -box[0]))
    side = min(round(side / scale), height, width)
    return min(round(row / scale), height - side), min(round(column / scale), width - side), side


def crop_face(picture: np.ndarray, box: tuple[int, int, int], size: int) -> np.ndarray:
    """Cut a square out of uint8 (H, W, 3) and scale it to (size, size, 3)."""
    row, column, side = box
    crop = picture[row : row + side, column : column + side]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return cv2.resize(crop, (size, size), interpolation=method)


def fill_positions(found: int, wanted: int) -> np.ndarray:
    """Which of the faces found stands at each position of the face stream.

    Too few are "repeated ... until satisfying the requirement" (Section 3), then put back in the
    order of time, so that motion runs forward; too many are thinned at equal intervals
    (assumption 17).

    Parameters
    ----------
    found, wanted : int
        Face frames found, and positions to fill.

    Returns
    -------
    np.ndarray
        int64 (wanted,), not decreasing.

    Examples
    --------
    >>> fill_positions(3, 8)
    array([0, 0, 0, 1, 1, 1, 2, 2])
    >>> fill_positions(8, 3)
    array([0, 4, 7])
    """
    if found >= wanted:
        return frame_indices(found, wanted)
    return np.sort(np.resize(np.arange(found), wanted))


@lru_cache(maxsize=4)
def _classifier(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}{name}.xml")
