"""Films to try the page with: drawn by a program, so that their emotions are known."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from mvemotion.data.synthetic import Factors, draw_factors, plan_shots, render, write_film

SCENE_S = (4, 30)  # least and most of one scene
SHAPE = {"size": (480, 270), "fps": 25}
DIFFICULTY = 0.2
FIRST_INDEX = 1000  # far beyond any dataset: no network was trained on these clips


@dataclass(frozen=True)
class Example:
    """One film: scenes of different emotions, one after another."""

    key: str
    title: str
    emotions: tuple[str, ...]


EXAMPLES = (
    Example("storm", "The calm and the storm", ("Relaxation", "Tension", "Sad")),
    Example("party", "After the party", ("Excited", "Neutral", "Sad")),
    Example("fright", "Safe after all", ("Fear", "Excited", "Relaxation")),
)


def scene_duration_s(window_s: float) -> int:
    """Seconds of a scene: a window's, so that some windows hold one emotion alone."""
    least, most = SCENE_S
    return int(min(max(window_s, least), most))


def draw_example(
    path: Path, example: Example, scene_s: int, on_second: Callable[[int, int], object]
) -> None:
    """Draw a film and write it as MP4; calls ``on_second(written, seconds)``."""
    scenes = _scenes(example, scene_s)
    total = scene_s * len(scenes)
    write_film(path, scenes, on_second=lambda second: on_second(second, total))


def poster(example: Example) -> bytes:
    """The first picture of each scene, side by side, as JPEG."""
    scenes = _scenes(example, 1)
    return jpeg(np.concatenate([_strip(scene, len(scenes)) for scene in scenes], axis=1))


def jpeg(picture: np.ndarray) -> bytes:
    """A picture, uint8 RGB (H, W, 3), as JPEG."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def _scenes(example: Example, scene_s: int) -> list[Factors]:
    first = FIRST_INDEX * (1 + EXAMPLES.index(example))  # no clip stands in two films
    return [_typical(emotion, first, float(scene_s)) for emotion in example.emotions]


def _typical(emotion: str, first: int, duration_s: float) -> Factors:
    """A clip all of whose parts follow its emotion, with a face."""
    for index in count(first):
        options = {"difficulty": DIFFICULTY, "duration_s": duration_s, **SHAPE}
        factors = draw_factors(emotion, "test", index, **options)
        if not factors.odd_part and factors.has_face:
            return factors


def _strip(factors: Factors, strips: int) -> np.ndarray:
    """Of the first picture, what is around the singer's face."""
    frames, _ = render(factors)
    width = factors.width // strips
    start = round(plan_shots(factors)[0].face_x * factors.width - width / 2)
    start = min(max(start, 0), factors.width - width)
    return next(frames)[:, start : start + width]
