"""Calibration: against examples by hand, and data whose temperature is known."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.special import softmax

from media_files import Movie, write_movie
from mvemotion.calibration import (
    calibration_scores,
    doubts,
    fit_temperature,
    is_at_bound,
    negative_log_likelihood,
    reliability,
)
from mvemotion.cli import main
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.figures import plot_reliability
from mvemotion.files import read_json
from mvemotion.prediction import predict
from mvemotion.runs import TrainingConfig
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import accuracy_interval
from mvemotion.temperature import calibrate, read_temperature
from mvemotion.timeline import Timeline
from mvemotion.training import train
from stores import make_store


def drawn(count: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes drawn with the probabilities that they have at a temperature."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((count, 6))
    edges = softmax(logits / temperature, axis=1).cumsum(1)
    return logits, (rng.random((count, 1)) > edges).sum(1).clip(max=5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature):
    assert fit_temperature(*drawn(20_000, temperature)) == pytest.approx(temperature, rel=0.03)


def test_no_other_temperature_fits_better():
    logits, targets = drawn(300, 1.7)
    best = fit_temperature(logits, targets)
    losses = [
        negative_log_likelihood(logits / t, targets) for t in (0.99 * best, best, 1.01 * best)
    ]
    assert min(losses) == losses[1]


def test_a_temperature_changes_no_answer_and_log_probabilities_serve_as_logits():
    logits, targets = drawn(200, 2.0)
    shifted = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert fit_temperature(shifted, targets) == pytest.approx(fit_temperature(logits, targets))
    assert ((logits / 3.3).argmax(1) == logits.argmax(1)).all()


def test_probabilities_that_are_frequencies_have_hardly_any_error():
    logits, targets = drawn(50_000, 1.0)
    assert calibration_scores(logits, targets)["ece"] < 0.01
    assert calibration_scores(logits / 0.3, targets)["ece"] > 0.1


def test_errors_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    targets = np.array([0, 1, 0, 0])
    found = calibration_scores(np.log(probabilities), targets)
    assert found["ece"] == pytest.approx((2 * abs(0.9 - 0.5) + 2 * abs(0.6 - 1.0)) / 4)
    assert found["ece_adaptive"] == pytest.approx(0.4)
    assert found["brier"] == pytest.approx((2 * 0.01 + 2 * 0.81 + 4 * 0.16) / 4)
    assert found["nll"] == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.6]).mean())


def test_the_table_has_every_clip_once_and_wilsons_intervals():
    logits, targets = drawn(500, 1.0)
    probabilities = softmax(logits, axis=1)
    table = reliability(probabilities, targets)
    assert table["n"].sum() == 500
    assert ((table["low"] < table["confidence"]) & (table["confidence"] <= table["high"])).all()
    right = (table["n"] * table["accuracy"]).sum()
    assert right == pytest.approx((probabilities.argmax(1) == targets).sum())
    row = table.iloc[-1]
    expected = accuracy_interval(round(row["n"] * row["accuracy"]), int(row["n"]))
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(expected)


def test_certainty_belongs_to_the_last_bin():
    table = reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert table[["low", "high", "n"]].values.tolist() == [[0.9, 1.0, 1]]


def test_a_temperature_at_the_end_of_the_search_or_from_few_clips_is_doubted():
    logits, targets = drawn(300, 1.7)
    assert doubts(fit_temperature(logits, targets), 300) == []
    always_right = fit_temperature(logits, logits.argmax(1))
    assert is_at_bound(always_right)
    assert [doubt[:11] for doubt in doubts(always_right, 300)] == ["temperature"]
    assert doubts(1.7, 29) == ["a temperature fitted to 29 clips is mostly chance; use 30 or more"]


def test_nothing_to_fit_to_is_refused():
    with pytest.raises(DataError, match="0 clips to fit a temperature to"):
        fit_temperature(np.zeros((0, 6)), np.zeros(0, int))


def test_the_diagram_shows_every_bin_with_its_clips():
    logits, targets = drawn(100, 1.0)
    table = reliability(softmax(logits, axis=1), targets)
    ax = plot_reliability(table, ax=Figure().subplots())
    assert [text.get_text() for text in ax.texts] == [str(n) for n in table["n"]]
    assert not any(line.get_clip_on() for line in ax.lines[1:2])  # a marker at 1 is whole
    empty = plot_reliability(pd.DataFrame(), ax=Figure().subplots())
    assert [text.get_text() for text in empty.texts] == ["no clip"]


# --- A run ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    store = make_store(root / "store", {"Train": 2, "Validation": 2, "test": 2})
    return train(TrainingConfig("music_a2", epochs=2), store, root / "run", device="cpu")


def test_a_temperature_is_fitted_kept_and_used(run, tmp_path, capsys):
    assert main(["evaluate", str(run), "--calibrate", "--device", "cpu"]) == 0
    told, doubted = capsys.readouterr()
    assert "ece" in told
    assert "from 12 clips" in told
    assert "predict --calibrated" in told
    assert "fitted to 12 clips is mostly chance" in doubted
    found = json.loads((run / "weights.calibration.json").read_text())
    assert read_temperature(run) == found["temperature"]
    assert found["fitted_on"] == {"split": "Validation", "n": 12}
    assert isinstance(found["at_bound"], bool)
    validation = found["splits"]["Validation"]
    assert validation["after"]["nll"] <= validation["before"]["nll"]
    assert (run / "reliability.png").exists()
    scored = json.loads((run / "test" / "metrics.json").read_text())["calibration"]
    assert scored == pytest.approx(found["splits"]["test"]["before"])


def test_a_calibrated_prediction_is_the_same_answer_at_the_fitted_temperature(run, tmp_path):
    calibrate(run, Store(run.parent / "store"), run, device="cpu")
    song = write_movie(tmp_path / "song.m4a", Movie(seconds=2.0, has_video=False))
    logits = predict(song, run, device="cpu").logits
    options = ["--weights", str(run), "--out", str(tmp_path), "--formats", "json"]
    assert main(["predict", str(song), *options, "--device", "cpu", "--calibrated"]) == 0
    told = read_json(tmp_path / "song.timeline.json")
    assert told["temperature"] == read_temperature(run) != 1
    found = [[window[f"p_{emotion}"] for emotion in EMOTIONS] for window in told["windows"]]
    expected = softmax(logits / told["temperature"], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(expected - softmax(logits, axis=1)).max() > 1e-3


def test_who_is_too_unsure_to_answer_is_decided_at_the_temperature():
    facts = {"source": "", "network": "", "duration_s": 30.0, "window_s": 30.0, "notes": ("",)}
    facts |= {"starts_s": np.zeros(1), "logits": np.array([[2.0, 0, 0, 0, 0, 0]])}
    assert Timeline(**facts, abstain_below=0.5).emotions == ("Excited",)
    assert Timeline(**facts, abstain_below=0.5, temperature=3.0).emotions == ("uncertain",)


def test_a_temperature_of_other_weights_is_refused(run):
    calibrate(run, Store(run.parent / "store"), run, device="cpu")
    path = run / "weights.calibration.json"
    path.write_text(path.read_text().replace('"weights_sha256": "', '"weights_sha256": "0'))
    with pytest.raises(DataError, match="calibrate again"):
        read_temperature(run)
    path.unlink()
    with pytest.raises(DataError, match="evaluate RUN --calibrate"):
        read_temperature(run)


def test_without_validation_clips_nothing_is_fitted(run, tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1, "test": 1})
    with pytest.raises(DataError, match="would flatter"):
        calibrate(run, store, tmp_path, device="cpu")
