"""Tables beside the paper's, intervals and areas: against textbook numbers and hand-made cases."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mvemotion.errors import InputError
from mvemotion.evaluation import score
from mvemotion.published import published_confusions, published_table
from mvemotion.reporting import (
    compare_table,
    coverage,
    networks_table,
    parameter_total,
    read_histories,
    readable,
    save_table,
    show_table,
    style_table,
    to_markdown,
)
from mvemotion.specs import EMOTIONS, list_networks
from mvemotion.statistics import (
    accuracy_interval,
    accuracy_text,
    auc_table,
    confused_pairs,
    targets_and_probabilities,
)

TABLES = (2, 3, 4, 5, 6)


def metrics_of(hits: int, n: int, *, emotions: int = 6) -> dict:
    """Metrics of a classifier that has `hits` of `n` clips right, over the first emotions."""
    targets = np.arange(n) % emotions
    said = np.where(np.arange(n) < hits, targets, (targets + 1) % emotions)
    probabilities = np.full((n, 6), 0.02)
    probabilities[np.arange(n), said] = 0.9
    return score(probabilities, targets)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval as textbooks write it (Wilson 1927), for comparison."""
    share = hits / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return tuple((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))


@pytest.fixture(scope="module")
def music():
    ours = {
        "music_a1_se": metrics_of(190, 300),
        "music_a2": metrics_of(170, 300),
        "music_a3": metrics_of(290, 300),
        "music_a3_wide": metrics_of(60, 300),
        "music_a0": metrics_of(4, 10, emotions=5),
        "music_a0_se": None,
    }
    baselines = {"Dummy": metrics_of(50, 300)}
    return compare_table(3, ours, baselines, dataset="paper")


def row(frame: pd.DataFrame, network_id: str) -> pd.Series:
    return frame.set_index("id").loc[network_id]


@pytest.mark.parametrize(("hits", "n"), [(0, 6), (1, 10), (6, 6), (222, 300), (150, 300)])
def test_the_interval_is_wilsons(hits, n):
    assert accuracy_interval(hits, n) == pytest.approx(wilson(hits, n), abs=1e-6)


def test_the_interval_is_the_published_one():
    # Newcombe (1998), Table I: 1 of 29 by the score method without continuity correction
    assert accuracy_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_row_zero_then_the_papers_rows_then_ours(table):
    frame = compare_table(table, {}, {"Dummy": metrics_of(1, 6)}, dataset="synthetic")
    printed = published_table(table)
    assert frame["Model"].tolist()[: 1 + len(printed)] == ["Dummy", *printed["Model"]]
    assert frame["id"].tolist()[1:] == list(list_networks(table))
    for column in ("Test Accuracy", "F1-Score", "ROC AUC Score", "Parameters"):
        assert frame[column][1 : 1 + len(printed)].tolist() == printed[column].tolist()


@pytest.mark.parametrize("table", TABLES)
def test_parameters_match_except_in_the_two_open_rows(table):
    frame = compare_table(table, {}, {}, dataset="synthetic")
    differing = frame.loc[frame["parameters_verdict"] == "differs", "id"].tolist()
    is_open = ["video_a3_mmtm+music_a0_se+face_a2", "video_a3_mmtm+music_a0_se+face_a1"]
    assert differing == (is_open if table == 6 else [])
    notes = frame.set_index("id")["note"]
    assert all("more parameters than printed" in notes[name] for name in differing)


def test_rows_that_the_paper_lacks_are_not_compared(music):
    wide = row(music, "music_a3_wide")
    assert wide["parameters"] == 7_849_932
    assert wide[["parameters_verdict", "score_verdict"]].tolist() == ["not printed"] * 2
    assert pd.isna(wide["Test Accuracy"])
    assert pd.isna(wide["paper_low"])


def test_verdicts_follow_the_interval_then_five_points(music):
    # printed: 0.6466, 0.6399, 0.3166; ours: 0.633 [0.577, 0.686], 0.567 [0.510, 0.622], 0.967
    assert row(music, "music_a1_se")["score_verdict"] == "matches"
    assert row(music, "music_a2")["score_verdict"] == "differs"
    assert row(music, "music_a3")["score_verdict"] == "differs"
    near = compare_table(3, {"music_a2": metrics_of(1772, 3000)}, {}, dataset="paper")
    assert row(near, "music_a2")["score_verdict"] == "close"  # 0.591 [0.573, 0.608]


@pytest.mark.parametrize(("dataset", "word"), [("synthetic", "synthetic"), ("sample", "paper's")])
def test_scores_on_other_clips_are_never_compared(dataset, word):
    frame = compare_table(
        5, dict.fromkeys(list_networks(5), metrics_of(222, 300)), {}, dataset=dataset
    )
    assert set(frame["parameters_verdict"]) == {"matches"}
    assert all(v.startswith("untested: ") and word in v for v in frame["score_verdict"])


def test_rows_that_were_not_run_are_shown_and_say_so(music):
    for network_id in ("music_a0_se", "music_a2_se"):  # given as None, and not given
        found = row(music, network_id)
        assert pd.isna(found["accuracy"])
        assert (found["note"], found["score_verdict"]) == ("not run", "untested: not run")
    shown = readable(music)
    line = shown[shown[("", "Model")] == "A2 with SE (Music_A2_SE)"].iloc[0]
    assert line[("Ours", "accuracy")] == "not run"
    assert line[("Paper", "accuracy")] == "0.6266"


def test_a_score_that_an_absent_class_forbids_is_na_with_its_reason(music):
    found = row(music, "music_a0")
    assert found[["f1_rounded", "f1_macro", "auc"]].isna().all()
    assert found["accuracy"] == pytest.approx(0.4)
    assert found["n"] == 10
    assert "no clip of class Tension" in found["note"]
    line = readable(music).set_index([("", "Model")]).loc["A0 without SE (Music_A0_noSE)"]
    assert line[[("Ours", "macro F1"), ("Ours", "AUC")]].tolist() == ["n/a", "n/a"]
    assert "AUC n/a: no clip of class Tension" in to_markdown(music)


def test_a_table_refuses_what_it_cannot_hold():
    with pytest.raises(InputError, match="Tables 2 to 6"):
        compare_table(7, {}, {}, dataset="paper")
    with pytest.raises(InputError, match=r"music_a2.*not in Table 2.*face_c3d"):
        compare_table(2, {"music_a2": metrics_of(1, 6)}, {}, dataset="paper")
    with pytest.raises(InputError, match="choose from synthetic, sample, paper"):
        compare_table(2, {}, {}, dataset="smoke")


def test_a_saved_table_reads_back_and_leaves_nothing_else(music, tmp_path):
    path = save_table(music, tmp_path / "tables" / "table_3.csv")
    back = pd.read_csv(path)
    assert back["accuracy"].tolist() == pytest.approx(music["accuracy"].tolist(), nan_ok=True)
    assert back["note"].fillna("").tolist() == music["note"].tolist()
    assert [p.name for p in path.parent.iterdir()] == ["table_3.csv"]


def test_markdown_has_a_line_for_every_row_and_the_reasons_below():
    frame = compare_table(6, {}, {"Dummy": metrics_of(1, 6)}, dataset="synthetic")
    text = to_markdown(frame)
    assert all(text.count(f"| {label} ") == 1 for label in frame["Model"])
    assert "- 342,046 more parameters than printed (Vodeo_A3_MMTM + Music_A0_SE" in text
    assert "nan" not in text.lower().replace("dominant", "")


def test_html_is_the_same_each_time_and_groups_paper_ours_and_verdict(music):
    first, second = (style_table(music, caption="Table 3").to_html() for _ in range(2))
    assert first == second
    for heading in ("Table 3", "Paper", "Ours", "Verdict"):
        assert f">{heading}</" in first


def test_a_shown_table_carries_no_address_of_this_process(music, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    show_table(music, caption="Table 3")
    assert set(shown[0]) == {"text/html", "text/plain"}
    assert " at 0x" not in json.dumps(shown)
    assert "<li>" in shown[0]["text/html"]


def test_the_networks_table_prints_counts_and_differences():
    frame = networks_table(6)
    assert frame.loc["video_a2+music_a2+face_a2"].tolist() == [
        *("video music face", "1,433,649", "1,433,649", "+0")
    ]
    assert frame.loc["video_a3_mmtm+music_a0_se+face_a1", "difference"] == "+342,046"
    assert networks_table(4).loc["video_a3_wide", "paper"] == "not printed"


def test_c3d_is_counted_at_the_papers_input_size():
    assert parameter_total("video_c3d") == 57_544_966


def test_coverage_says_what_is_missing():
    assert coverage(5, []).startswith("Table 5: none of its 3 networks are run here; not run: ")
    assert coverage(3, list_networks(3)) == "Table 3: all of its 9 networks are run here."


def test_histories_are_joined_by_network_and_may_be_none(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,train_loss\n1,2.0\n2,1.5\n")
    frame = read_histories({"a": tmp_path, "not run": tmp_path / "nowhere"})
    assert frame.to_dict("list") == {
        "epoch": [1, 2],
        "train_loss": [2.0, 1.5],
        "network": ["a"] * 2,
    }
    assert read_histories({}).empty


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


def test_predictions_become_indices_and_probabilities():
    frame = pd.DataFrame(
        {"emotion": ["Sad", "Excited"], **{f"p_{e}": [0.1, 0.5] for e in EMOTIONS}}
    )
    targets, probabilities = targets_and_probabilities(frame)
    assert targets.tolist() == [4, 0]
    assert probabilities.shape == (2, 6)
