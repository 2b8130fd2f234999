"""Do probabilities mean what they say? Reliability, and one temperature that mends it.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from mvemotion.errors import DataError
from mvemotion.statistics import accuracy_interval

BINS = 15  # of equal width, as Guo et al. have them
TEMPERATURES = (0.05, 20.0)  # looked for between these
FEWEST = 30  # clips below which a temperature is mostly chance


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that makes the true classes most probable: logits are divided by it.

    Parameters
    ----------
    logits : np.ndarray
        (n, K) of clips that the network has not learned from; a constant a row is of no matter, so
        that log-probabilities serve as well.
    targets : np.ndarray
        (n,), indices of `EMOTIONS`.

    Returns
    -------
    float
        Above 1 where the network is too sure of itself. The most probable class stays what it is.

    Raises
    ------
    DataError
        If there is no clip, or a logit is not finite.

    Examples
    --------
    >>> sure = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]])
    >>> round(fit_temperature(sure, np.array([0, 0, 0, 1])), 2)  # right in three of four
    3.64
    """
    if not len(targets) or not np.isfinite(logits).all():
        raise DataError(
            f"{len(targets)} clips to fit a temperature to: some, and finite, are needed"
        )

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits / np.exp(log_temperature), targets)

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def is_at_bound(temperature: float) -> bool:
    """Whether the search ended at an end of `TEMPERATURES`: no temperature fits, then."""
    return bool(np.isclose(temperature, TEMPERATURES, rtol=0.01).any())


def doubts(temperature: float, clips: int) -> list[str]:
    """Why a fitted temperature should not be relied on, in sentences; mostly none."""
    found = []
    if is_at_bound(temperature):
        found.append(
            f"temperature {temperature:.3g} is where the search ends, not an optimum: the answers "
            "are all right, all wrong or hardly differ; use more clips, or train for longer"
        )
    if clips < FEWEST:
        found.append(
            f"a temperature fitted to {clips} clips is mostly chance; use {FEWEST} or more"
        )
    return found


def negative_log_likelihood(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean over clips, in nats: the loss that training minimises."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(targets)), targets].mean())


def calibration_scores(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """How far probabilities are from frequencies.

    Returns
    -------
    dict
        ``ece``: expected calibration error, the gap between confidence and accuracy averaged over
        15 bins of equal width; ``ece_adaptive``: over 15 bins of equally many clips; ``brier``:
        squared distance of the probabilities from the truth, 0 to 2; ``nll``, in nats.
    """
    probabilities = softmax(logits, axis=1)
    truth = np.eye(probabilities.shape[1])[targets]
    return {
        "ece": _ece(probabilities, targets, np.linspace(0, 1, BINS + 1)),
        "ece_adaptive": _ece(probabilities, targets, _even_edges(probabilities.max(1))),
        "brier": float(((probabilities - truth) ** 2).sum(1).mean()),
        "nll": negative_log_likelihood(logits, targets),
    }


def reliability(probabilities: np.ndarray, targets: np.ndarray, *, bins: int = 10) -> pd.DataFrame:
    """Accuracy against confidence: the table behind a reliability diagram.

    Parameters
    ----------
    probabilities : np.ndarray
        (n, K).
    targets : np.ndarray
        (n,), indices of `EMOTIONS`.
    bins : int
        Of equal width.

    Returns
    -------
    pd.DataFrame
        One row for each bin that holds a clip: ``low``, ``high`` (its edges), ``n``, mean
        ``confidence``, ``accuracy`` and its 95 % Wilson interval ``accuracy_low``,
        ``accuracy_high``.
    """
    edges = np.linspace(0, 1, bins + 1)
    rows = []
    for index, (n, confidence, right) in _binned(probabilities, targets, edges).items():
        low, high = accuracy_interval(right, n)
        row = {"low": edges[index], "high": edges[index + 1], "n": n, "confidence": confidence}
        rows.append(row | {"accuracy": right / n, "accuracy_low": low, "accuracy_high": high})
    return pd.DataFrame(rows)


def _ece(probabilities: np.ndarray, targets: np.ndarray, edges: np.ndarray) -> float:
    found = _binned(probabilities, targets, edges).values()
    return float(sum(abs(right - n * mean) for n, mean, right in found) / len(targets))


def _binned(probabilities: np.ndarray, targets: np.ndarray, edges: np.ndarray) -> dict:
    """Clips, mean confidence and right answers of each bin (low, high] that is not empty."""
    confidence, is_right = probabilities.max(1), probabilities.argmax(1) == targets
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)
    return {
        int(place): (
            int((places == place).sum()),
            float(confidence[places == place].mean()),
            int(is_right[places == place].sum()),
        )
        for place in np.unique(places)
    }


def _even_edges(confidence: np.ndarray) -> np.ndarray:
    return np.unique(np.quantile(confidence, np.linspace(0, 1, BINS + 1)))
