"""Figures by what is in them: texts, artists and data; never by pixels."""

import itertools
import json

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import auc, roc_auc_score

from mvemotion.errors import InputError
from mvemotion.figures import (
    EMOTION_COLOURS,
    plot_accuracies,
    plot_confusion,
    plot_filmstrip,
    plot_history,
    plot_log_mel,
    plot_roc,
    plot_roc_of_networks,
    save_figure,
    set_style,
)
from mvemotion.specs import EMOTIONS

matplotlib.use("Agg")

# Machado, Oliveira and Fernandes (2009), Table 1, severity 1.0, on linear RGB
COLOUR_VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, vision: str) -> np.ndarray:
    """CIELAB (D65) of an sRGB colour as seen with a colour vision deficiency."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(COLOUR_VISION[vision]) @ linear, 0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.fixture
def ax():
    return Figure().add_subplot()


def scores(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    targets = np.arange(n) % 6
    probabilities = draws.dirichlet(np.ones(6), n) + 0.2 * np.eye(6)[targets]
    return targets, probabilities / probabilities.sum(1, keepdims=True)


def legend_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_any_two_emotions_are_told_apart_with_any_colour_vision(vision):
    assert tuple(EMOTION_COLOURS) == EMOTIONS
    pairs = itertools.combinations(EMOTION_COLOURS.values(), 2)
    assert min(np.linalg.norm(lab(a, vision) - lab(b, vision)) for a, b in pairs) > 10


def test_a_confusion_matrix_shows_every_count_by_true_and_predicted_emotion(ax):
    matrix = np.arange(36).reshape(6, 6)
    assert plot_confusion(matrix, ax=ax, title="n = 630") is ax
    assert [text.get_text() for text in ax.texts] == [str(n) for n in range(36)]
    assert [t.get_text() for t in ax.get_yticklabels()] == list(EMOTIONS)
    assert [t.get_text() for t in ax.get_xticklabels()] == list(EMOTIONS)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "Predicted emotion (clips)",
        "True emotion (clips)",
    )
    assert ax.yaxis_inverted()


def test_a_row_of_a_confusion_matrix_without_clips_is_blank_and_says_so(ax):
    matrix = np.eye(6, dtype=int)
    matrix[3] = 0
    plot_confusion(matrix, ax=ax)
    assert len(ax.texts) == 30
    assert ax.get_yticklabels()[3].get_text() == "Relaxation (no clip)"


def test_roc_curves_have_the_areas_that_their_labels_and_scikit_learn_give(ax):
    targets, probabilities = scores()
    plot_roc(targets, probabilities, ax=ax)
    expected = roc_auc_score(np.eye(6)[targets], probabilities, average=None)
    for line, value in zip(ax.lines, [*expected, expected.mean()], strict=False):
        assert auc(*line.get_data()) == pytest.approx(value, abs=1e-6)
        assert line.get_label().endswith(f"AUC {value:.3f}")
    assert [line.get_color() for line in ax.lines[:6]] == list(EMOTION_COLOURS.values())
    assert legend_of(ax)[0].startswith("Excited, 10 clips: ")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("False positive rate", "True positive rate")
    assert "n = 60 clips" in ax.get_title()


def test_a_perfect_ranking_has_area_one_with_one_clip_an_emotion(ax):
    plot_roc(np.arange(6), np.eye(6), ax=ax)
    assert legend_of(ax)[0] == "Excited, 1 clip: AUC 1.000"
    assert legend_of(ax)[6] == "macro average: AUC 1.000"


def test_an_emotion_without_clips_has_no_curve_and_no_macro_average(ax):
    targets, probabilities = scores()
    plot_roc(np.where(targets == 5, 0, targets), probabilities, ax=ax)
    assert "n/a" in legend_of(ax)[5]
    assert "n/a" in legend_of(ax)[6]
    assert [len(line.get_xdata()) for line in ax.lines[5:7]] == [0, 0]
    assert len(ax.lines[0].get_xdata()) > 2


def test_curves_of_networks_are_their_macro_averages(ax):
    first, second = scores(seed=1), scores(seed=2)
    plot_roc_of_networks({"one": first, "two": second}, ax=ax)
    for text, (targets, probabilities) in zip(legend_of(ax), (first, second), strict=False):
        assert text.endswith(f"AUC {roc_auc_score(np.eye(6)[targets], probabilities):.3f}")
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 3


def test_without_networks_the_roc_figure_says_so(ax):
    plot_roc_of_networks({}, ax=ax)
    assert "no network was run" in ax.get_title()


def history(epochs: int, **extra) -> pd.DataFrame:
    falling = np.linspace(2, 1, epochs)
    names = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    return pd.DataFrame({"epoch": range(1, epochs + 1), **dict.fromkeys(names, falling), **extra})


@pytest.mark.parametrize(
    ("quantity", "unit"), [("loss", "nats a clip"), ("accuracy", "share of clips")]
)
def test_a_history_draws_training_and_validation_with_their_unit(ax, quantity, unit):
    plot_history(history(3), ax=ax, quantity=quantity)
    assert unit in ax.get_ylabel()
    assert ax.get_xlabel() == "Epoch"
    assert {"training", "validation"} <= set(legend_of(ax))
    assert (ax.get_yscale() == "log") == (quantity == "loss"), "losses differ by factors"


def test_a_history_of_one_epoch_without_validation_clips_still_shows(ax):
    plot_history(history(1).assign(validation_loss=None), ax=ax)
    assert all(float(tick).is_integer() for tick in ax.get_xticks())
    assert "validation" not in legend_of(ax)


def test_histories_of_several_networks_share_a_picture(ax):
    both = pd.concat([history(2, network=name) for name in ("a", "b")])
    plot_history(both, ax=ax)
    assert {"a", "b", "training", "validation"} <= set(legend_of(ax))


def test_no_history_says_so_and_an_unknown_quantity_is_refused(ax):
    plot_history(pd.DataFrame(), ax=ax)
    assert ax.texts[0].get_text() == "no run to show"
    with pytest.raises(InputError, match="choose from loss, accuracy"):
        plot_history(history(1), ax=ax, quantity="auc")


@pytest.fixture
def table() -> pd.DataFrame:
    missing = np.nan
    return pd.DataFrame(
        {
            "Model": ["Dummy", "A0", "A1"],
            "Test Accuracy": [missing, 0.59, 0.54],
            "paper_low": [missing, 0.53, 0.48],
            "paper_high": [missing, 0.64, 0.59],
            "accuracy": [0.2, 0.5, missing],
            "accuracy_low": [0.1, 0.3, missing],
            "accuracy_high": [0.4, 0.7, missing],
            "n": pd.array([12, 12, None], dtype="Int64"),
            "is_reference": [True, False, False],
        }
    )


def test_accuracies_stand_beside_the_papers_with_whiskers(ax, table):
    plot_accuracies(table, ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Dummy", "A0", "A1 [not run]"]
    paper, ours = ax.containers
    assert ours.lines[0].get_xdata().tolist() == pytest.approx([0.2, 0.5, np.nan], nan_ok=True)
    whisker = ours.lines[2][0].get_segments()[1]
    assert whisker[:, 0].tolist() == pytest.approx([0.3, 0.7])
    assert paper.lines[0].get_xdata()[1] == pytest.approx(0.59)
    assert {"ours, 12 clips", "paper, 300 clips"} <= set(legend_of(ax))
    assert "share of clips" in ax.get_xlabel()


def test_accuracies_of_a_table_that_was_not_run_at_all_still_show_the_papers(ax, table):
    empty = table.assign(accuracy=np.nan, accuracy_low=np.nan, accuracy_high=np.nan, n=pd.NA)
    plot_accuracies(empty, ax=ax)
    assert "ours: none" in legend_of(ax)


def test_a_filmstrip_shows_first_and_last_frame(ax):
    frames = np.zeros((4, 5, 16, 3), "u1")
    frames[..., -1, :] = 255
    plot_filmstrip(frames, ax=ax, shown=4)
    assert ax.images[0].get_array().shape == (4, 20, 3)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "6", "11", "16"]
    assert ax.images[0].get_array()[:, -5:].min() == 255


def test_a_spectrogram_has_time_in_seconds_and_level_in_decibels(ax):
    plot_log_mel(np.ones((2, 32, 100), "f2"), ax=ax, duration_s=6.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (s)", "Mel band")
    assert ax.images[0].get_extent() == [0, 6.0, 0.5, 32.5]
    assert ax.images[0].colorbar.ax.get_ylabel() == "Level (dB)"


def test_a_saved_figure_carries_title_and_origin_and_leaves_nothing_else(tmp_path, ax):
    path = tmp_path / "figures" / "table_2.png"
    save_figure(ax.figure, path, title="Table 2")
    facts = Image.open(path).text
    assert facts["Title"] == "Table 2"
    origin = json.loads(facts["Description"])
    assert {"commit", "time_utc", "versions", "machine"} <= set(origin)
    assert origin["process_peak_memory_mb"] > 10
    assert origin["process_seconds"] > 0
    assert [p.name for p in path.parent.iterdir()] == ["table_2.png"]


@pytest.mark.parametrize("name", ["a.svg", "a.pdf"])
def test_figures_can_be_vectors(tmp_path, ax, name):
    save_figure(ax.figure, tmp_path / name, title="Figure 5")
    assert (tmp_path / name).stat().st_size > 1000


def test_other_file_types_are_refused(tmp_path, ax):
    with pytest.raises(InputError, match=r"a\.jpg: the name must end in \.png, \.svg, \.pdf"):
        save_figure(ax.figure, tmp_path / "a.jpg", title="")


def test_the_style_lays_out_and_removes_frames():
    with matplotlib.rc_context():
        set_style()
        assert matplotlib.rcParams["figure.constrained_layout.use"]
        assert not matplotlib.rcParams["axes.spines.top"]
