"""Figures of six outputs, by what is in them."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mvemotion.figures import (
    EMOTION_COLOURS,
    plot_correlations,
    plot_earlier_scores,
    plot_kinship,
    plot_mean_outputs,
    plot_outputs_of_clip,
    plot_ribbon,
    plot_verdicts,
)
from mvemotion.reporting import compare_earlier
from mvemotion.specs import EMOTIONS

matplotlib.use("Agg")


@pytest.fixture
def ax():
    return Figure().add_subplot()


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def ticks(ax) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_a_clips_outputs_stand_highest_first_with_the_true_one_in_its_colour(ax):
    values = np.array([0.1, 0.9, 0.2, 0.3, 0.95, 0.0])
    plot_outputs_of_clip(values, ax=ax, emotion="Fear", picture=np.zeros((9, 9, 3), np.uint8))
    assert ticks(ax) == ["Sad", "Fear", "Relaxation", "Neutral", "Excited", "Tension"]
    colours = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours.count(EMOTION_COLOURS["Fear"].lower()) == 1
    assert colours[1] == EMOTION_COLOURS["Fear"].lower()
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([95, 90, 30, 20, 10, 0])
    assert len(ax.child_axes) == 1


def test_means_are_in_per_cent_and_blank_where_no_clip_is(ax):
    matrix = np.eye(6)
    matrix[5] = np.nan
    plot_mean_outputs(matrix, ax=ax)
    assert texts(ax).count("100") == 5
    assert len(texts(ax)) == 30
    assert ticks(ax) == list(EMOTIONS)


def test_every_pair_of_emotions_is_shown_once_and_white_at_the_centre(ax):
    matrix = np.full((6, 6), -0.2)
    plot_correlations(matrix, ax=ax, centre=-0.2)
    assert texts(ax) == ["-0.20"] * 15
    cells = ax.collections[0].get_facecolors()
    assert np.allclose(cells[cells[:, 3] > 0][:, :3], 0.97, atol=0.02)


def test_a_statistic_that_could_not_be_had_is_labelled_so(ax):
    frame = pd.DataFrame(
        {
            "claim": ["Fear and Tension", "Neutral"],
            "statistic": ["mean output", "mean output"],
            "value": [0.3, np.nan],
            "low": [0.2, np.nan],
            "high": [0.4, np.nan],
            "chance": [0.1, np.nan],
            "chance_low": [0.05, np.nan],
            "chance_high": [0.15, np.nan],
        }
    )
    plot_kinship(frame, ax=ax)
    assert ticks(ax) == ["Fear and Tension: mean output", "Neutral: no clip"]


def test_a_ribbon_names_each_scene_above_the_curves(ax):
    scenes = pd.DataFrame({"start_s": [0, 30], "end_s": [30, 60], "emotion": ["Sad", "Excited"]})
    plot_ribbon(scenes, ax=ax)
    assert texts(ax) == ["Sad", "Excited"]
    assert [text.get_position()[0] for text in ax.texts] == [15, 45]
    assert all(text.get_position()[1] > 100 for text in ax.texts)


def test_bars_of_verdicts_are_as_long_as_there_are_claims(ax):
    counts = pd.DataFrame({"matches": [5, 0], "untested": [1, 70]}, index=["count", "score"])
    plot_verdicts(counts, ax=ax)
    assert sum(bar.get_width() for bar in ax.patches) == 76
    assert sorted(filter(None, texts(ax))) == ["5", "70"], "1 does not fit into its bar"


def test_no_claim_is_said_in_words(ax):
    plot_verdicts(pd.DataFrame({"matches": [0]}, index=["count"]), ax=ax)
    assert texts(ax) == ["no claim to show"]


def test_scores_that_were_not_run_are_labelled_so(ax):
    network = "video_a3_mmtm+music_a0"
    plot_earlier_scores(compare_earlier({network: None}, dataset="synthetic"), ax=ax)
    assert ticks(ax)[-1].endswith("[not run]")
    assert not any("[not run]" in label for label in ticks(ax)[:-1])


def test_no_two_scores_have_the_same_label(ax):
    network = "video_a3_mmtm+music_a0"
    plot_earlier_scores(compare_earlier({network: None}, dataset="synthetic"), ax=ax)
    assert len(set(ticks(ax))) == len(ticks(ax)) == 10
    assert ticks(ax)[8] == "Our, Own: music, video and face"
