"""Whether two results differ: paired and unpaired tests, and what n clips can show at all.

Two networks on the same clips are compared by exact McNemar tests, with Holm's correction for the
several tests of one claim or family. The published confusion matrices and accuracies do not say
which clips each network had right, so that they can only be compared as if unpaired, or bounded
(`mcnemar_bounds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import fisher_exact, norm, random_table
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import confint_proportions_2indep

from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS

PAPER_SUPPORT = dict.fromkeys(EMOTIONS, 50)  # test clips behind every printed score (Table 1)
ALPHA = 0.05
POWER = 0.8
PERMUTATIONS = 9999
CLOSE = 0.05  # "close": within five points of the printed score


@dataclass(frozen=True)
class PairedDifference:
    """Two classifiers on the same clips.

    Attributes
    ----------
    n : int
        Clips.
    only_first, only_second : int
        Clips that one had right and the other wrong.
    difference, low, high : float
        Accuracy of the first less that of the second, and its 95 % interval (Agresti and Min
        2005: Wald's with half a clip added to each cell).
    p_value : float
        Of the exact two-sided McNemar test.
    """

    n: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float

    def __str__(self) -> str:
        return (
            f"Of {self.n} clips only the first has {self.only_first} right, only the second "
            f"{self.only_second}: {self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], "
            f"exact p = {self.p_value:.2g}"
        )


def compare_paired(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference:
    """Compare two classifiers by the clips that each had right, in the same order.

    Raises
    ------
    InputError
        If they are not as many, or there is none.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape or not first.size:
        raise InputError(
            f"{first.size} and {second.size} clips: a paired test needs the same clips twice"
        )
    n, b, c = len(first), int((first & ~second).sum()), int((~first & second).sum())
    low, high = _agresti_min(b, c, n)
    return PairedDifference(n, b, c, (b - c) / n, low, high, mcnemar_p_value(b, c))


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar test from the two discordant counts.

    Examples
    --------
    >>> mcnemar_p_value(1, 8)  # 2 (1 + 9) / 2 ** 9
    0.0390625
    """
    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def mcnemar_bounds(hits_first: int, hits_second: int, n: int) -> tuple[float, float]:
    """Smallest and largest p-value that a McNemar test of these two accuracies could have had.

    The smallest belongs to networks that agree on as many clips as they can, the largest to
    networks that disagree on as many as they can.

    Examples
    --------
    Five of 300 clips between two rows can never be significant, however they pair:

    >>> mcnemar_bounds(200, 195, 300)[0]
    0.0625
    """
    more, fewer = max(hits_first, hits_second), min(hits_first, hits_second)
    most = min(fewer, n - more)  # clips that only the worse of the two may have had right
    return mcnemar_p_value(more - fewer, 0), mcnemar_p_value(most + more - fewer, most)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    return multipletests(p_values, method="holm")[1].tolist() if len(p_values) else []


def difference_interval(
    hits_first: int, n_first: int, hits_second: int, n_second: int
) -> tuple[float, float]:
    """95 % interval of the difference of two accuracies on different clips (Newcombe 1998).

    Examples
    --------
    >>> low, high = difference_interval(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    low, high = confint_proportions_2indep(
        hits_first, n_first, hits_second, n_second, method="newcomb", compare="diff"
    )
    return float(low), float(high)


def unpaired_p_value(hits_first: int, n_first: int, hits_second: int, n_second: int) -> float:
    """Fisher's exact two-sided test of two accuracies on different clips.

    Examples
    --------
    The lady tasting tea (Fisher 1935): three of four cups right on either side.

    >>> round(unpaired_p_value(3, 4, 1, 4), 4)
    0.4857
    """
    table = [[hits_first, n_first - hits_first], [hits_second, n_second - hits_second]]
    return float(fisher_exact(table).pvalue)


def smallest_difference(n: int, accuracy: float = 0.5) -> float:
    """The difference that `n` clips a side, not paired, show with power 0.8 at alpha 0.05.

    Parameters
    ----------
    n : int
        Clips of each of the two results.
    accuracy : float
        The lower of the two.

    Returns
    -------
    float
        By how much the higher must exceed it (Cohen's h, solved for the second proportion); NaN
        where even a perfect second score would not do.

    Examples
    --------
    >>> round(smallest_difference(300, 0.5), 3)
    0.113
    """
    h = NormalIndPower().solve_power(nobs1=n, alpha=ALPHA, power=POWER, ratio=1)
    angle = np.arcsin(np.sqrt(accuracy)) + h / 2
    return float(np.sin(angle) ** 2 - accuracy) if angle <= np.pi / 2 else float("nan")


def smallest_paired_difference(n: int, disagreement: float) -> float:
    """The same for two networks on the same `n` clips, by McNemar's test.

    Parameters
    ----------
    n : int
        Clips.
    disagreement : float
        Share of clips that exactly one of the two has right.

    Returns
    -------
    float
        The difference in accuracy (Connor 1987, solved for the difference); NaN where more than
        `disagreement` would be needed.

    Examples
    --------
    >>> round(smallest_paired_difference(300, 0.3), 3)
    0.088
    """
    alpha, beta = norm.ppf(1 - ALPHA / 2), norm.ppf(POWER)
    # sqrt(n) d = alpha sqrt(psi) + beta sqrt(psi - d ** 2), a quadratic in d
    a, b = n + beta**2, alpha * np.sqrt(n * disagreement)
    c = disagreement * (alpha**2 - beta**2)
    difference = (b + np.sqrt(b**2 - a * c)) / a
    return float(difference) if difference <= disagreement else float("nan")


def compare_errors(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> dict:
    """Whether two confusion matrices err in the same places: chi-square over their errors.

    Each emotion's wrong answers are compared with the other matrix's as a 2 x 5 table, and the
    statistics are added up. Expected counts are mostly below 5, so the p-value comes from 9,999
    random tables with the same margins rather than from the chi-square distribution.

    Parameters
    ----------
    first, second : array of int, (K, K)
        Clips by true (rows) and predicted (columns) emotion.
    seed : int
        Of the random tables.

    Returns
    -------
    dict
        ``chi_square``, ``degrees``, ``p_value``, ``errors_first`` and ``errors_second``. Emotions
        without errors on one side say nothing and are left out; if none is left, the p-value is 1.
    """
    draws = np.random.default_rng(seed)
    tables = _error_tables(np.asarray(first), np.asarray(second))
    observed = sum(float(_chi_square(table[None])[0]) for table in tables)
    resampled = np.zeros(PERMUTATIONS)
    for table in tables:
        same_margins = random_table(table.sum(1), table.sum(0))
        resampled += _chi_square(same_margins.rvs(PERMUTATIONS, random_state=draws))
    as_far = int((resampled >= observed - 1e-9).sum())
    return {
        "chi_square": float(observed),
        "degrees": sum(table.shape[1] - 1 for table in tables),
        "p_value": (1 + as_far) / (1 + PERMUTATIONS),
        "errors_first": int(np.sum(first) - np.trace(first)),
        "errors_second": int(np.sum(second) - np.trace(second)),
    }


def score_verdict(printed: float, value: float, interval: Sequence[float]) -> str:
    """Our score against a printed one: *matches* (it lies in our interval), *close*, *differs*.

    Close is within five points. A printed score stands for what rounds or cuts to it, which is
    far less than any of these intervals.
    """
    low, high = interval
    if low <= printed <= high:
        return "matches"
    return "close" if abs(value - printed) <= CLOSE + 1e-9 else "differs"


def _agresti_min(only_first: int, only_second: int, n: int) -> tuple[float, float]:
    b, c, total = only_first + 0.5, only_second + 0.5, n + 2
    half = norm.ppf(1 - ALPHA / 2) * np.sqrt(b + c - (b - c) ** 2 / total) / total
    middle = (b - c) / total
    return float(max(middle - half, -1)), float(min(middle + half, 1))


def _error_tables(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Wrong answers to each emotion, (2, columns in use), where both sides have any."""
    tables = []
    for emotion in range(len(first)):
        table = np.delete(np.stack([first[emotion], second[emotion]]), emotion, axis=1)
        if table.sum(1).all():
            tables.append(table[:, table.sum(0) > 0])
    return tables


def _chi_square(tables: np.ndarray) -> np.ndarray:
    """Pearson's statistic of each of (R, 2, C) tables whose margins are all positive."""
    rows, columns = tables.sum(2, keepdims=True), tables.sum(1, keepdims=True)
    expected = rows * columns / tables.sum((1, 2), keepdims=True)
    return ((tables - expected) ** 2 / expected).sum((1, 2))
