"""The picture of a synthetic clip: shots, camera, grading, and a singer in the close ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mvemotion.data.synthetic.drawing import blend, shade
from mvemotion.data.synthetic.face import Expression, Look, Pose, draw_face, draw_look
from mvemotion.data.synthetic.factors import Factors
from mvemotion.data.synthetic.figures import Figure, draw_figure, place_figures
from mvemotion.data.synthetic.grade import fit_grade
from mvemotion.data.synthetic.scenery import paint

PALE = (188, 204, 190)  # the colour of fright
CLOSE_SHARE = 0.65  # of the shots of a clip with a face; the first is always close


@dataclass(frozen=True)
class Shot:
    """What is seen between two cuts; `first` and `last` are frame numbers, last excluded."""

    first: int
    last: int
    is_close: bool  # the singer's face is in the picture
    face_x: float  # of the face's centre, as a share of the width
    face_height: float  # as a share of the frame's height
    pan: int  # -1 or 1
    seed: int


def plan_shots(factors: Factors) -> list[Shot]:
    """Cut the clip into shots; a close one comes first if the clip has a face."""
    rng = factors.generator("picture")
    count = round(factors.duration_s * factors.fps)
    gap = factors.fps / factors.cuts_per_s
    edges, frame = [0], gap * rng.uniform(0.3, 1.0)
    while frame < count - 4:
        edges.append(round(frame))
        frame += max(4, gap * rng.uniform(0.6, 1.4))
    shots = []
    for first, last in zip(edges, [*edges[1:], count], strict=True):
        is_close = rng.random() < CLOSE_SHARE or first == 0
        shots.append(
            Shot(
                first,
                last,
                is_close=bool(is_close and factors.has_face),
                face_x=float(rng.choice((0.3, 0.5, 0.7))),
                face_height=float(rng.uniform(0.46, 0.62)),
                pan=int(rng.choice((-1, 1))),
                seed=int(rng.integers(2**31)),
            )
        )
    return shots


def render_frames(factors: Factors) -> Iterator[np.ndarray]:
    """Frames of one clip in order, RGB uint8 (H, W, 3), C-contiguous."""
    look = _light(draw_look(factors), factors)
    for shot in plan_shots(factors):
        scene = _set_up(factors, shot)
        for frame in range(shot.first, shot.last):
            picture = _draw_scene(factors, shot, scene, frame)
            if shot.is_close:
                _draw_singer(picture, factors, shot, look, frame)
            yield picture


@dataclass(frozen=True)
class _Scene:
    """What one shot shows behind the singer, in its final colours."""

    backdrop: np.ndarray  # uint8 (H, 2 W, 3)
    figures: list[Figure]


def _set_up(factors: Factors, shot: Shot) -> _Scene:
    rng = np.random.default_rng(shot.seed)
    backdrop = paint(factors.scene, (2 * factors.width, factors.height), rng)
    if shot.is_close:  # out of focus behind the singer
        side = 2 * (factors.height // 60) + 1
        backdrop = cv2.GaussianBlur(backdrop, (side, side), 0)
    figures = place_figures(factors, rng)
    sample = _draw_scene(factors, shot, _Scene(backdrop, figures), shot.first)
    grade = fit_grade(sample, factors)
    return _Scene(grade.apply(backdrop), [figure.in_colours_of(grade.apply) for figure in figures])


def _draw_scene(factors: Factors, shot: Shot, scene: _Scene, frame: int) -> np.ndarray:
    """The part of the backdrop that the panning camera sees, with the figures on it."""
    time_s = frame / factors.fps
    in_shot_s = (frame - shot.first) / factors.fps
    reach = factors.width  # of the pan, in pixels
    travel = 0.45 * factors.motion * factors.width * in_shot_s
    turn = travel % (2 * reach)
    offset = reach - turn if turn <= reach else turn - reach
    offset = offset if shot.pan > 0 else reach - offset
    picture = _crop(scene.backdrop, offset, factors.width)
    for figure in scene.figures:
        draw_figure(picture, figure, factors, time_s)
    return picture


def _crop(backdrop: np.ndarray, offset: float, width: int) -> np.ndarray:
    """Columns from a fractional offset on, so that slow pans do not stutter."""
    whole = min(int(offset), backdrop.shape[1] - width - 1)
    share = min(offset - whole, 1.0)
    return blend(
        backdrop[:, whole : whole + width], backdrop[:, whole + 1 : whole + 1 + width], share
    )


def _draw_singer(picture: np.ndarray, factors: Factors, shot: Shot, look: Look, frame: int) -> None:
    """The singer nods to the beat, sings, and blinks now and then; lit as the scene is."""
    time_s = frame / factors.fps
    beat = np.sin(2 * np.pi * time_s * factors.tempo_bpm / 120)
    scale = shot.face_height * factors.height / 2
    pose = Pose(
        x=shot.face_x * factors.width + 0.10 * scale * factors.motion * beat,
        y=0.47 * factors.height + 0.06 * scale * factors.motion * abs(beat),
        scale=scale,
        tilt=float(0.10 * factors.motion * beat),
    )
    sung = 0.12 * (1 + np.sin(2 * np.pi * time_s * factors.notes_per_beat * factors.tempo_bpm / 60))
    blink = 0.1 if (time_s + shot.seed % 7 / 3) % 2.6 < 0.1 else 1.0
    expression = Expression(
        mouth_curve=factors.mouth_curve,
        mouth_open=min(1.0, factors.mouth_open * (0.85 + sung)),
        eye_open=factors.eye_open * blink,
        brow_angle=factors.brow_angle,
        gaze=float(np.sin(time_s * 0.9)),
        has_tears=factors.has_tears,
    )
    draw_face(picture, pose, look, expression)


def _light(look: Look, factors: Factors) -> Look:
    """A pale singer is paler; a dark scene dims the singer too, though less than the rest."""
    share = 0.7 * factors.pallor
    skin = tuple(round((1 - share) * c + share * p) for c, p in zip(look.skin, PALE, strict=True))
    look = replace(look, skin=skin)
    light = min(1.0, 0.5 + factors.brightness)
    dim = {part: shade(getattr(look, part), light) for part in ("skin", "hair", "clothes")}
    return replace(look, **dim)
