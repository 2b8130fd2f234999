"""Five sceneries, each painted once per shot, wider than the frame so that the camera can pan."""

from collections.abc import Callable

import numpy as np

from mvemotion.data.synthetic.drawing import ellipse, gradient, polygon, stroke


def paint(scene: str, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Backdrop of one shot, RGB uint8 (H, W, 3) of `size` (width, height).

    Raises
    ------
    KeyError
        If `scene` is not one of `factors.SCENES`.
    """
    return PAINTERS[scene](size, rng)


def _ridge(size, base: float, rise: float, rng) -> list[tuple[float, float]]:
    """Outline of rolling hills from the left to the right edge and down to the ground."""
    width, height = size
    x = np.linspace(0, width, 60)
    waves = sum(np.sin(x / height * rate + rng.uniform(0, 6.3)) / rate for rate in (1.3, 2.9, 5.3))
    y = height * (base - rise * waves)
    return [(0, height), *zip(x, y, strict=True), (width, height)]


def _paint_meadow(size, rng) -> np.ndarray:
    width, height = size
    picture = gradient(size, (120, 176, 232), (236, 230, 205))
    sun = (width * rng.uniform(0.25, 0.75), height * 0.22)
    ellipse(picture, sun, (height * 0.13, height * 0.13), (250, 238, 190))
    ellipse(picture, sun, (height * 0.10, height * 0.10), (255, 250, 225))
    for _ in range(5):
        x, y = rng.uniform(0, width), height * rng.uniform(0.1, 0.35)
        for puff in (-0.12, 0.0, 0.11):
            axes = (height * 0.14, height * 0.05)
            ellipse(picture, (x + puff * height, y + abs(puff) * 20), axes, (246, 246, 246))
    for base, colour in ((0.55, (132, 168, 140)), (0.66, (104, 156, 92)), (0.8, (84, 140, 66))):
        polygon(picture, _ridge(size, base, 0.1, rng), colour)
    for _ in range(9):
        x, y = rng.uniform(0, width), height * rng.uniform(0.68, 0.86)
        stroke(picture, [(x, y), (x, y - 0.12 * height)], (92, 66, 44), height * 0.02)
        ellipse(picture, (x, y - 0.17 * height), (0.07 * height, 0.1 * height), (58, 112, 54))
    return picture


def _paint_forest(size, rng) -> np.ndarray:
    """A dead wood before the moon."""
    width, height = size
    picture = gradient(size, (34, 40, 66), (92, 98, 118))
    moon = (width * rng.uniform(0.2, 0.8), height * 0.25)
    ellipse(picture, moon, (height * 0.17, height * 0.17), (120, 124, 140))
    ellipse(picture, moon, (height * 0.13, height * 0.13), (214, 214, 204))
    for base, colour in ((0.72, (58, 62, 78)), (0.82, (38, 42, 50))):
        polygon(picture, _ridge(size, base, 0.06, rng), colour)
    for _ in range(16):
        _paint_bare_tree(picture, width * rng.random(), height * rng.uniform(0.8, 0.98), rng)
    return picture


def _paint_bare_tree(picture: np.ndarray, x: float, foot: float, rng) -> None:
    height = picture.shape[0]
    top, lean = foot - height * rng.uniform(0.5, 0.8), height * rng.uniform(-0.06, 0.06)
    stroke(picture, [(x, foot), (x + lean, top)], (18, 18, 22), height * 0.028)
    for share in (0.45, 0.6, 0.75, 0.88):
        start = (x + share * lean, foot + share * (top - foot))
        reach = height * rng.uniform(0.08, 0.2) * rng.choice((-1, 1))
        tip = (start[0] + reach, start[1] - abs(reach) * rng.uniform(0.4, 1.1))
        stroke(picture, [start, tip], (18, 18, 22), height * 0.012)


def _paint_room(size, rng) -> np.ndarray:
    """A bare room with windows on a grey day."""
    width, height = size
    picture = gradient(size, (104, 106, 116), (78, 78, 88))
    polygon(picture, _box(0, 0.8 * height, width, height), (64, 54, 50))
    stroke(picture, [(0, 0.8 * height), (width, 0.8 * height)], (40, 36, 36), height * 0.02)
    step = height * rng.uniform(0.9, 1.3)
    for left in np.arange(rng.uniform(0, step), width, step):
        right, top, bottom = left + 0.42 * height, 0.12 * height, 0.58 * height
        polygon(picture, _box(left, top, right, bottom), (168, 182, 200))
        for _ in range(14):  # rain on the glass
            x, y = rng.uniform(left, right), rng.uniform(top, bottom - 0.08 * height)
            stroke(picture, [(x, y), (x - 2, y + 0.07 * height)], (136, 150, 172), 1)
        centre, middle = (left + right) / 2, (top + bottom) / 2
        for bar in (((centre, top), (centre, bottom)), ((left, middle), (right, middle))):
            stroke(picture, bar, (58, 52, 54), height * 0.02)
    return picture


def _paint_city(size, rng) -> np.ndarray:
    """Towers with lit windows over a street."""
    width, height = size
    picture = gradient(size, (58, 50, 92), (206, 120, 92))
    for base in (0.35, 0.5):
        left = -0.1 * height
        while left < width:
            right, top = left + height * rng.uniform(0.18, 0.36), height * rng.uniform(0.08, base)
            _paint_tower(picture, (left, top, right, 0.86 * height), rng)
            left = right + height * rng.uniform(0, 0.06)
    polygon(picture, _box(0, 0.84 * height, width, height), (52, 50, 56))
    for x in np.arange(0, width, 0.3 * height):
        stroke(
            picture, [(x, 0.93 * height), (x + 0.15 * height, 0.93 * height)], (190, 184, 150), 2
        )
    return picture


def _paint_tower(picture: np.ndarray, box, rng) -> None:
    left, top, right, bottom = box
    shade = int(rng.integers(30, 76))
    polygon(picture, _box(*box), (shade, shade, shade + 16))
    step = picture.shape[0] * 0.055
    for x in np.arange(left + 0.6 * step, right - 0.6 * step, step):
        for y in np.arange(top + 0.6 * step, bottom - step, 1.3 * step):
            if rng.random() < 0.45:
                polygon(picture, _box(x, y, x + 0.45 * step, y + 0.6 * step), (240, 206, 120))


def _paint_stage(size, rng) -> np.ndarray:
    """Curtains, coloured beams and a floor."""
    width, height = size
    picture = gradient(size, (96, 40, 120), (214, 86, 130))
    for left in np.arange(0, width, 0.2 * height):
        polygon(picture, _box(left, 0, left + 0.1 * height, 0.8 * height), (136, 50, 130))
    for x in np.arange(0.15 * height, width, 0.4 * height):
        colour = ((252, 220, 110), (110, 226, 240), (250, 130, 190), (150, 240, 140))
        beam = colour[int(rng.integers(4))]
        foot = x + height * rng.uniform(-0.5, 0.5)
        cone = [
            (x - 3, 0),
            (x + 3, 0),
            (foot + 0.13 * height, height),
            (foot - 0.13 * height, height),
        ]
        lit = picture.copy()
        polygon(lit, cone, beam)
        picture = ((picture.astype(np.uint16) + lit) // 2).astype(np.uint8)
        ellipse(picture, (x, 0.02 * height), (0.05 * height, 0.04 * height), beam)
    floor = picture[round(0.8 * height) :]
    floor[:] = (floor.astype(np.uint16) * 3 // 5 + np.array((40, 24, 50), np.uint16)).astype(
        np.uint8
    )
    return picture


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


PAINTERS: dict[str, Callable[..., np.ndarray]] = {
    "stage": _paint_stage,
    "forest": _paint_forest,
    "meadow": _paint_meadow,
    "room": _paint_room,
    "city": _paint_city,
}
