"""Our confusion matrices beside the six that the authors published."""

from collections.abc import Mapping

import pandas as pd

from mvemotion.agreement import compare_errors
from mvemotion.comparisons import ALPHA
from mvemotion.published import PublishedConfusion, published_confusions
from mvemotion.reporting.tables import why_not_compared


def compare_confusions(ours: Mapping[str, dict | None], *, dataset: str) -> pd.DataFrame:
    """Whether our networks err in the same places as the authors' checkpoints of them.

    Parameters
    ----------
    ours : mapping of str to dict
        Test metrics of one run (see `mvemotion.evaluation.score`) by network id; None, or no
        entry, where there is none. Others than the published networks' are not looked at.
    dataset : str
        ``"synthetic"``, ``"sample"`` or ``"paper"``: only the last has the authors' clips.

    Returns
    -------
    DataFrame
        One row a published matrix: ``network``, ``checkpoint``, ``errors_ours`` and
        ``errors_published``; ``chi_square``, ``degrees`` and ``p_value`` of `compare_errors`; and
        ``verdict``, of `errors_verdict`. Of what was not run all but the published side is missing.
    """
    rows = [_row(one, ours.get(one.id), dataset) for one in published_confusions()]
    return pd.DataFrame(rows).astype({"errors_ours": "Int64", "degrees": "Int64"})


def errors_verdict(p_value: float) -> str:
    """*differs* where the test says so, else *close*: finding no difference proves no likeness."""
    return "differs" if p_value < ALPHA else "close"


def _row(one: PublishedConfusion, metrics: dict | None, dataset: str) -> dict:
    reason = why_not_compared(metrics["support"] if metrics else None, dataset)
    found = compare_errors(metrics["confusion"], one.matrix) if metrics else {}
    return {
        "network": one.id,
        "checkpoint": one.checkpoint,
        "errors_ours": found.get("errors_first"),
        "errors_published": int(one.matrix.sum() - one.matrix.trace()),
        "chi_square": found.get("chi_square", float("nan")),
        "degrees": found.get("degrees"),
        "p_value": found.get("p_value", float("nan")),
        "verdict": reason or errors_verdict(found["p_value"]),
    }
