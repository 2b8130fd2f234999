"""How sure a score is: intervals, one-vs-rest ROC-AUC and confusions (Section 5.3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata

from mvemotion.specs import EMOTIONS

FEWEST_CLIPS = 5  # a bootstrap over fewer clips of a class says nothing
RESAMPLES = 1000


def accuracy_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of `hits` right answers in `n`.

    Examples
    --------
    The paper's best, 74 % of 300 clips:

    >>> low, high = accuracy_interval(222, 300)
    >>> round(low, 3), round(high, 3)
    (0.688, 0.786)
    """
    interval = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def accuracy_text(matrix: Sequence[Sequence[int]]) -> str:
    """Accuracy, interval and n of a confusion matrix.

    Examples
    --------
    >>> accuracy_text([[37, 13], [13, 37]])
    'accuracy 0.740 [0.646, 0.816], n = 100'
    """
    counts = np.asarray(matrix)
    hits, n = int(counts.trace()), int(counts.sum())
    low, high = accuracy_interval(hits, n)
    return f"accuracy {hits / n:.3f} [{low:.3f}, {high:.3f}], n = {n}"


def confused_pairs(matrix: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Pairs of emotions by how many clips were taken for one another, either way, most first."""
    counts = np.asarray(matrix)
    rows = [
        {"pair": f"{EMOTIONS[a]} and {EMOTIONS[b]}", "clips": int(counts[a, b] + counts[b, a])}
        for a in range(len(EMOTIONS))
        for b in range(a + 1, len(EMOTIONS))
    ]
    return pd.DataFrame(rows).sort_values(
        "clips", ascending=False, kind="stable", ignore_index=True
    )


def auc_table(targets: np.ndarray, probabilities: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """One-vs-rest ROC-AUC of each emotion and their macro average, with 95 % intervals.

    Parameters
    ----------
    targets : array of int, (n,)
    probabilities : array of float, (n, K)
    seed : int
        Of the stratified bootstrap that gives the intervals.

    Returns
    -------
    DataFrame
        ``emotion``, ``clips``, ``auc``, ``low``, ``high`` and ``note``. The AUC of an emotion
        without clips is missing, and so is then the macro average; intervals are missing where a
        class has fewer than 5 clips.
    """
    targets, probabilities = np.asarray(targets), np.asarray(probabilities)
    index = _stratified(targets, np.random.default_rng(seed))
    resampled = _with_macro(_one_vs_rest_auc(targets[index], probabilities[index]))
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    clips = np.bincount(targets, minlength=len(EMOTIONS)).tolist()
    frame = pd.DataFrame(
        {
            "emotion": [*EMOTIONS, "macro average"],
            "clips": [*clips, len(targets)],
            "auc": _with_macro(_one_vs_rest_auc(targets, probabilities)),
            "low": low,
            "high": high,
        }
    )
    fewest = np.array([*clips, min(clips)])
    frame.loc[fewest < FEWEST_CLIPS, ["low", "high"]] = np.nan
    few = f"a class has fewer than {FEWEST_CLIPS} clips: no interval"
    frame["note"] = np.select(
        [frame["auc"].isna(), fewest < FEWEST_CLIPS], ["a class has no clip", few], ""
    )
    return frame


def _one_vs_rest_auc(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mann-Whitney's statistic: targets (..., n), probabilities (..., n, K) -> (..., K)."""
    is_positive = targets[..., None] == np.arange(len(EMOTIONS))
    positives = is_positive.sum(-2)
    pairs = positives * (targets.shape[-1] - positives)
    wins = (rankdata(probabilities, axis=-2) * is_positive).sum(-2)
    wins = wins - positives * (positives + 1) / 2
    return np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def _with_macro(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values.mean(-1, keepdims=True)], axis=-1)


def _stratified(targets: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Clips drawn with replacement within each class: (RESAMPLES, n) indices."""
    members = [np.flatnonzero(targets == k) for k in np.unique(targets)]
    return np.concatenate([draws.choice(m, (RESAMPLES, len(m))) for m in members], axis=1)
