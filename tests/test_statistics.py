"""Intervals, confusions and areas: against textbooks, scikit-learn and the authors' own output."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from mvemotion.published import published_confusions
from mvemotion.statistics import (
    accuracy_interval,
    accuracy_text,
    auc_table,
    bootstrap_intervals,
    bootstrap_mean_intervals,
    confused_pairs,
    seeds_summary,
)


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


# --- Several seeds and the bootstrap --------------------------------------------------------------
def test_several_seeds_have_a_mean_a_sample_deviation_and_a_range():
    # Student's sleep data, drug 2 (Student 1908, Table on page 20): mean 2.33, s = 2.002 (n - 1)
    hours = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = seeds_summary(hours)
    assert (found["seeds"], found["min"], found["max"]) == (10, -0.1, 5.5)
    assert found["mean"] == pytest.approx(2.33)
    assert found["sd"] == pytest.approx(2.002, abs=5e-4)


def test_one_seed_has_no_deviation():
    assert seeds_summary([0.7])["sd"] is None


def noisy_world(
    draws: np.random.Generator, clips: int, per_source: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities and sources; clips of one source share most of their noise."""
    targets = np.arange(6).repeat(clips)
    sources = np.arange(len(targets)) // per_source
    shared = draws.normal(size=(sources.max() + 1, 6))[sources]
    share = 0 if per_source == 1 else 0.75
    noise = np.sqrt(1 - share) * draws.normal(size=(len(targets), 6)) + np.sqrt(share) * shared
    scores = np.exp(1.5 * (noise + 1.2 * np.eye(6)[targets]))
    return targets, scores / scores.sum(1, keepdims=True), sources


@pytest.fixture(scope="module")
def truth():
    """What `noisy_world` scores in the long run, by scikit-learn."""
    targets, probabilities, _ = noisy_world(np.random.default_rng(1), 5000, 1)
    said, one_hot = probabilities.argmax(1), np.eye(6)[targets]
    return {
        "accuracy": (said == targets).mean(),
        "f1_macro": f1_score(targets, said, average="macro"),
        "f1_rounded": f1_score(one_hot, probabilities.round(), average="macro", zero_division=0),
        "auc": roc_auc_score(one_hot, probabilities, average="macro"),
    }


def coverage(truth: dict, *, per_source: int, knows_sources: bool) -> dict[str, float]:
    """Share of 40 test sets whose interval holds the truth."""
    draws, hits = np.random.default_rng(2), dict.fromkeys(truth, 0)
    for _ in range(40):
        targets, probabilities, sources = noisy_world(draws, 18, per_source)
        sources = [str(source) for source in sources] if knows_sources else None
        found = bootstrap_intervals(targets, probabilities, sources=sources)
        for name, value in truth.items():
            hits[name] += found[name][0] <= value <= found[name][1]
    return {name: count / 40 for name, count in hits.items()}


@pytest.mark.slow
def test_bootstrapped_intervals_hold_the_truth_about_19_times_in_20(truth):
    found = coverage(truth, per_source=1, knows_sources=False)
    assert all(0.85 <= share <= 1 for share in found.values()), found


@pytest.mark.slow
def test_clips_of_one_video_need_whole_videos_drawn(truth):
    naive = coverage(truth, per_source=3, knows_sources=False)
    clustered = coverage(truth, per_source=3, knows_sources=True)
    assert all(share >= 0.8 for share in clustered.values()), clustered
    assert all(naive[name] < clustered[name] for name in truth), (naive, clustered)


def unlike_runs(count: int = 3) -> tuple[np.ndarray, list[np.ndarray]]:
    """Probabilities of runs of very different quality on the same 120 clips."""
    draws = np.random.default_rng(4)
    targets = np.arange(6).repeat(20)
    return targets, [
        draws.dirichlet(np.ones(6), 120) * 0.5 + share * np.eye(6)[targets]
        for share in np.linspace(0.05, 0.4, count)
    ]


def test_the_interval_of_several_runs_is_that_of_their_mean():
    targets, runs = unlike_runs()
    found = bootstrap_mean_intervals(targets, runs)
    first = bootstrap_intervals(targets, runs[0])
    means = {
        "accuracy": np.mean([(run.argmax(1) == targets).mean() for run in runs]),
        "f1_macro": np.mean([f1_score(targets, run.argmax(1), average="macro") for run in runs]),
        "auc": np.mean([roc_auc_score(np.eye(6)[targets], run) for run in runs]),
    }
    for name, mean in means.items():
        assert found[name][0] < mean < found[name][1]
        assert not first[name][0] <= mean <= first[name][1]  # one seed's does not do


def test_runs_that_agree_have_the_interval_of_one():
    targets, (run,) = unlike_runs(1)
    assert bootstrap_mean_intervals(targets, [run] * 3)["auc"] == pytest.approx(
        bootstrap_intervals(targets, run)["auc"]
    )


def test_a_bootstrap_of_single_clip_sources_is_that_of_clips():
    targets, probabilities = random_scores(60)
    by_clip = bootstrap_intervals(targets, probabilities)
    names = [f"{i:02d}" for i in range(60)]
    by_source = bootstrap_intervals(targets, probabilities, sources=names)
    scores = ("accuracy", "f1_macro", "f1_rounded", "auc")
    assert [by_clip[name] for name in scores] == [by_source[name] for name in scores]
    assert (by_clip["drawn"], by_source["drawn"]) == (
        *("clips within each emotion", "source videos within each emotion"),
    )


def test_few_clips_or_few_sources_have_no_interval_and_say_so():
    targets = np.arange(6).repeat(4)
    found = bootstrap_intervals(targets, np.eye(6)[targets])
    assert found["f1_macro"] is None
    assert found["note"] == "a class has fewer than 5 clips: no interval"
    targets = np.arange(6).repeat(8)
    sources = [str(i // 2) for i in range(48)]  # four of each class
    found = bootstrap_intervals(targets, np.eye(6)[targets], sources=sources)
    assert found["note"] == "a class has fewer than 5 source videos: no interval"


def test_no_resample_lacks_a_class_even_where_videos_hold_several():
    targets, probabilities = random_scores(60)
    sources = np.array([f"{i:02d}" for i in range(60)])
    sources[np.flatnonzero(targets == 5)[:5]] = sources[np.flatnonzero(targets == 0)[:5]]
    found = bootstrap_intervals(targets, probabilities, sources=sources)
    assert found["units"] == 55
    assert all(np.isfinite(found[name]).all() for name in ("accuracy", "f1_macro", "auc"))
