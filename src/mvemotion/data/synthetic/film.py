"""Films whose emotions are known at every second: what predictions over time are held against."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mvemotion.data.synthetic.factors import draw_factors
from mvemotion.data.synthetic.movie import digest, read_digest, write_film
from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS

FIRST_INDEX = 1000  # far beyond any dataset: no network was trained on these clips


def make_film(
    path: Path,
    emotions: Sequence[str],
    *,
    scene_s: float = 30.0,
    size: tuple[int, int] = (320, 180),
    fps: int = 25,
    seed: int = 0,
    difficulty: float = 0.5,
) -> pd.DataFrame:
    """Write a film of one synthetic clip after another, unless it is there already.

    Parameters
    ----------
    path : Path
        An MP4 file; another film of that name is replaced.
    emotions : sequence of str
        Of the scenes, in order; an emotion may come again, in another clip.
    scene_s : float
        Length of each, in whole seconds.
    size, fps, seed, difficulty
        As in `draw_factors`.

    Returns
    -------
    DataFrame
        A row a scene: ``start_s``, ``end_s``, ``emotion``.

    Raises
    ------
    InputError
        If there is no emotion, or an argument is outside of what `draw_factors` takes.
    """
    if not len(emotions) or scene_s != int(scene_s):
        raise InputError(f"{len(emotions)} scenes of {scene_s} s: give some, of whole seconds")
    options = {"duration_s": scene_s, "size": size, "fps": fps}
    options |= {"seed": seed, "difficulty": difficulty}
    scenes = [
        draw_factors(emotion, "test", FIRST_INDEX + number, **options)
        for number, emotion in enumerate(emotions)
    ]
    is_there = Path(path).exists() and read_digest(path) == "+".join(map(digest, scenes))
    if not is_there:
        write_film(path, scenes)
    starts = scene_s * np.arange(len(scenes))
    return pd.DataFrame({"start_s": starts, "end_s": starts + scene_s, "emotion": emotions})


def emotion_shares(scenes: pd.DataFrame, starts_s: Sequence[float], window_s: float) -> np.ndarray:
    """How much of each window belongs to each emotion, float64 (N, K).

    Parameters
    ----------
    scenes : DataFrame
        ``start_s``, ``end_s`` and ``emotion``, as `make_film` returns them.
    starts_s : sequence of float, (N,)
        Where windows begin.
    window_s : float
        Length of each.

    Examples
    --------
    A window of 30 s that begins 10 s before a change:

    >>> scenes = pd.DataFrame(
    ...     {"start_s": [0.0, 30.0], "end_s": [30.0, 60.0], "emotion": ["Sad", "Fear"]}
    ... )
    >>> dict(zip(EMOTIONS, emotion_shares(scenes, [20.0], 30.0)[0].round(2).tolist()))["Fear"]
    0.67
    """
    starts = np.asarray(starts_s, dtype=float)[:, None]
    first = np.maximum(starts, scenes["start_s"].to_numpy())
    last = np.minimum(starts + window_s, scenes["end_s"].to_numpy())
    seconds = np.clip(last - first, 0, None)
    is_emotion = scenes["emotion"].to_numpy()[:, None] == np.array(EMOTIONS)
    return seconds @ is_emotion / window_s
