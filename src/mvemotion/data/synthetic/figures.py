"""People seen from afar: jointed figures that stand, dance or fight in time with the music."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mvemotion.data.synthetic.drawing import COLOUR, ellipse, stroke
from mvemotion.data.synthetic.factors import Factors

COATS = ((196, 60, 70), (64, 110, 190), (224, 170, 60), (96, 150, 90), (150, 90, 160), (60, 60, 70))


@dataclass(frozen=True)
class Figure:
    """One person: place of the feet and height as shares of the frame, looks and timing."""

    x: float
    foot: float
    height: float
    phase: float
    facing: int
    gesture: str
    coat: COLOUR
    skin: COLOUR = (208, 160, 126)
    trousers: COLOUR = (44, 44, 58)
    lute: COLOUR = (190, 120, 56)

    def in_colours_of(self, grade: Callable[[np.ndarray], np.ndarray]) -> "Figure":
        """The same person in the light of a graded scene."""
        colours = np.array((self.coat, self.skin, self.trousers, self.lute), np.uint8)
        coat, skin, trousers, lute = (tuple(row) for row in grade(colours).tolist())
        return replace(self, coat=coat, skin=skin, trousers=trousers, lute=lute)


def place_figures(factors: Factors, rng: np.random.Generator) -> list[Figure]:
    """Figures of one shot, the far ones first so that the near ones hide them."""
    count = factors.figures
    places = (np.arange(count) + 0.5 + rng.uniform(-0.25, 0.25, count)) / count
    figures = [
        Figure(
            x=float(x) if count > 1 else float(rng.uniform(0.25, 0.75)),
            foot=float(rng.uniform(0.84, 0.97)),
            height=float(rng.uniform(0.42, 0.52)),
            coat=COATS[int(rng.integers(len(COATS)))],
            phase=float(rng.uniform(0, 0.4)),
            facing=-1 if index % 2 else 1,  # two and two face each other
            gesture="free" if index else factors.gesture,
        )
        for index, x in enumerate(places)
    ]
    return sorted(figures, key=lambda figure: figure.foot)


def draw_figure(picture: np.ndarray, figure: Figure, factors: Factors, time_s: float) -> None:
    """Draw one person at one moment into an RGB picture, in place.

    Limbs swing once in two beats; how far is the factor `motion`, about where is `arms`.
    """
    beats = time_s * factors.tempo_bpm / 60 * (0.25 + 0.75 * factors.motion)
    swing = factors.motion * np.sin(np.pi * (beats + figure.phase))
    bounce = 0.05 * factors.motion * abs(np.sin(np.pi * beats))
    rows, columns = picture.shape[:2]
    unit = figure.height * rows
    foot = np.array((figure.x * columns, (figure.foot - bounce * figure.height) * rows))
    hip = foot + unit * np.array((0.05 * swing, -0.47))
    neck = hip + unit * np.array((0.04 * swing + 0.02 * figure.facing, -0.32))
    _draw_legs(picture, figure, (foot, hip, unit), swing)
    stroke(picture, [hip, neck], figure.coat, 0.17 * unit)
    head = _draw_head(picture, figure, neck, unit)
    if figure.gesture == "playing":
        _draw_lute(picture, figure, (neck, unit), time_s * factors.tempo_bpm / 60)
    elif figure.gesture == "hands_on_head":
        for side in (-1, 1):
            elbow = neck + unit * np.array((side * 0.17, 0.05 + 0.01 * swing))
            _draw_arm(picture, figure, (neck, unit), (side, elbow, head + (side * 0.06 * unit, 0)))
    else:
        _draw_free_arms(picture, figure, (neck, unit), factors.arms, swing)


def _draw_head(picture: np.ndarray, figure: Figure, neck: np.ndarray, unit: float) -> np.ndarray:
    """In half profile, hair behind; bowed where hands hold it. Returns its centre."""
    is_bowed = figure.gesture == "hands_on_head"
    lean = np.array((0.05, -0.07) if is_bowed else (0.025, -0.11)) * (figure.facing, 1)
    head = neck + unit * lean
    ellipse(picture, head, (0.065 * unit, 0.085 * unit), figure.skin)
    hair = head - unit * np.array((0.018 * figure.facing, 0.03))
    ellipse(picture, hair, (0.068 * unit, 0.06 * unit), figure.trousers)
    return head


def _draw_legs(picture: np.ndarray, figure: Figure, body, swing: float) -> None:
    foot, hip, unit = body
    for side in (-1, 1):
        step = foot + unit * np.array((side * (0.06 + 0.08 * abs(swing)), 0.0))
        knee = (hip + step) / 2 + unit * np.array((side * 0.02 + 0.03 * swing, 0.0))
        stroke(picture, [hip, knee, step], figure.trousers, 0.085 * unit)


def _draw_free_arms(picture: np.ndarray, figure: Figure, body, raised: float, swing: float) -> None:
    """Closed before the chest (0), hanging open (about 0.4) or thrown up (1)."""
    neck, unit = body
    for side in (-1, 1):
        shoulder = neck + unit * np.array((side * 0.07, 0.03))
        angle = np.clip(-1.15 + 2.5 * raised + 0.8 * swing * side, -1.3, 1.5)  # of the upper arm
        is_closed = raised < 0.25
        elbow = shoulder + 0.17 * unit * np.array((side * np.cos(angle), -np.sin(angle)))
        bend = np.array((-side * 0.16, -0.06)) if is_closed else np.array((side * 0.04, -0.15))
        hand = elbow + unit * bend * (1.0 if is_closed else (2 * raised - 0.6))
        _draw_arm(picture, figure, body, (side, elbow, hand))


def _draw_arm(picture: np.ndarray, figure: Figure, body, arm) -> None:
    """One arm: its side (-1 or 1), its elbow and its hand."""
    (neck, unit), (side, elbow, hand) = body, arm
    shoulder = neck + unit * np.array((side * 0.07, 0.03))
    stroke(picture, [shoulder, elbow, hand], figure.coat, 0.065 * unit)
    ellipse(picture, hand, (0.035 * unit, 0.035 * unit), figure.skin)


def _draw_lute(picture: np.ndarray, figure: Figure, body, beats: float) -> None:
    """A lute before the body; one hand on its neck, the other strums with the music."""
    neck, unit = body
    belly = neck + unit * np.array((-0.07 * figure.facing, 0.24))
    head = neck + unit * np.array((0.27 * figure.facing, 0.02))
    stroke(picture, [belly, head], figure.trousers, 0.04 * unit)
    ellipse(picture, belly, (0.12 * unit, 0.10 * unit), figure.lute)
    ellipse(picture, belly, (0.035 * unit, 0.035 * unit), figure.trousers)
    strum = belly + unit * np.array((0.0, 0.04 * np.sin(np.pi * beats)))
    for side, hand in ((-figure.facing, strum), (figure.facing, 0.25 * belly + 0.75 * head)):
        elbow = neck + unit * np.array((side * 0.15, 0.2))
        _draw_arm(picture, figure, body, (side, elbow, hand))
