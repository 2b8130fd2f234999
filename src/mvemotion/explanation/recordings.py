"""Why a network answered as it did all along a recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mvemotion.explanation.windows import WindowExplanation, ablate, explain
from mvemotion.prediction import Predictor
from mvemotion.specs import EMOTIONS
from mvemotion.timeline import Timeline

MOST = 8  # windows that are explained with maps


@dataclass(frozen=True)
class RecordingExplanation:
    """A timeline, and what it rests on.

    Attributes
    ----------
    timeline : Timeline
    modalities : tuple of str
        Of the network.
    falls : dict
        By the number of the window, for all that have an answer: by how much the answer's
        probability falls without each modality (`Ablation.falls`).
    windows : dict of WindowExplanation
        Of those that `choose_windows` chose, by their number.
    """

    timeline: Timeline
    modalities: tuple[str, ...]
    falls: dict[int, dict[str, float]]
    windows: dict[int, WindowExplanation]


def explain_recording(
    path: str | Path, predictor: Predictor, timeline: Timeline, *, progress: bool = False
) -> RecordingExplanation:
    """Attribution of every window's answer, and maps of some, in one more pass over the file.

    Parameters
    ----------
    path : str or Path
    predictor : Predictor
        What made `timeline`.
    timeline : Timeline
        What it said of the recording.
    progress : bool
        Show a progress bar.
    """
    answers = timeline.logits.argmax(1)
    answered = np.flatnonzero(~np.isnan(timeline.logits).any(1)).tolist()
    chosen = set(choose_windows(timeline.emotions, timeline.probabilities.max(1)))
    windows = predictor.windows(predictor.open(path), timeline.starts_s[answered])
    shown = None if progress else True
    bar = tqdm(windows, f"{timeline.source}, why", len(answered), disable=shown)
    falls, explained = {}, {}
    for index, window in zip(answered, bar, strict=True):
        if index in chosen:
            explained[index] = explain(predictor, window, emotion=EMOTIONS[answers[index]])
            falls[index] = explained[index].attribution
        else:
            falls[index] = ablate(predictor, window).falls(answers[index])
    return RecordingExplanation(timeline, predictor.network.spec.modalities, falls, explained)


def choose_windows(
    emotions: Sequence[str], confidence: Sequence[float], most: int = MOST
) -> list[int]:
    """The most probable window of each stretch of one answer; of too many stretches, some.

    First the longest stretch of each answer, then the longest of all others; those without a sure
    answer come last.

    Parameters
    ----------
    emotions : sequence of str
        Each window's answer; empty without one, which is never chosen.
    confidence : sequence of float
        The highest probability of each.
    most : int
        How many to choose.

    Returns
    -------
    list of int
        Numbers of windows, increasing.

    Examples
    --------
    >>> choose_windows(("Sad", "Sad", "Fear", "", "Sad"), (0.5, 0.9, 0.7, 0, 0.6))
    [1, 2, 4]
    >>> choose_windows(("Sad", "Sad", "Fear", "Sad", "Sad", "Sad"), (0.9,) * 6, most=2)
    [2, 3]
    """
    groups = groupby(range(len(emotions)), key=emotions.__getitem__)
    stretches = [(emotion, list(indices)) for emotion, indices in groups if emotion]
    stretches.sort(key=lambda stretch: -len(stretch[1]))
    seen, ranked = set(), []
    for emotion, indices in stretches:
        rank = (emotion == "uncertain", emotion in seen)
        ranked.append((rank, max(indices, key=confidence.__getitem__)))
        seen.add(emotion)
    ranked.sort(key=lambda one: one[0])
    return sorted(window for _, window in ranked[:most])
