"""Tier 0 against scikit-learn on expanded matrices, arithmetic by hand, and planted errors."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_recall_fscore_support,
)

from mvemotion.published import published_confusions, published_parameters, published_table
from mvemotion.recomputation import (
    BEST,
    check_prints,
    class_scores,
    matrix_scores,
    printed_differences,
    printed_rows,
)
from mvemotion.recomputation import parameters as parameters_module
from mvemotion.recomputation import scores as scores_module
from mvemotion.recomputation.check import is_cut_or_rounded
from mvemotion.recomputation.matrices import confusions_between, error_agreements
from mvemotion.recomputation.parameters import check_fusions
from mvemotion.recomputation.printed import TEST_CLIPS
from mvemotion.recomputation.report import TABLES
from mvemotion.recomputation.scores import check_clips, check_outputs
from mvemotion.recomputation.tables_7_8 import check_earlier_studies
from mvemotion.specs import EMOTIONS
from tier0_files import recomputed

GFLOPS = {  # made up: light ones cheaper
    f"{modality}_{name}": value
    for modality in ("face", "music", "video")
    for name, value in {"a0": 100.0, "a1": 20.0, "a2": 5.0}.items()
}


@pytest.fixture(scope="module")
def checks():
    return {check.name: check for check in check_prints(GFLOPS)}


@pytest.fixture(scope="module")
def differences():
    return printed_differences()


def expanded(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted class of every clip that a matrix counts."""
    cells = np.argwhere(matrix >= 0).repeat(matrix.ravel(), axis=0)
    return cells[:, 0], cells[:, 1]


# --- Matrices -------------------------------------------------------------------------------------
def test_scores_of_the_matrices_are_scikit_learns():
    found = matrix_scores()
    for row, one in zip(found.to_dict("records"), published_confusions(), strict=True):
        targets, said = expanded(one.matrix)
        assert row["accuracy"] == pytest.approx(accuracy_score(targets, said))
        assert row["f1_macro"] == pytest.approx(f1_score(targets, said, average="macro"))
        assert row["low"] < row["accuracy"] < row["high"]


def test_classes_of_the_matrices_are_scikit_learns():
    found = class_scores().groupby("checkpoint")
    for one in published_confusions():
        precision, recall, f1, clips = precision_recall_fscore_support(*expanded(one.matrix))
        rows = found.get_group(one.checkpoint)
        assert rows["emotion"].tolist() == list(EMOTIONS)
        for name, expected in {"precision": precision, "recall": recall, "f1": f1}.items():
            assert rows[name].tolist() == pytest.approx(expected.tolist())
        assert rows["clips"].tolist() == clips.tolist()
        assert (
            (rows["recall_low"] < rows["recall"]) & (rows["recall"] < rows["recall_high"])
        ).all()


def test_the_worse_checkpoint_has_no_printed_scores():
    found = matrix_scores().set_index("checkpoint")
    printed = ["printed_accuracy", "printed_f1", "printed_auc"]
    assert found.loc["music_video_face_mm_best1", printed].isna().all()
    assert found.drop("music_video_face_mm_best1")[printed].notna().all(axis=None)


def test_each_matrix_ranks_its_fifteen_pairs_of_emotions():
    found = confusions_between().groupby("checkpoint")
    assert all(sorted(rows["rank"]) == list(range(1, 16)) for _, rows in found)
    assert set(found["clips"].sum()) == {145, 106, 143, 78, 81}  # the errors of each


def test_two_checkpoints_of_one_network_err_alike_and_face_and_music_do_not():
    found = error_agreements().set_index(["first", "second"])["p_value"]
    assert found["music_video_face_mm_best2", "music_video_face_mm_best1"] > 0.9
    assert found["face_net_wt_best", "music_net_wt_best"] < 0.01


# --- Differences ----------------------------------------------------------------------------------
def test_every_two_printed_rows_are_compared_once(differences):
    found = differences
    assert len(found) == 39 * 38 / 2
    assert len(set(map(frozenset, zip(found["first"], found["second"], strict=True)))) == 741


def test_hits_are_whole_clips_that_give_the_printed_accuracy():
    rows = printed_rows()
    pairs = zip(rows["Test Accuracy"], rows["hits"] / TEST_CLIPS, strict=True)
    assert all(is_cut_or_rounded(*pair) for pair in pairs)
    assert rows.loc["music_a2", "hits"] == 192  # 0.6399
    assert rows.loc["face_a3", "hits"] == 135  # 0.449


def difference(found: pd.DataFrame, first: str, second: str) -> pd.Series:
    found = printed_differences()
    """The row of two networks."""
    return found[(found["first"] == first) & (found["second"] == second)].iloc[0]


def test_a_difference_is_told_apart_only_if_its_interval_excludes_zero(differences):
    found = differences
    excludes = (found["low"] > 0) | (found["high"] < 0)
    assert ((found["unpaired"] != "cannot tell") == excludes).all()
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()


def test_pairing_bounds_agree_with_what_can_be_told(differences):
    assert (
        difference(differences, "music_a0", "music_a3")["paired"] == "significant"
    )  # 177 and 95 clips
    row = difference(differences, BEST, "video_a3_mmtm+music_a0_se+face_a2")  # 222 and 220
    assert (row["clips"], row["paired"], row["unpaired"]) == (2, "not significant", "cannot tell")
    assert (
        difference(differences, "video_a3", "video_a3_mmtm")["paired"] == "depends"
    )  # 140 and 157


# --- Checks ---------------------------------------------------------------------------------------
def test_every_check_has_a_name_of_its_own_and_one_of_three_verdicts(checks):
    assert len(checks) == len(check_prints(GFLOPS))
    assert {c.verdict for c in checks.values()} == {"confirmed", "contradicted", "cannot tell"}


@pytest.mark.parametrize(
    ("name", "verdict", "found"),
    [
        ("total:Training", "confirmed", "4,788"),
        ("growth", "cannot tell", "5,743 / 3,438 = 1.67"),
        ("auc:video_a3_mmtm+music_a0", "contradicted", "0.935"),  # D3
        (f"auc:{BEST}", "contradicted", "0.923"),  # D3
        ("auc:music_a1_se", "confirmed", "0.890"),
        (f"accuracy:{BEST}", "confirmed", "0.7400"),
        ("f1:video_a3_mmtm", "cannot tell", "0.516"),  # D5
        ("conclusions:ROC AUC Score", "contradicted", "0.926"),  # D3
        ("sum-of-parts:video_a3_mmtm+music_a2", "confirmed", "24,436,209"),
        ("sum-of-parts:video_a3_mmtm+music_a0_se+face_a2", "contradicted", "28,680,358"),  # D12
        ("sum-of-parts:video_a2+music_a2+face_a2", "cannot tell", "1,952,625"),
        ("adds-parameters:music_a0_se", "confirmed", "+"),
        ("roc-best", "cannot tell", "best AUC 0."),
        ("separable-parameters", "contradicted", "5 of 6"),
        ("separable-operations", "confirmed", "5.0 to 20 times"),
        ("table-7:fear-tension", "cannot tell", "0.946 and 0.476"),
        ("table-7:neutral", "cannot tell", "number 1 of 6"),
        ("counts:fear-tension", "confirmed", "11.0% of the clips"),
        ("counts:excited-sad", "cannot tell", "3.0% of the clips"),
        ("counts:neutral", "cannot tell", "2.4% of the clips"),
        ("table-8:1:LastFM", "contradicted", "[28]"),  # D8
        ("table-8-score:5:CLR", "cannot tell", "0.744 (Accuracy) for CLR"),
        ("table-8-score:4:DEAP120", "confirmed", "0.9 in Section 5.4"),
        ("table-8:8:Own", "confirmed", "0.73 in Table 6"),
    ],
)
def test_checks_find_what_was_found_by_hand(checks, name, verdict, found):
    assert checks[name].verdict == verdict
    assert found in checks[name].found


def test_units_are_counted_on_the_unimodal_networks_alone(checks):
    found = [check for name, check in checks.items() if name.startswith("adds-parameters:")]
    assert len(found) == 12
    assert {check.verdict for check in found} == {"confirmed"}
    assert not any("+" in check.name for check in found)


def test_one_sentence_is_not_both_confirmed_and_contradicted(checks):
    verdicts: dict[tuple[str, str], set[str]] = {}
    for check in checks.values():
        verdicts.setdefault((check.place, check.printed), set()).add(check.verdict)
    assert not [place for place, both in verdicts.items() if {"confirmed", "contradicted"} <= both]


def test_a_planted_wrong_total_is_contradicted(monkeypatch):
    monkeypatch.setitem(scores_module.TOTALS, "Training", 4789)
    found = {check.name: check.verdict for check in check_clips()}
    assert found["total:Training"] == "contradicted"
    assert found["total:Testing"] == "confirmed"


def test_a_planted_wrong_accuracy_is_contradicted(monkeypatch):
    rows = printed_rows().copy()
    rows.loc["music_a1_se", "Test Accuracy"] = 0.6566
    monkeypatch.setattr(scores_module, "printed_rows", lambda: rows)
    found = {check.name: check.verdict for check in check_outputs()}
    assert found["accuracy:music_a1_se"] == "contradicted"
    assert found["accuracy:face_a0_se"] == "confirmed"


def test_a_planted_wrong_count_is_contradicted_unless_the_network_is_compact(monkeypatch):
    counts = published_parameters()
    wrong = {name: counts[name] + 1 for name in ("video_a3_mmtm+music_a0", "video_a1")}
    monkeypatch.setattr(parameters_module, "published_parameters", lambda: counts | wrong)
    monkeypatch.setattr(parameters_module, "WHY_OFF", {"video_a3_mmtm+music_a0": "planted"})
    found = {check.name: check.verdict for check in check_fusions()}
    assert found["sum-of-parts:video_a3_mmtm+music_a0"] == "contradicted"
    assert found["sum-of-parts:video_a3_mmtm+music_a1"] == "confirmed"


def test_a_table_8_that_fits_the_text_is_confirmed(monkeypatch):
    table = published_table(8)
    table["Method"] = [
        method if pd.isna(told) else f"{method.split(' ')[0]} [{told:.0f}]"
        for method, told in zip(table["Method"], table["reference_in_text"], strict=True)
    ]
    monkeypatch.setattr("mvemotion.recomputation.tables_7_8.published_table", lambda _: table)
    assert {check.verdict for check in check_earlier_studies()} == {"confirmed"}


# --- The report -----------------------------------------------------------------------------------
def test_tier_0_leaves_tables_figure_summary_and_one_json_with_its_origin():
    root, text = recomputed()
    names = {f"{name}.csv{ending}" for name in TABLES for ending in ("", "-metadata.json")}
    expected = names | {"confusions.png", "summary.md", "tier0.json"}
    assert {path.name for path in root.iterdir()} == expected
    assert (root / "summary.md").read_text() == text
    content = json.loads((root / "tier0.json").read_text())
    assert content["provenance"]["versions"]["mvemotion"]
    for name in TABLES:
        assert len(content[name]) == len(pd.read_csv(root / f"{name}.csv"))
    assert "commit" in Image.open(root / "confusions.png").info["Description"]


def test_the_summary_names_what_is_contradicted_and_counts_what_can_be_told_apart(differences):
    _, text = recomputed()
    assert "AUC 0.938" in text
    assert "37 of 39 printed counts exact" in text
    table_5 = differences[(differences["table_first"] == 5) & (differences["table_second"] == 5)]
    told_apart = (table_5["unpaired"] != "cannot tell").sum()
    assert f"- Table 5: {told_apart} of 3 pairs can be told apart." in text
    assert "nan" not in text.lower()
