"""Tests of differences: against textbooks, hand-made cases and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, chi2_contingency

from mvemotion import agreement
from mvemotion.agreement import compare_errors
from mvemotion.comparisons import (
    PAPER_SUPPORT,
    compare_paired,
    compare_runs,
    difference_interval,
    exchange_p_value,
    holm,
    mcnemar_bounds,
    mcnemar_p_value,
    score_verdict,
    smallest_difference,
    smallest_paired_difference,
    unpaired_p_value,
)
from mvemotion.errors import InputError
from mvemotion.published import published_confusions


# --- Paired ---------------------------------------------------------------------------------------
def answers(both: int, only_first: int, only_second: int, neither: int):
    """Which clips two classifiers have right, from the four cells of their table."""
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return first, second


def test_the_paired_test_is_that_of_agrestis_approval_ratings():
    # Agresti, Categorical Data Analysis (2002), Table 10.1: the difference is 0.04 in favour of the
    # first survey, its 95 % interval (0.021, 0.059), and z = 4.17
    found = compare_paired(*answers(794, 150, 86, 570))
    assert (found.n, found.only_first, found.only_second) == (1600, 150, 86)
    assert found.difference == pytest.approx(0.04)
    assert (found.low, found.high) == pytest.approx((0.021, 0.059), abs=5e-4)
    assert found.p_value == pytest.approx(2 * binom.cdf(86, 150 + 86, 0.5), rel=1e-9)


@pytest.mark.parametrize(("b", "c"), [(1, 8), (0, 6), (12, 5), (3, 3), (40, 22)])
def test_the_paired_p_value_is_the_sign_tests(b, c):
    assert mcnemar_p_value(b, c) == pytest.approx(binomtest(b, b + c).pvalue)


def test_networks_that_agree_on_every_clip_do_not_differ():
    found = compare_paired(*answers(30, 0, 0, 10))
    assert (found.p_value, found.difference) == (1, 0)
    assert found.low < 0 < found.high


def test_a_paired_difference_reads_as_a_sentence():
    found = str(compare_paired(*answers(30, 5, 0, 10)))
    assert found.startswith("Of 45 clips only the first has 5 right, only the second 0: +0.111 [")
    assert found.endswith("], exact p = 0.062")


def test_a_paired_test_needs_the_same_clips():
    with pytest.raises(InputError, match="3 and 2 clips: a paired test needs the same clips"):
        compare_paired([True] * 3, [True] * 2)
    with pytest.raises(InputError, match="0 and 0 clips"):
        compare_paired([], [])


# --- Several runs ---------------------------------------------------------------------------------
def test_of_one_run_each_the_comparison_is_the_paired_one():
    draws = np.random.default_rng(0)
    for _ in range(20):
        first, second = draws.random((2, 60)) < 0.6
        one, mean = compare_paired(first, second), compare_runs([first], [second])
        assert (mean.n, mean.runs) == (60, 1)
        for name in ("difference", "low", "high", "p_value"):
            assert getattr(mean, name) == pytest.approx(getattr(one, name)), name


def test_the_exchange_test_counts_every_way_of_exchanging():
    differences = np.array([3, -2, 1, 1, 2, 0, 3, -1])
    signs = np.array(list(itertools.product([1, -1], repeat=8)))
    as_far = np.abs(signs @ np.abs(differences)) >= abs(differences.sum())
    assert exchange_p_value(differences) == pytest.approx(as_far.mean())


def noisy_runs(draws, *, difference: float):
    """Two networks, three runs each: clips differ in difficulty, runs share most of a network's."""
    easy = draws.random(150) < 0.5
    shares = [np.where(easy, 0.85, 0.4 + extra) for extra in (difference, 0)]
    return [draws.random((3, 150)) < share for share in shares]


def test_the_interval_of_several_runs_holds_their_mean_and_the_truth():
    draws, hits = np.random.default_rng(7), 0
    for _ in range(200):
        found = compare_runs(*noisy_runs(draws, difference=0.2))
        assert found.low < found.difference < found.high
        hits += found.low <= 0.1 <= found.high
    assert 0.9 <= hits / 200 <= 1


def test_equal_networks_are_rarely_found_to_differ():
    draws = np.random.default_rng(8)
    p_values = [compare_runs(*noisy_runs(draws, difference=0)).p_value for _ in range(300)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_runs_are_compared_only_on_the_same_clips_and_as_many_of_each():
    with pytest.raises(InputError, match=r"\(3, 4\) and \(2, 4\)"):
        compare_runs(np.ones((3, 4)), np.ones((2, 4)))
    with pytest.raises(InputError, match="the same clips"):
        compare_runs([], [])


def test_bounds_hold_for_every_way_in_which_two_accuracies_can_pair():
    n, more, fewer = 20, 14, 9
    smallest, largest = mcnemar_bounds(more, fewer, n)
    possible = [
        mcnemar_p_value(more - both, fewer - both)
        for both in range(max(0, more + fewer - n), min(more, fewer) + 1)
    ]
    assert (min(possible), max(possible)) == pytest.approx((smallest, largest))
    assert mcnemar_bounds(fewer, more, n) == (smallest, largest)


def test_holm_is_the_textbook_procedure():
    p_values = np.array([0.001, 0.2, 0.03, 0.012])
    order = p_values.argsort()
    stepwise = np.maximum.accumulate(p_values[order] * np.arange(4, 0, -1)).clip(max=1)
    assert np.array(holm(p_values))[order] == pytest.approx(stepwise)
    assert holm([]) == []


# --- Unpaired -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "interval"),
    [  # Newcombe (1998), Statistics in Medicine 17, 873-890, Table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(cells, interval):
    assert difference_interval(*cells) == pytest.approx(interval, abs=5e-5)


def test_unpaired_counts_are_compared_by_fishers_exact_test():
    # Agresti (2002), Section 3.5: the lady who tells tea from milk, eight right of eight: 2 / 70
    assert unpaired_p_value(4, 4, 0, 4) == pytest.approx(2 / 70)


# --- What n clips can show ------------------------------------------------------------------------
def test_the_sample_size_of_a_small_effect_is_cohens():
    # Cohen (1988), Table 6.4.1: h = 0.20, two-sided 5 %, power 0.80: n = 392
    found = smallest_difference(392, 0.5)
    h = 2 * (math.asin(math.sqrt(0.5 + found)) - math.asin(math.sqrt(0.5)))
    assert h == pytest.approx(0.20, abs=5e-4)


def test_what_cannot_be_shown_at_all_is_nan():
    assert math.isnan(smallest_difference(10, 0.95))
    assert math.isnan(smallest_paired_difference(20, 0.05))


@pytest.mark.parametrize("disagreement", [0.15, 0.3])
def test_the_smallest_paired_difference_is_found_four_times_in_five(disagreement):
    n, draws = 300, np.random.default_rng(0)
    difference = smallest_paired_difference(n, disagreement)
    shares = [(disagreement + difference) / 2, (disagreement - difference) / 2, 1 - disagreement]
    tables = draws.multinomial(n, shares, size=4000)
    p_values = 2 * binom.cdf(tables[:, :2].min(1), tables[:, :2].sum(1), 0.5)
    # the exact test is conservative: a little below the formula's 0.8
    assert 0.72 < (p_values < 0.05).mean() < 0.82


def test_pairing_shows_smaller_differences_than_other_clips_do():
    assert smallest_paired_difference(300, 0.3) < smallest_difference(300, 0.5)


# --- Confusion matrices ---------------------------------------------------------------------------
def test_errors_are_compared_by_the_sum_of_chi_squares_over_emotions():
    draws = np.random.default_rng(3)
    first, second = draws.integers(20, 60, (2, 6, 6))
    tables = [
        np.delete(np.stack([a, b]), k, 1)
        for k, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    expected = sum(chi2_contingency(table, correction=False).statistic for table in tables)
    found = compare_errors(first, second)
    assert found["chi_square"] == pytest.approx(expected)
    assert found["degrees"] == 24


def test_the_p_value_of_one_emotion_is_fishers():
    # two possible wrong answers: a 2 x 2 table, of which Fisher's test is exact
    first, second = np.diag([5] * 6), np.diag([5] * 6)
    first[0, 1:3], second[0, 1:3] = (9, 1), (3, 7)
    found = compare_errors(first, second)
    assert found["p_value"] == pytest.approx(unpaired_p_value(9, 10, 3, 10), abs=0.005)
    assert (found["errors_first"], found["errors_second"], found["degrees"]) == (10, 10, 1)


def test_equal_errors_agree_and_no_errors_say_nothing():
    matrix = published_confusions()[0].matrix
    assert compare_errors(matrix, matrix)["p_value"] == 1
    nothing = compare_errors(matrix, np.diag([50] * 6))
    assert (nothing["p_value"], nothing["degrees"], nothing["errors_second"]) == (1, 0, 0)


def test_p_values_of_errors_from_one_source_are_uniform(monkeypatch):
    monkeypatch.setattr(agreement, "PERMUTATIONS", 199)
    draws = np.random.default_rng(5)
    shares = np.full((6, 6), 0.06) + 0.64 * np.eye(6)
    pairs = [
        [np.stack([draws.multinomial(20, row) for row in shares]) for _ in range(2)]
        for _ in range(200)
    ]
    p_values = [compare_errors(*pair, seed=seed)["p_value"] for seed, pair in enumerate(pairs)]
    below = np.array([np.mean(np.array(p_values) < level) for level in (0.1, 0.5, 0.9)])
    assert below == pytest.approx([0.1, 0.5, 0.9], abs=0.1)


# --- Verdicts -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("printed", "verdict"),
    [(0.69, "matches"), (0.67, "matches"), (0.66, "close"), (0.65, "close"), (0.64, "differs")],
)
def test_a_printed_score_matches_in_the_interval_and_is_close_within_five_points(printed, verdict):
    assert score_verdict(printed, 0.70, (0.67, 0.73)) == verdict


def test_the_paper_has_fifty_test_clips_of_each_emotion():
    assert set(PAPER_SUPPORT.values()) == {50}
