"""Whether two classifiers err in the same places, as far as their confusion matrices tell."""

import numpy as np
from scipy.stats import random_table

PERMUTATIONS = 9999


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
