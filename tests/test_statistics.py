"""Intervals, confusions and areas: against textbooks, scikit-learn and the authors' own output."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mvemotion.published import published_confusions
from mvemotion.statistics import accuracy_interval, accuracy_text, auc_table, confused_pairs


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval as textbooks write it (Wilson 1927), for comparison."""
    share = hits / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return tuple((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))


@pytest.mark.parametrize(("hits", "n"), [(0, 6), (1, 10), (6, 6), (222, 300), (150, 300)])
def test_the_interval_is_wilsons(hits, n):
    assert accuracy_interval(hits, n) == pytest.approx(wilson(hits, n), abs=1e-6)


def test_the_interval_is_the_published_one():
    # Newcombe (1998), Table I: 1 of 29 by the score method without continuity correction
    assert accuracy_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_published_matrices_give_the_accuracy_that_the_authors_print():
    for one in published_confusions():
        assert accuracy_text(one.matrix).startswith(f"accuracy {one.accuracy:.3f} [")
        assert accuracy_text(one.matrix).endswith("n = 300")


def test_confused_pairs_add_up_to_the_errors():
    for one in published_confusions():
        pairs = confused_pairs(one.matrix)
        assert pairs["clips"].sum() == one.matrix.sum() - one.matrix.trace()
        assert pairs["clips"].is_monotonic_decreasing
        assert len(pairs) == 15


def random_scores(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    targets = draws.permutation(np.arange(n) % 6)
    probabilities = draws.dirichlet(np.ones(6), n) + 0.3 * np.eye(6)[targets]
    return targets, (probabilities / probabilities.sum(1, keepdims=True)).round(2)  # with ties


def test_areas_are_scikit_learns_and_lie_in_their_intervals():
    targets, probabilities = random_scores(120)
    table = auc_table(targets, probabilities).set_index("emotion")
    expected = roc_auc_score(np.eye(6)[targets], probabilities, average=None)
    assert table["auc"].tolist() == pytest.approx([*expected, expected.mean()])
    assert table["clips"].tolist() == [20] * 6 + [120]
    assert ((table["low"] < table["auc"]) & (table["auc"] < table["high"])).all()


def test_intervals_of_areas_shrink_as_clips_grow():
    widths = []
    for n in (60, 240):
        macro = auc_table(*random_scores(n)).iloc[-1]
        widths.append(macro["high"] - macro["low"])
    assert widths[1] == pytest.approx(widths[0] / math.sqrt(4), rel=0.4)


def test_areas_of_an_absent_class_are_missing_with_the_reason():
    targets, probabilities = random_scores(60)
    table = auc_table(np.where(targets == 2, 0, targets), probabilities).set_index("emotion")
    for name in ("Neutral", "macro average"):
        assert table.loc[name, ["auc", "low", "high"]].isna().all()
        assert table.loc[name, "note"] == "a class has no clip"
    assert table.loc["Sad", "note"] == ""


def test_areas_of_a_handful_of_clips_have_no_interval():
    table = auc_table(np.arange(6), np.eye(6))
    assert table["auc"].tolist() == [1.0] * 7
    assert table[["low", "high"]].isna().all(axis=None)
