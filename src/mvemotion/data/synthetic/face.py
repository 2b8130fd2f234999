"""A drawn face with an expression, plain enough to read and real enough for a Haar cascade.

The cascade looks for dark eyes under a lighter forehead and between lighter cheeks, a light bridge
of the nose, and a dark mouth: hence the soft shading.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mvemotion.data.synthetic import drawing
from mvemotion.data.synthetic.factors import Factors

SKINS = ((244, 208, 180), (232, 188, 152), (214, 164, 124), (190, 138, 98), (160, 112, 80))
HAIRS = ((40, 28, 22), (70, 44, 28), (120, 82, 44), (28, 26, 30), (92, 40, 26))
LIPS = (150, 52, 58)
CLOTHES = ((60, 70, 120), (130, 50, 60), (50, 100, 80), (90, 80, 90), (150, 120, 60))


@dataclass(frozen=True)
class Look:
    """What stays with a singer through a clip."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    clothes: tuple[int, int, int]
    width: float  # of the face, as a share of its height
    has_long_hair: bool


@dataclass(frozen=True)
class Expression:
    """What moves: curve and brows from -1 to 1, openings from 0 to 1, gaze from -1 to 1."""

    mouth_curve: float
    mouth_open: float
    eye_open: float
    brow_angle: float
    gaze: float = 0.0
    has_tears: bool = False


@dataclass(frozen=True)
class Pose:
    """Where the face is: centre and half height in pixels, tilt in radians."""

    x: float
    y: float
    scale: float
    tilt: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the face's own axes (half height 1, y down) in pixels."""
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        across, down = cos * x - sin * y, sin * x + cos * y
        return self.x + self.scale * across, self.y + self.scale * down


def draw_look(factors: Factors) -> Look:
    """The singer of one clip."""
    rng = factors.generator("face")
    pick = lambda choices: choices[int(rng.integers(len(choices)))]  # noqa: E731
    return Look(
        pick(SKINS), pick(HAIRS), pick(CLOTHES), 0.74 + 0.08 * rng.random(), rng.random() < 0.5
    )


def draw_face(picture: np.ndarray, pose: Pose, look: Look, expression: Expression) -> None:
    """Draw head and shoulders into an RGB picture, uint8 (H, W, 3), in place."""
    brush = _Brush(picture, pose)
    _draw_head(brush, look)
    _draw_relief(brush, look)
    _soften(picture, pose)
    for side in (-1, 1):
        _draw_eye(brush, look, expression, side)
    _draw_mouth(brush, look, expression)
    if expression.has_tears:
        for side in (-1, 1):
            brush.ellipse((side * 0.36, 0.22), (0.035, 0.17), (205, 225, 245))


@dataclass(frozen=True)
class _Brush:
    """Draws in the face's own axes."""

    picture: np.ndarray
    pose: Pose

    def ellipse(self, centre, axes, colour) -> None:
        axes = [axis * self.pose.scale for axis in axes]
        tilt_deg = math.degrees(self.pose.tilt)
        drawing.ellipse(self.picture, self.pose.at(*centre), axes, colour, tilt_deg=tilt_deg)

    def polygon(self, points, colour) -> None:
        drawing.polygon(self.picture, [self.pose.at(*point) for point in points], colour)

    def stroke(self, points, colour, width: float) -> None:
        points = [self.pose.at(*point) for point in points]
        drawing.stroke(self.picture, points, colour, width * self.pose.scale)


def _draw_head(brush: _Brush, look: Look) -> None:
    wide = look.width
    if look.has_long_hair:
        brush.ellipse((0, 0.25), (wide + 0.24, 1.25), look.hair)
    brush.ellipse((0, 2.15), (1.65, 0.95), look.clothes)
    brush.polygon(
        [(-0.3, 0.7), (0.3, 0.7), (0.38, 1.4), (-0.38, 1.4)], drawing.shade(look.skin, 0.72)
    )
    brush.ellipse((0, -0.22), (wide + 0.14, 0.98), look.hair)
    for side in (-1, 1):
        brush.ellipse((side * (wide + 0.02), 0.05), (0.10, 0.19), drawing.shade(look.skin, 0.85))
    brush.ellipse((0, 0.04), (wide, 0.98), look.skin)
    fringe = [(wide * np.cos(a), -0.22 + 0.92 * np.sin(a)) for a in np.linspace(3.35, 6.07, 13)]
    brush.polygon([*fringe, (wide * 0.55, -0.66), (0, -0.73), (-wide * 0.6, -0.6)], look.hair)


def _draw_relief(brush: _Brush, look: Look) -> None:
    """Light forehead, cheeks and nose; shaded sockets, jaw and nostrils."""
    brush.ellipse((0, -0.42), (0.46, 0.16), drawing.shade(look.skin, 1.08))
    for side in (-1, 1):
        brush.ellipse((side * 0.33, -0.13), (0.25, 0.15), drawing.shade(look.skin, 0.70))
        brush.ellipse((side * 0.42, 0.22), (0.2, 0.15), drawing.shade(look.skin, 1.1))
    brush.ellipse((0, 0.84), (0.3, 0.1), drawing.shade(look.skin, 0.9))
    brush.polygon(
        [(-0.06, -0.25), (0.06, -0.25), (0.11, 0.2), (-0.11, 0.2)], drawing.shade(look.skin, 1.1)
    )
    brush.ellipse((0, 0.27), (0.15, 0.055), drawing.shade(look.skin, 0.68))


def _soften(picture: np.ndarray, pose: Pose) -> None:
    """Blur the shading, inside the face's square only."""
    reach, radius = 1.2 * pose.scale, max(1, round(pose.scale / 14))
    top, left = max(0, round(pose.y - reach)), max(0, round(pose.x - reach))
    square = picture[top : round(pose.y + reach), left : round(pose.x + reach)]
    square[:] = cv2.GaussianBlur(square, (2 * radius + 1, 2 * radius + 1), 0)


def _draw_eye(brush: _Brush, look: Look, expression: Expression, side: int) -> None:
    half = 0.035 + 0.085 * expression.eye_open
    centre = np.array((side * 0.33, -0.1))
    brush.ellipse(centre, (0.185, half + 0.03), drawing.shade(look.skin, 0.38))  # lashes
    brush.ellipse(centre, (0.165, half), (238, 236, 232))
    iris = centre + (0.05 * expression.gaze, 0.0)
    brush.ellipse(iris, (0.085, min(half, 0.085)), (48, 34, 28))
    brush.ellipse(iris + (0.025, -0.03), (0.02, 0.02), (250, 250, 250))
    lift = 0.05 * expression.eye_open
    inner = (side * 0.13, -0.31 - lift + 0.11 * expression.brow_angle)
    middle = (side * 0.34, -0.37 - lift)
    outer = (side * 0.54, -0.31 - lift - 0.06 * expression.brow_angle)
    brush.stroke([inner, middle, outer], drawing.shade(look.hair, 0.8), 0.075)


def _draw_mouth(brush: _Brush, look: Look, expression: Expression) -> None:
    """Two curves whose corners rise with the curve and whose middles part with the opening."""
    across = np.linspace(-1, 1, 11)
    half_width = 0.27 + 0.07 * max(expression.mouth_curve, 0) - 0.07 * expression.mouth_open
    corner = -0.13 * expression.mouth_curve * (across**2 - 0.4)
    gap = 0.2 * expression.mouth_open * (1 - across**2)
    middle = 0.53 + corner
    upper = np.stack([half_width * across, middle - 0.35 * gap], axis=1)
    lower = np.stack([half_width * across, middle + gap], axis=1)
    brush.polygon([*upper, *lower[::-1]], (66, 18, 22))
    if expression.mouth_open > 0.25:
        teeth = np.stack([0.75 * upper[2:-2, 0], upper[2:-2, 1] + 0.03], axis=1)
        brush.stroke(teeth, (236, 230, 222), 0.05)
    brush.stroke(upper, LIPS, 0.06)
    brush.stroke(lower, LIPS, 0.06)
