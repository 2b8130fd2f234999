"""How sure one classifier's scores are: intervals, areas, confusions, several seeds (Section 5.3).

What compares two classifiers is in `mvemotion.comparisons`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from mvemotion.specs import EMOTIONS

FEWEST_CLIPS = 5  # a bootstrap over fewer clips (or source videos) of a class says nothing
RESAMPLES = 1000
BOOTSTRAPPED = ("accuracy", "f1_macro", "f1_rounded", "auc")


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


def seeds_summary(values: Sequence[float]) -> dict:
    """Mean, sample standard deviation and range of one score over several seeds.

    Returns
    -------
    dict
        ``seeds``, ``mean``, ``sd`` (None of a single seed, which has no spread), ``min``, ``max``.

    Examples
    --------
    >>> seeds_summary([0.60, 0.62, 0.64])["mean"]
    0.62
    """
    array = np.asarray(values, dtype=float)
    return {
        "seeds": len(array),
        "mean": float(array.mean()),
        "sd": float(array.std(ddof=1)) if len(array) > 1 else None,
        "min": float(array.min()),
        "max": float(array.max()),
    }


# --- The bootstrap --------------------------------------------------------------------------------
def bootstrap_intervals(
    targets: np.ndarray,
    probabilities: np.ndarray,
    *,
    sources: Sequence[str] | None = None,
    seed: int = 0,
) -> dict:
    """95 % percentile intervals of accuracy, both F1 and macro AUC, by a stratified bootstrap.

    Parameters
    ----------
    targets : array of int, (n,)
    probabilities : array of float, (n, K)
    sources : sequence of str, (n,), optional
        The video that each clip was cut from. Whole videos are then drawn, since clips of one
        video are not independent; an interval over clips would be too narrow.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        ``accuracy``, ``f1_macro``, ``f1_rounded`` and ``auc``, each ``[low, high]`` or None;
        ``drawn`` (what was drawn), ``units`` (how many there are) and ``note``, why there is no
        interval. No resample lacks a class: each draws from every emotion's own units.
    """
    return bootstrap_mean_intervals(targets, [probabilities], sources=sources, seed=seed)


def bootstrap_mean_intervals(
    targets: np.ndarray,
    runs: Sequence[np.ndarray],
    *,
    sources: Sequence[str] | None = None,
    seed: int = 0,
) -> dict:
    """The same of each score's mean over several runs on the same clips.

    In a resample every run has the same clips, and its score is averaged with the others': the
    interval says what these runs would score on other clips. How runs differ among themselves is
    `seeds_summary`'s standard deviation.

    Parameters
    ----------
    runs : sequence of array of float, (n, K)
        Probabilities of each run.
    targets, sources, seed
        As for `bootstrap_intervals`, whose dict is returned.
    """
    targets = np.asarray(targets)
    weights, facts = resample(targets, sources, seed=seed)
    if facts["note"]:
        return dict.fromkeys(BOOTSTRAPPED) | facts
    scores = [_weighted_scores(targets, np.asarray(run), weights) for run in runs]
    return {name: _middle([each[name] for each in scores]) for name in BOOTSTRAPPED} | facts


def _middle(scores: Sequence[np.ndarray]) -> list[float]:
    """The middle 95 % of the mean of several runs' resampled scores, (RESAMPLES,) each."""
    return np.quantile(np.mean(scores, axis=0), [0.025, 0.975]).tolist()


def resample(
    targets: np.ndarray, sources: Sequence[str] | None = None, *, seed: int = 0
) -> tuple[np.ndarray, dict]:
    """How often each clip counts in each resample of the stratified bootstrap.

    Parameters
    ----------
    targets, sources, seed
        As for `bootstrap_intervals`.

    Returns
    -------
    weights : array of float, (RESAMPLES, n)
        Whole numbers; clips of one source video always have the same.
    facts : dict
        ``drawn``, ``units`` and ``note``, as `bootstrap_intervals` gives them. With a note,
        intervals from these weights would say nothing.
    """
    units, strata = _units(np.asarray(targets), sources)
    what = "clips" if sources is None else "source videos"
    is_enough = np.bincount(strata, minlength=len(EMOTIONS)).min() >= FEWEST_CLIPS
    note = "" if is_enough else f"a class has fewer than {FEWEST_CLIPS} {what}: no interval"
    facts = {"drawn": f"{what} within each emotion", "units": len(strata), "note": note}
    return _draw(strata, np.random.default_rng(seed))[:, units], facts


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
    weights = _draw(targets, np.random.default_rng(seed))
    low, high = np.quantile(
        _with_macro(_weighted_auc(targets, probabilities, weights)), [0.025, 0.975], axis=0
    )
    clips = np.bincount(targets, minlength=len(EMOTIONS)).tolist()
    frame = pd.DataFrame(
        {
            "emotion": [*EMOTIONS, "macro average"],
            "clips": [*clips, len(targets)],
            "auc": _with_macro(_weighted_auc(targets, probabilities, np.ones((1, len(targets)))))[
                0
            ],
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


def _units(targets: np.ndarray, sources: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Unit of each clip (n,), and the stratum of each unit: the emotion of its first clip."""
    if sources is None:
        return np.arange(len(targets)), targets
    _, first, units = np.unique(np.asarray(sources), return_index=True, return_inverse=True)
    return units, targets[first]


def _draw(strata: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """How often each unit is drawn, with replacement within its stratum: (RESAMPLES, units)."""
    weights = np.zeros((RESAMPLES, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        equal = np.full(len(members), 1 / len(members))
        weights[:, members] = draws.multinomial(len(members), equal, size=RESAMPLES)
    return weights


def _weighted_scores(
    targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """`BOOTSTRAPPED` scores (R,) of clips that count `weights` (R, n) times."""
    is_right = probabilities.argmax(1) == targets
    said = np.eye(len(EMOTIONS))[probabilities.argmax(1)]
    return {
        "accuracy": weights @ is_right / weights.sum(1),
        "f1_macro": _weighted_f1(targets, said, weights),
        "f1_rounded": _weighted_f1(targets, probabilities.round(), weights),
        "auc": _weighted_auc(targets, probabilities, weights).mean(-1),
    }


def _weighted_f1(targets: np.ndarray, said: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Macro F1 (R,) of the indicator `said` (n, K); a class neither said nor there scores 0."""
    is_true = np.eye(len(EMOTIONS))[targets]
    twice_right, total = 2 * weights @ (is_true * said), weights @ (is_true + said)
    return np.divide(twice_right, total, out=np.zeros_like(total), where=total > 0).mean(-1)


def _weighted_auc(
    targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """One-vs-rest AUC (R, K): the share of pairs in the right order, ties counting half."""
    columns = [
        _pairs_in_order(scores, targets == k, weights) for k, scores in enumerate(probabilities.T)
    ]
    return np.stack(columns, axis=-1)


def _pairs_in_order(scores: np.ndarray, is_true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mann-Whitney's statistic over all pairs (R,) of clips that count `weights` (R, n) times."""
    above, below = scores[is_true, None], scores[~is_true]
    order = (above > below) + np.float32(0.5) * (above == below)
    positives, negatives = weights[:, is_true].astype(np.float32), weights[:, ~is_true]
    wins = ((positives @ order) * negatives).sum(1)
    pairs = positives.sum(1) * negatives.sum(1)
    return np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def _with_macro(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values.mean(-1, keepdims=True)], axis=-1)
