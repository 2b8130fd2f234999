"""Scores that the six published confusion matrices hold.

A confusion matrix counts most probable classes alone: accuracy, recall, precision and their F1
follow from it. The F1 that the paper prints, of rounded outputs (D5), and the AUC do not.
"""

import numpy as np
import pandas as pd

from mvemotion.agreement import compare_errors
from mvemotion.published import PublishedConfusion, published_confusions
from mvemotion.recomputation.printed import printed_rows
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import accuracy_interval, confused_pairs


def matrix_scores() -> pd.DataFrame:
    """One row a checkpoint: accuracy with Wilson's interval, macro F1, AUC, beside the printed.

    The printed columns are empty for ``best1``, the worse of Table 6 row 1's two checkpoints,
    which is not in the paper.
    """
    return pd.DataFrame([_scores(one) for one in published_confusions()])


def class_scores() -> pd.DataFrame:
    """One row a checkpoint and emotion: recall and precision with Wilson intervals, and F1."""
    rows = [_class_row(one, k) for one in published_confusions() for k in range(len(EMOTIONS))]
    return pd.DataFrame(rows)


def confusions_between() -> pd.DataFrame:
    """One row a checkpoint and pair of emotions: clips taken for one another, most first."""
    parts = [
        confused_pairs(one.matrix).assign(checkpoint=one.checkpoint, rank=range(1, 16))
        for one in published_confusions()
    ]
    return pd.concat(parts, ignore_index=True)[["checkpoint", "rank", "pair", "clips"]]


def error_agreements() -> pd.DataFrame:
    """Whether each two checkpoints err in the same places; see `compare_errors`."""
    known = published_confusions()
    return pd.DataFrame(
        {
            "first": first.checkpoint,
            "second": second.checkpoint,
            **compare_errors(first.matrix, second.matrix),
        }
        for place, first in enumerate(known)
        for second in known[place + 1 :]
    )


def macro_f1(matrix: np.ndarray) -> float:
    """Macro F1 of the most probable class, from clips by true and predicted class (K, K)."""
    return float((2 * matrix.diagonal() / (matrix.sum(0) + matrix.sum(1))).mean())


def _scores(one: PublishedConfusion) -> dict:
    hits, n = int(one.matrix.trace()), int(one.matrix.sum())
    low, high = accuracy_interval(hits, n)
    row = printed_rows().loc[one.id] if one.is_of_paper else {}
    return {
        "id": one.id,
        "checkpoint": one.checkpoint,
        "n": n,
        "hits": hits,
        "accuracy": hits / n,
        "low": low,
        "high": high,
        "printed_accuracy": row.get("Test Accuracy"),
        "f1_macro": macro_f1(one.matrix),
        "printed_f1": row.get("F1-Score"),
        "authors_auc": one.auc,
        "printed_auc": row.get("ROC AUC Score"),
    }


def _class_row(one: PublishedConfusion, k: int) -> dict:
    right, there, said = one.matrix[k, k], one.matrix[k].sum(), one.matrix[:, k].sum()
    recall_low, recall_high = accuracy_interval(int(right), int(there))
    precision_low, precision_high = accuracy_interval(int(right), int(said))
    return {
        "id": one.id,
        "checkpoint": one.checkpoint,
        "emotion": EMOTIONS[k],
        "clips": int(there),
        "recall": right / there,
        "recall_low": recall_low,
        "recall_high": recall_high,
        "predicted": int(said),
        "precision": right / said,
        "precision_low": precision_low,
        "precision_high": precision_high,
        "f1": 2 * right / (there + said),
    }
