"""Tables beside the paper's, their verdicts and notes: hand-made cases."""

import json

import numpy as np
import pandas as pd
import pytest

from mvemotion.comparisons import PAPER_SUPPORT
from mvemotion.errors import InputError
from mvemotion.evaluation import score
from mvemotion.files import read_json, write_table
from mvemotion.published import published_confusions, published_table
from mvemotion.reporting import (
    PAPER_CLIPS,
    compare_confusions,
    compare_table,
    coverage,
    intervals_over_runs,
    networks_table,
    parameter_total,
    read_histories,
    readable,
    save_table,
    show_table,
    style_table,
    targets_and_probabilities,
    to_markdown,
)
from mvemotion.specs import EMOTIONS, list_networks

TABLES = (2, 3, 4, 5, 6)


def metrics_of(hits: int, n: int, *, emotions: int = 6) -> dict:
    """Metrics of a classifier that has `hits` of `n` clips right, over the first emotions."""
    targets = np.arange(n) % emotions
    said = np.where(np.arange(n) < hits, targets, (targets + 1) % emotions)
    probabilities = np.full((n, 6), 0.02)
    probabilities[np.arange(n), said] = 0.9
    return score(probabilities, targets)


@pytest.fixture(scope="module")
def music():
    ours = {
        "music_a1_se": [metrics_of(190, 300)],
        "music_a2": [metrics_of(170, 300)],
        "music_a3": [metrics_of(290, 300)],
        "music_a3_wide": [metrics_of(60, 300)],
        "music_a0": [metrics_of(4, 10, emotions=5)],
        "music_a0_se": [],
    }
    baselines = {"Dummy": metrics_of(50, 300)}
    return compare_table(3, ours, baselines, dataset="paper")


def row(frame: pd.DataFrame, network_id: str) -> pd.Series:
    return frame.set_index("id").loc[network_id]


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
    # 300 clips have intervals so wide that only the margins leave room for "close"
    near = compare_table(3, {"music_a3_mmtm": [metrics_of(58, 300)]}, {}, dataset="paper")
    assert row(near, "music_a3_mmtm")["score_verdict"] == "close"  # 0.193 [0.153, 0.242]: 0.2433


def scores_verdicts(metrics: dict, dataset: str) -> set[str]:
    frame = compare_table(5, {row: [metrics] for row in list_networks(5)}, {}, dataset=dataset)
    assert set(frame["parameters_verdict"]) == {"matches"}
    return set(frame["score_verdict"])


@pytest.mark.parametrize("dataset", ["synthetic", "sample"])
def test_scores_of_another_dataset_are_never_compared(dataset):
    found = scores_verdicts(metrics_of(222, 300), dataset)
    assert found == {f"untested: the profile's dataset is {dataset}"}


@pytest.mark.parametrize("dataset", ["synthetic", "sample", "paper"])
@pytest.mark.parametrize(("n", "emotions"), [(10, 5), (294, 6), (300, 5), (600, 6)])
def test_scores_on_other_than_50_clips_a_class_are_never_compared(dataset, n, emotions):
    found = scores_verdicts(metrics_of(n // 2, n, emotions=emotions), dataset)
    assert found == {"untested: not the paper's 300 test clips"}


def test_the_support_that_is_asked_for_is_table_1s():
    printed = published_table(1).set_index("Emotion Class")["Testing Samples"]
    assert printed.to_dict() == PAPER_SUPPORT
    assert PAPER_CLIPS == 300


def test_rows_that_were_not_run_are_shown_and_say_so(music):
    for network_id in ("music_a0_se", "music_a2_se"):  # given without a run, and not given
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
        compare_table(2, {"music_a2": [metrics_of(1, 6)]}, {}, dataset="paper")
    with pytest.raises(InputError, match="choose from synthetic, sample, paper"):
        compare_table(2, {}, {}, dataset="smoke")


def test_a_saved_table_reads_back_and_leaves_nothing_else(music, tmp_path):
    path = save_table(music, tmp_path / "tables" / "table_3.csv")
    back = pd.read_csv(path)
    assert back["accuracy"].tolist() == pytest.approx(music["accuracy"].tolist(), nan_ok=True)
    assert back["note"].fillna("").tolist() == music["note"].tolist()
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == ["table_3.csv", "table_3.csv-metadata.json"]


def test_a_saved_table_says_where_it_came_from(music, tmp_path):
    about = read_json(save_table(music, tmp_path / "t.csv").with_name("t.csv-metadata.json"))
    columns = {column["name"]: column["datatype"] for column in about["tableSchema"]["columns"]}
    assert list(columns) == pd.read_csv(tmp_path / about["url"]).columns.tolist()
    assert (columns["Model"], columns["n"], columns["accuracy"]) == ("string", "integer", "number")
    origin = json.loads(about["dc:provenance"])
    assert {"commit", "versions", "machine", "time_utc", "process_seconds"} <= origin.keys()


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


def test_predictions_become_indices_and_probabilities():
    frame = pd.DataFrame(
        {"emotion": ["Sad", "Excited"], **{f"p_{e}": [0.1, 0.5] for e in EMOTIONS}}
    )
    targets, probabilities = targets_and_probabilities(frame)
    assert targets.tolist() == [4, 0]
    assert probabilities.shape == (2, 6)


def test_several_runs_are_averaged_with_their_deviation_and_range():
    runs = [metrics_of(hits, 300) for hits in (180, 186, 192)]
    frame = compare_table(3, {"music_a2": runs, "music_a0": runs[:1]}, {}, dataset="paper")
    found = row(frame, "music_a2")
    assert found["runs"] == 3
    assert found["accuracy"] == pytest.approx(0.62)
    assert found["accuracy_sd"] == pytest.approx(0.02)
    assert found[["accuracy_min", "accuracy_max"]].tolist() == pytest.approx([0.60, 0.64])
    shown = readable(frame).set_index([("", "Model")])[("Ours", "accuracy")]
    assert shown["A2 without SE (Music_A2_noSE)"] == "0.620 ± 0.020"
    assert shown["A0 without SE (Music_A0_noSE)"] == "0.600"
    note = "- mean ± standard deviation over 3 runs (A2 without SE (Music_A2_noSE))"
    assert note in to_markdown(frame)


def test_f1_and_auc_have_the_intervals_of_their_metrics():
    metrics = metrics_of(190, 300)
    found = row(compare_table(3, {"music_a2": [metrics]}, {}, dataset="paper"), "music_a2")
    for name in ("f1_macro", "f1_rounded", "auc"):
        bounds = found[[f"{name}_low", f"{name}_high"]].tolist()
        assert bounds == metrics["intervals"][name]
        assert bounds[0] < found[name] < bounds[1]


def save_predictions(folder, share: float, *, clips: int = 120) -> dict:
    """A run's ``predictions.csv``, surer of the truth the larger `share`; returns its metrics."""
    draws, targets = np.random.default_rng(int(100 * share)), np.arange(clips) % 6
    probabilities = draws.dirichlet(np.ones(6), clips) * (1 - share) + share * np.eye(6)[targets]
    frame = pd.DataFrame({"id": [f"test/{i:03d}" for i in range(clips)]})
    frame["emotion"] = [EMOTIONS[k] for k in targets]
    frame[[f"p_{e}" for e in EMOTIONS]] = probabilities
    write_table(folder / "predictions.csv", frame.sample(frac=1, random_state=0))
    return score(probabilities, targets)


def test_means_over_runs_lie_in_their_intervals_and_not_in_those_of_one_run(tmp_path):
    folders = [tmp_path / str(seed) for seed in range(3)]
    runs = [save_predictions(f, share) for f, share in zip(folders, (0.05, 0.3, 0.4), strict=True)]
    found = row(
        compare_table(
            *(3, {"music_a2": runs}, {}),
            dataset="paper",
            intervals={"music_a2": intervals_over_runs(folders)},
        ),
        "music_a2",
    )
    for name in ("accuracy", "f1_macro", "f1_rounded", "auc"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"], name
    assert runs[0]["intervals"]["auc"][1] < found["auc"]


def test_without_their_interval_means_over_runs_have_none_rather_than_the_first_runs():
    runs = [metrics_of(hits, 300) for hits in (180, 186, 192)]
    found = row(compare_table(3, {"music_a2": runs}, {}, dataset="paper"), "music_a2")
    assert found[["auc_low", "f1_macro_high"]].isna().all()


@pytest.mark.parametrize(
    ("matrix", "dataset", "verdict"),
    [
        ("their own", "paper", "close"),
        ("another", "paper", "differs"),
        ("another", "sample", "untested: the profile's dataset is sample"),
    ],
)
def test_errors_are_held_against_the_authors_matrix_of_the_same_network(matrix, dataset, verdict):
    theirs = next(one for one in published_confusions() if one.id == "music_a1_se").matrix
    shuffled = theirs.copy()
    for k in range(6):  # as many errors, each emotion's all taken for one other
        shuffled[k] = theirs[k, k] * np.eye(6)[k]
        shuffled[k, (k + 3) % 6] += theirs[k].sum() - theirs[k, k]
    chosen = theirs if matrix == "their own" else shuffled
    ours = {"music_a1_se": {"confusion": chosen.tolist(), "support": PAPER_SUPPORT}}
    frame = compare_confusions(ours, dataset=dataset).set_index("network")
    assert frame.loc["music_a1_se", "verdict"] == verdict
    assert frame.loc["music_a1_se", "errors_ours"] == 106
    others = frame.drop("music_a1_se")
    assert set(others["verdict"]) == {"untested: not run"}
    assert len(others) == 5


def test_runs_on_different_clips_have_no_common_interval(tmp_path):
    save_predictions(tmp_path / "a", 0.3)
    save_predictions(tmp_path / "b", 0.3, clips=60)
    found = intervals_over_runs([tmp_path / "a", tmp_path / "b"])
    assert found["auc"] is None
    assert "different clips" in found["note"]


def test_metrics_from_before_there_were_intervals_are_still_read():
    older = {name: value for name, value in metrics_of(190, 300).items() if name != "intervals"}
    found = row(compare_table(3, {"music_a2": [older]}, {}, dataset="paper"), "music_a2")
    assert found["accuracy"] == pytest.approx(190 / 300)
    assert found[["auc_low", "auc_high"]].isna().all()
