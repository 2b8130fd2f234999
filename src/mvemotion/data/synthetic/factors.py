"""What a synthetic clip is made of: the paper's class descriptions as distributions of factors.

Every number below is ours; what it is derived from is the paper's (Section 3):

===========  ==================================================================================
Class        Section 3
===========  ==================================================================================
Excited      "images of a smile on a face, movement of arms, dancing scenes, bright lighting,
             and coloring effects"; "high pitch, large pitch variations, uniform harmony, high
             volume, low spectral repetition, and diverse articulations, ornamentation, and
             vibrato"
Fear         "dark background, unusual appearance, wide eyes, open mouth, a visible pulse on
             the neck, elbows directed inward, and crossed arms"
Tension      "fast-changing visual scenes, crowded scenes, people facing each other, aggressive
             facial expressions with large eyes and open mouths, and fast limb movements"
Tension      "high pitch, high tempo, high rhythmic variation, high volume, and a dissonant and
and Fear     complex harmony"
Sad          "closed arms, a face buried in one's hands, hands touching the head, tears in
             eyes, a single person in a scene, a dark background, and slow-changing scenes"
Relaxation   "ethnic music and is visually represented with natural scenes in slow motion and
             single-person performances with musical instruments"
Sad and      "slow tempo, uniform harmonics, soft music, and low volume"
Relaxation
Neutral      "mixed characteristics from all five other classes"
===========  ==================================================================================

So, as in the paper, no modality suffices: Fear and Tension share one sound, Sad and Relaxation
another; Excited and Tension move alike, Fear and Sad are equally dark; Excited and Relaxation
smile, Fear and Tension stare with open mouths. Neutral takes each factor from one of the others.
"""

from dataclasses import asdict, dataclass

import numpy as np

from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS, SPLITS

PARTS = ("sound", "picture", "face")
STAGES = ("tune", "sound", "picture", "face")  # of rendering, each with random numbers of its own
DESCRIBED = tuple(emotion for emotion in EMOTIONS if emotion != "Neutral")
OVERLAP = {"sound": 0.18, "picture": 0.26, "face": 0.24}  # of a factor's scale, at difficulty 1
SCENES = ("stage", "forest", "meadow", "room", "city")
INSTRUMENTS = ("lead", "flute", "lute", "reed")  # that play the melody
GESTURES = ("free", "playing", "hands_on_head")  # of the first figure


@dataclass(frozen=True)
class Level:
    """One factor's scale and where on it each described class has its mean."""

    part: str
    low: float
    high: float
    means: tuple[float, ...]  # in the order of DESCRIBED


@dataclass(frozen=True)
class Chance:
    """One factor of few values: how often each described class takes each value."""

    part: str
    values: tuple
    weights: tuple[tuple[float, ...], ...]  # a row per class of DESCRIBED


def _yes(part: str, *shares: float) -> Chance:
    return Chance(part, (False, True), tuple((1 - share, share) for share in shares))


# fmt: off
RULES = {
    #                                      low   high  Excited  Fear  Relax.   Sad  Tension
    "tempo_bpm":         Level("sound",     50,  180,    (126,  142,     68,    66,   145)),
    "loudness_db":       Level("sound",    -36,  -10,    (-14,  -15,    -28,   -29,   -14)),  # RMS, 0 dB = full scale
    "pitch_midi":        Level("sound",     52,   86,     (78,   75,     64,    62,    76)),  # centre of the melody
    "pitch_range":       Level("sound",      3,   22,     (17,   11,      7,     6,    12)),  # semitones
    "dissonance":        Level("sound",      0,    1,   (0.10, 0.75,   0.08,  0.14,  0.70)),
    "notes_per_beat":    Level("sound",    0.5,    4,    (2.3,  2.7,    1.1,   1.0,   2.8)),
    "rhythm_variation":  Level("sound",      0,    1,   (0.45, 0.75,   0.20,  0.20,  0.80)),
    "percussion":        Level("sound",      0,    1,   (0.75, 0.60,   0.12,  0.10,  0.70)),
    "attack_ms":         Level("sound",      4,  140,     (14,   16,     75,    80,    12)),
    "vibrato_cents":     Level("sound",      0,   60,     (38,   20,     16,    20,    18)),
    "ornaments":         Level("sound",      0,    1,   (0.70, 0.15,   0.20,  0.10,  0.20)),  # share of notes
    "repetition":        Level("sound",      0,    1,   (0.15, 0.45,   0.65,  0.65,  0.40)),  # share of bars
    "brightness":        Level("picture", 0.10, 0.75,  (0.60, 0.20,   0.52,  0.22,  0.36)),  # mean luma
    "saturation":        Level("picture", 0.10,  1.3,  (1.05, 0.40,   0.80,  0.35,  0.65)),
    "warmth":            Level("picture",   -1,    1,  (0.45, -0.4,   0.15, -0.45,  0.25)),
    "motion":            Level("picture", 0.02,    1,  (0.70, 0.45,   0.10,  0.10,  0.76)),  # limbs and camera
    "cuts_per_s":        Level("picture", 0.05,  2.2,  (1.20, 0.75,   0.15,  0.15,  1.50)),
    "figures":           Level("picture",    1,    9,     (4,    2,      1,     1,     7)),
    "arms":              Level("picture",    0,    1,  (0.85, 0.25,   0.45,  0.10,  0.60)),  # 0 closed, 1 raised
    "mouth_curve":       Level("face",      -1,    1,  (0.80, -0.2,   0.40,  -0.7, -0.30)),  # 1 smile
    "mouth_open":        Level("face",       0,    1,  (0.35, 0.80,   0.05,  0.08,  0.75)),
    "eye_open":          Level("face",       0,    1,  (0.50, 0.92,   0.25,  0.25,  0.85)),
    "brow_angle":        Level("face",      -1,    1,  (-0.1, -0.7,   0.00,  -0.6,  0.80)),  # 1 frown, -1 worry
    "pallor":            Level("face",       0,    1,   (0.05, 0.75,   0.10,  0.40,  0.20)),  # "unusual appearance"
    #                               Excited Fear Relax.  Sad  Tension
    "is_minor":          _yes("sound", 0.08, 0.80, 0.30, 0.80, 0.80),
    "is_pentatonic":     _yes("sound", 0.15, 0.05, 0.60, 0.15, 0.05),  # for "ethnic music"
    "instrument":        Chance("sound", INSTRUMENTS, (
                                #  lead flute  lute  reed
                                 (0.50, 0.10, 0.20, 0.20),
                                 (0.35, 0.15, 0.10, 0.40),
                                 (0.10, 0.35, 0.50, 0.05),
                                 (0.30, 0.35, 0.20, 0.15),
                                 (0.40, 0.05, 0.15, 0.40))),
    "has_face":          _yes("face",  0.80, 0.80, 0.65, 0.85, 0.80),
    "has_tears":         _yes("face",  0.02, 0.20, 0.02, 0.55, 0.05),
    #                                               stage forest meadow room city
    "scene":             Chance("picture", SCENES, ((0.45, 0.05, 0.25, 0.05, 0.20),
                                                    (0.10, 0.40, 0.00, 0.30, 0.20),
                                                    (0.05, 0.20, 0.55, 0.20, 0.00),
                                                    (0.05, 0.30, 0.15, 0.40, 0.10),
                                                    (0.35, 0.10, 0.00, 0.15, 0.40))),
    "gesture":           Chance("picture", GESTURES, (
                                #  free playing hands_on_head
                                 (0.90, 0.10, 0.00),
                                 (0.75, 0.05, 0.20),
                                 (0.30, 0.65, 0.05),
                                 (0.30, 0.10, 0.60),
                                 (0.90, 0.05, 0.05))),
}
# fmt: on


@dataclass(frozen=True)
class Factors:
    """All that one synthetic clip is made from; `render` needs nothing else.

    The sound: `tempo_bpm` to `instrument`; the picture: `brightness` to `gesture`; the face:
    `has_face` to `has_tears` (not shown where `has_face` is False). Units and ranges are those
    of `RULES`. `odd_part` names the part, if any, that was drawn from the class `odd_emotion`
    instead, as a sad song may have a merry film.
    """

    name: str
    split: str
    emotion: str
    odd_part: str
    odd_emotion: str
    tempo_bpm: float
    loudness_db: float
    pitch_midi: float
    pitch_range: float
    dissonance: float
    notes_per_beat: float
    rhythm_variation: float
    percussion: float
    attack_ms: float
    vibrato_cents: float
    ornaments: float
    repetition: float
    is_minor: bool
    is_pentatonic: bool
    instrument: str
    brightness: float
    saturation: float
    warmth: float
    motion: float
    cuts_per_s: float
    figures: int
    arms: float
    scene: str
    gesture: str
    has_face: bool
    mouth_curve: float
    mouth_open: float
    eye_open: float
    brow_angle: float
    pallor: float
    has_tears: bool
    duration_s: float
    width: int
    height: int
    fps: int
    seed: int  # of what the factors leave open: tune, camera, singer's looks

    def to_row(self) -> dict:
        """The factors as one row of ``factors.csv``."""
        return asdict(self)

    def generator(self, stage: str) -> np.random.Generator:
        """Random numbers of one stage: drawing more in one leaves the others as they are."""
        return np.random.default_rng((self.seed, STAGES.index(stage)))


def draw_factors(
    emotion: str,
    split: str = "Train",
    index: int = 0,
    *,
    seed: int = 0,
    difficulty: float = 0.5,
    duration_s: float = 6.0,
    size: tuple[int, int] = (320, 180),
    fps: int = 25,
) -> Factors:
    """Draw the factors of one clip; the same arguments give the same clip for ever.

    Parameters
    ----------
    emotion, split : str
        One of `specs.EMOTIONS` and one of `specs.SPLITS`.
    index : int
        Number of the clip within its class and split. A clip depends on its own number only,
        not on how many others are drawn.
    seed : int
        Of the whole dataset.
    difficulty : float
        0: classes barely overlap and all parts agree; 1: they overlap widely, and in six clips of
        ten one part comes from another class.
    duration_s : float
        Length in seconds.
    size : tuple of int
        Width and height in pixels, both even, at least (96, 72).
    fps : int
        Frames per second.

    Raises
    ------
    InputError
        If an argument is outside what is said above.
    """
    _check(emotion, split, index, difficulty, duration_s, size, fps)
    keys = (seed, SPLITS.index(split), EMOTIONS.index(emotion), index)
    rng = np.random.default_rng(keys)
    clip_seed = int(rng.integers(2**31))
    odd_part, odd_emotion = _draw_odd_part(emotion, difficulty, rng)
    values = {
        name: _draw(rule, odd_emotion if rule.part == odd_part else emotion, difficulty, rng)
        for name, rule in RULES.items()
    }
    values["figures"] = round(values["figures"])
    return Factors(
        name=f"{emotion.lower()}_{split.lower()}_{index:04d}",
        split=split,
        emotion=emotion,
        odd_part=odd_part,
        odd_emotion=odd_emotion,
        duration_s=float(duration_s),
        width=int(size[0]),
        height=int(size[1]),
        fps=int(fps),
        seed=clip_seed,
        **values,
    )


def _check(emotion, split, index, difficulty, duration_s, size, fps) -> None:
    rules = (
        (emotion in EMOTIONS, f"emotion {emotion!r}: not one of {', '.join(EMOTIONS)}"),
        (split in SPLITS, f"split {split!r}: not one of {', '.join(SPLITS)}"),
        (index >= 0, f"index {index}: clips are numbered from 0"),
        (0 <= difficulty <= 1, f"difficulty {difficulty}: choose from 0 (easy) to 1 (hard)"),
        (duration_s >= 1, f"duration {duration_s} s: a clip lasts one second or more"),
        (min(size) >= 72 and size[0] >= 96, f"size {size}: (width, height) from (96, 72) up"),
        (size[0] % 2 == size[1] % 2 == 0, f"size {size}: H.264 needs even numbers of pixels"),
        (5 <= fps <= 60, f"{fps} frames per second: choose 5 to 60"),
    )
    for is_met, message in rules:
        if not is_met:
            raise InputError(message)


def _draw_odd_part(emotion: str, difficulty: float, rng) -> tuple[str, str]:
    """One part of some clips follows another class, so that no part can be trusted alone."""
    is_odd = rng.random() < 0.6 * difficulty and emotion != "Neutral"
    part = str(rng.choice(PARTS))
    other = str(rng.choice([name for name in DESCRIBED if name != emotion]))
    return (part, other) if is_odd else ("", "")


def _draw(rule: Level | Chance, emotion: str, difficulty: float, rng):
    if emotion == "Neutral":
        emotion = str(rng.choice(DESCRIBED))
    row = DESCRIBED.index(emotion)
    if isinstance(rule, Chance):
        uniform = 1 / len(rule.values)
        weights = [
            0.4 * difficulty * uniform + (1 - 0.4 * difficulty) * w for w in rule.weights[row]
        ]
        return rule.values[int(rng.choice(len(rule.values), p=weights))]
    spread = 0.04 + OVERLAP[rule.part] * difficulty
    value = rng.normal(rule.means[row], spread * (rule.high - rule.low))
    return round(float(np.clip(value, rule.low, rule.high)), 4)
