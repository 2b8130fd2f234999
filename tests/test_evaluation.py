"""Scores against hand-made cases, and evaluation of a run from end to end."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from mvemotion.baselines import evaluate_baseline
from mvemotion.errors import DataError
from mvemotion.evaluation import PROBABILITIES, evaluate, score
from mvemotion.files import read_json
from mvemotion.published import published_confusions
from mvemotion.runs import TrainingConfig, load_weights, save_weights
from mvemotion.specs import EMOTIONS
from mvemotion.training import train
from stores import TINY, make_store

CLIPS = {"Train": 2, "Validation": 1, "test": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    store = make_store(folder / "store", CLIPS, faceless=("test/Sad/0",))
    config = TrainingConfig("video_a2+music_a2+face_a2", epochs=1, batch_size=4)
    return train(config, store, folder / "run")


def one_hot(predicted, confidence=0.9):
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    probabilities = np.full((len(predicted), len(EMOTIONS)), rest)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


def test_a_perfect_classifier_scores_one_everywhere():
    targets = np.arange(6).repeat(3)
    metrics = score(one_hot(targets), targets)
    assert [metrics[k] for k in ("accuracy", "f1_macro", "f1_rounded", "auc")] == [1, 1, 1, 1]
    assert metrics["confusion"] == (3 * np.eye(6, dtype=int)).tolist()


def test_rows_of_the_confusion_matrix_are_true_classes():
    metrics = score(one_hot([1, 1, 2, 3, 4, 5]), np.arange(6))
    assert metrics["confusion"][0] == [0, 1, 0, 0, 0, 0]


def test_the_authors_f1_counts_hesitant_answers_as_none():
    targets = np.arange(6)
    metrics = score(one_hot(targets, confidence=0.45), targets)
    assert metrics["f1_macro"] == 1
    assert metrics["f1_rounded"] == 0


@pytest.mark.parametrize(
    ("network", "accuracy", "f1_macro"),
    [
        ("music_a1_se", 0.6467, 0.638),
        ("face_a0_se", 0.5167, 0.517),
        ("video_a3_mmtm", 0.5233, 0.516),
    ],
)
def test_published_confusion_matrices_give_the_published_accuracy(network, accuracy, f1_macro):
    matrix = next(c.matrix for c in published_confusions() if c.id == network)
    cells = np.argwhere(matrix >= 0).repeat(matrix.ravel(), axis=0)
    metrics = score(one_hot(cells[:, 1]), cells[:, 0])
    assert metrics["accuracy"] == pytest.approx(accuracy, abs=5e-5)
    assert metrics["f1_macro"] == pytest.approx(f1_macro, abs=6e-4)
    assert metrics["confusion"] == matrix.tolist()


def test_macro_f1_is_the_mean_over_all_six_classes_also_those_never_predicted():
    targets = np.arange(6).repeat(2)
    predicted = np.zeros(12, dtype=int)
    expected = f1_score(targets, predicted, average=None, zero_division=0).mean()
    assert score(one_hot(predicted), targets)["f1_macro"] == pytest.approx(expected)


def test_an_auc_of_constant_probabilities_is_one_half():
    assert score(np.full((12, 6), 1 / 6), np.arange(6).repeat(2))["auc"] == 0.5


def test_a_class_without_clips_makes_macro_scores_not_available():
    targets = np.array([0, 1, 2, 3, 4])
    metrics = score(one_hot(targets), targets)
    assert metrics["accuracy"] == 1
    assert metrics["auc"] is None
    assert metrics["f1_macro"] is None
    assert metrics["not_available"]["auc"] == "no clip of class Tension in the split"


def test_probabilities_that_are_not_finite_are_refused():
    probabilities = one_hot(np.arange(6))
    probabilities[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        score(probabilities, np.arange(6))


def test_an_evaluation_leaves_metrics_and_every_clips_probabilities(run):
    metrics = evaluate(run, split="test")
    predictions = pd.read_csv(run / "test" / "predictions.csv")
    assert metrics["n"] == len(predictions) == 12
    assert metrics["without_face"] == 1
    np.testing.assert_allclose(predictions[PROBABILITIES].sum(axis=1), 1, atol=1e-9)
    hits = (predictions["predicted"] == predictions["emotion"]).mean()
    assert metrics["accuracy"] == pytest.approx(hits)
    assert read_json(run / "test" / "metrics.json")["accuracy"] == metrics["accuracy"]


def probabilities(run, split="test", **options):
    evaluate(run, split=split, **options)
    return pd.read_csv(run / split / "predictions.csv")[PROBABILITIES].to_numpy()


def test_an_evaluation_repeats_to_the_last_bit(run):
    np.testing.assert_array_equal(probabilities(run), probabilities(run))


def test_the_batch_size_of_an_evaluation_does_not_matter(run):
    one, five = probabilities(run, batch_size=1), probabilities(run, batch_size=5)
    np.testing.assert_allclose(one, five, atol=1e-6)


def test_split_statistics_are_those_of_the_split_at_hand(tmp_path):
    # the test split has one class only, so that its statistics are far from the training split's
    emotions = {"Train": EMOTIONS, "test": ("Tension",)}
    store = make_store(tmp_path / "store", {"Train": 1, "test": 2}, emotions=emotions)
    results = {}
    for mode in ("train", "split"):
        config = TrainingConfig("music_a2", epochs=1, standardize=mode)
        run = train(config, store, tmp_path / mode)
        # the same weights, so that only the statistics differ
        (run / "weights.safetensors").write_bytes(
            save_weights_as(tmp_path / "train", tmp_path / "copy", standardize=mode)
        )
        results[mode] = probabilities(run)
    ratios = results["train"] / results["split"]  # not differences: softmax saturates
    assert np.abs(np.log(ratios)).max() > 0.1


def save_weights_as(run, path, **changes):
    trained = load_weights(run / "weights.safetensors")
    return save_weights(path, replace(trained, **changes)).read_bytes()


def test_a_store_of_another_format_is_refused(run, tmp_path):
    store = make_store(tmp_path / "store", {"test": 1}, clip_format=replace(TINY, frames=20))
    with pytest.raises(DataError, match=r"with frames 20 \(not 16\), .*prepare a store of that"):
        evaluate(run, store)


def test_a_run_can_be_evaluated_from_any_folder(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert evaluate(run)["n"] == 12


def test_validation_scores_equal_those_of_the_best_epoch(run):
    history = pd.read_csv(run / "history.csv")
    best = read_json(run / "run.json")["best_epoch"]
    expected = history.set_index("epoch").loc[best, "validation_accuracy"]
    assert evaluate(run, split="Validation")["accuracy"] == pytest.approx(expected)


def test_a_run_that_is_not_complete_is_refused(tmp_path):
    with pytest.raises(DataError, match="train it first"):
        evaluate(tmp_path)


def test_an_empty_split_is_refused(run, tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1})
    with pytest.raises(DataError, match="no usable clip in split 'test'"):
        evaluate(run, store)


def test_the_dummy_classifier_scores_the_share_of_its_class(tmp_path):
    store = make_store(tmp_path / "store", CLIPS)
    metrics = evaluate_baseline("dummy", store, tmp_path / "dummy")
    assert metrics["accuracy"] == pytest.approx(1 / 6)
    assert metrics["auc"] == 0.5


def test_container_metadata_alone_finds_a_planted_shortcut(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 6, "test": 2})  # file sizes tell the class
    metrics = evaluate_baseline("metadata", store, tmp_path / "metadata")
    assert metrics["accuracy"] == 1
