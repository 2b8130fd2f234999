"""Anti-aliased shapes at fractions of a pixel, on uint8 RGB pictures of shape (H, W, 3).

OpenCV's shapes take fixed-point numbers; here all are given in pixels as floats.
"""

from collections.abc import Iterable

import cv2
import numpy as np

SHIFT = 4  # binary places below the pixel
COLOUR = tuple[int, int, int]


def _fixed(values: Iterable[float]) -> tuple[int, ...]:
    return tuple(round(value * 2**SHIFT) for value in values)


def _fixed_points(points) -> np.ndarray:
    return np.rint(np.asarray(points, float) * 2**SHIFT).astype(np.int32)


def ellipse(picture: np.ndarray, centre, axes, colour: COLOUR, *, tilt_deg: float = 0.0) -> None:
    """Fill an ellipse with half axes `axes` in pixels."""
    axes = tuple(max(1, axis) for axis in _fixed(axes))
    cv2.ellipse(picture, _fixed(centre), axes, tilt_deg, 0, 360, colour, -1, cv2.LINE_AA, SHIFT)


def polygon(picture: np.ndarray, points, colour: COLOUR) -> None:
    """Fill a closed polygon of points (x, y)."""
    cv2.fillPoly(picture, [_fixed_points(points)], colour, cv2.LINE_AA, SHIFT)


def stroke(picture: np.ndarray, points, colour: COLOUR, width: float) -> None:
    """Draw an open line through points (x, y), `width` pixels wide (one at least)."""
    width = max(1, round(width))
    cv2.polylines(picture, [_fixed_points(points)], False, colour, width, cv2.LINE_AA, SHIFT)


def gradient(size: tuple[int, int], top: COLOUR, bottom: COLOUR) -> np.ndarray:
    """Picture of size (width, height) that fades from one colour down to another."""
    width, height = size
    share = np.linspace(0, 1, height)[:, None, None]
    column = np.round((1 - share) * np.array(top) + share * np.array(bottom)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(column, (height, width, 3)))


def blend(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """(1 - share) * first + share * second in whole 256ths, alike on every processor."""
    second_256 = round(256 * share)
    mixed = first.astype(np.uint16) * (256 - second_256) + second.astype(np.uint16) * second_256
    return ((mixed + 128) >> 8).astype(np.uint8)


def shade(colour: COLOUR, factor: float) -> COLOUR:
    """The colour made darker (below 1) or lighter (above 1)."""
    return tuple(min(255, round(channel * factor)) for channel in colour)
