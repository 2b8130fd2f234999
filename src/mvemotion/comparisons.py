"""Whether two results differ: paired and unpaired tests, and what n clips can show at all.

Two networks on the same clips are compared by exact McNemar tests, of several runs each by the test
that generalises it (`compare_runs`), with Holm's correction for the several tests of one claim or
family. The published confusion matrices and accuracies do not say which clips each network had
right, so that they can only be compared as if unpaired, or bounded (`mcnemar_bounds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, fisher_exact, norm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import confint_proportions_2indep

from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS

PAPER_SUPPORT = dict.fromkeys(EMOTIONS, 50)  # test clips behind every printed score (Table 1)
ALPHA = 0.05
POWER = 0.8
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
    low, high = _agresti_min(b - c, b + c, n)
    return PairedDifference(n, b, c, (b - c) / n, low, high, mcnemar_p_value(b, c))


@dataclass(frozen=True)
class MeanDifference:
    """Two networks on the same clips, each the mean of several runs; see `compare_runs`."""

    n: int  # clips
    runs: int  # of each network
    difference: float  # mean accuracy of the first less that of the second
    low: float  # of its 95 % interval, over clips
    high: float
    p_value: float


def compare_runs(first: np.ndarray, second: np.ndarray) -> MeanDifference:
    """Compare two networks by the share of their runs that had each clip right.

    Interval and p-value are those of the mean difference, over clips: what these runs would do on
    others. Of one run each they are those of `compare_paired`.

    Parameters
    ----------
    first, second : array of bool, (runs, n)
        Which clips each run had right, in the same order.

    Returns
    -------
    MeanDifference
        With an interval as of Agresti and Min, of values between -1 and 1, and the p-value of the
        exact two-sided test that exchanges the two networks clip by clip (`exchange_p_value`).

    Raises
    ------
    InputError
        If they are not as many, or there is none.
    """
    first, second = np.atleast_2d(first).astype(int), np.atleast_2d(second).astype(int)
    if first.shape != second.shape or not first.size:
        raise InputError(
            f"runs by clips {first.shape} and {second.shape}: a paired test needs as many runs "
            "on the same clips"
        )
    runs, n = first.shape
    more = (first - second).sum(0)
    low, high = _agresti_min(float(more.sum() / runs), float((more**2).sum() / runs**2), n)
    difference = float(more.sum() / (runs * n))
    return MeanDifference(n, runs, difference, low, high, exchange_p_value(more))


def exchange_p_value(differences: np.ndarray) -> float:
    """Exact two-sided test that each clip's difference was as likely the other way round.

    Parameters
    ----------
    differences : array of int, (n,)
        By how many runs the first network had a clip right more often than the second.

    Examples
    --------
    Of one run each it is McNemar's test:

    >>> round(exchange_p_value([1] + 8 * [-1]), 7) == mcnemar_p_value(1, 8)
    True
    """
    sizes = np.abs(np.asarray(differences, dtype=int))
    chances = np.ones(1)  # of each sum of signed differences, from -sizes.sum() in steps of 2
    for size, clips in zip(*np.unique(sizes[sizes > 0], return_counts=True), strict=True):
        signs = np.zeros(size * clips + 1)
        signs[::size] = binom.pmf(np.arange(clips + 1), clips, 0.5)
        chances = np.convolve(chances, signs)
    sums = 2 * np.arange(len(chances)) - sizes.sum()
    as_far = chances[np.abs(sums) >= abs(int(np.sum(differences)))].sum()
    return float(min(as_far, 1))


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


def score_verdict(printed: float, value: float, interval: Sequence[float]) -> str:
    """Our score against a printed one: *matches* (it lies in our interval), *close*, *differs*.

    Close is within five points. A printed score stands for what rounds or cuts to it, which is
    far less than any of these intervals.
    """
    low, high = interval
    if low <= printed <= high:
        return "matches"
    return "close" if abs(value - printed) <= CLOSE + 1e-9 else "differs"


def _agresti_min(total: float, squares: float, n: int) -> tuple[float, float]:
    """From the sum of the n clips' differences and of their squares, four half clips added."""
    clips, middle = n + 2, total / (n + 2)  # +1, -1 and twice 0, half a clip each
    half = norm.ppf(1 - ALPHA / 2) * np.sqrt(((squares + 1) / clips - middle**2) / clips)
    return float(max(middle - half, -1)), float(min(middle + half, 1))
