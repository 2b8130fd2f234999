"""Tables 7 and 8 as data: the paper's rows verbatim, ours beside or below them."""

import pandas as pd
import pytest

from mvemotion.correlation import example_clips, printed_outputs
from mvemotion.errors import InputError
from mvemotion.published import published_table
from mvemotion.reporting import compare_earlier, compare_outputs, earlier_for_reading
from mvemotion.specs import EMOTIONS

BEST = "video_a3_mmtm+music_a0+face_a2_se"
SUPPORT = dict.fromkeys(EMOTIONS, 50)


def metrics(f1=0.70, *, interval=(0.65, 0.75), support=SUPPORT) -> dict:
    scores = {"accuracy": 0.5, "f1_rounded": f1, "f1_macro": 0.6, "n": 300, "support": support}
    return scores | {"intervals": {"f1_rounded": interval}}


def ours(network_id=BEST, dataset="paper", **options) -> pd.Series:
    return compare_earlier({network_id: metrics(**options)}, dataset=dataset).iloc[-1]


# --- Table 7 --------------------------------------------------------------------------------------
def test_table_7_keeps_the_papers_rows_and_says_what_ours_lack():
    examples = example_clips(printed_outputs())
    examples.loc[examples["emotion"] == "Fear", "predicted"] = "Sad"
    frame = compare_outputs(examples[examples["emotion"] != "Tension"])
    printed = published_table(7).drop(columns="row")
    pd.testing.assert_frame_equal(frame[list(printed)], printed)
    notes = frame.set_index("Ground truth")["note"]
    assert notes["Tension"] == "no clip of this emotion"
    assert "nearest" in notes["Fear"]
    assert notes["Sad"] == ""
    assert frame["score_verdict"].str.startswith("untested").all()
    for emotion in EMOTIONS:  # these clips are the paper's own
        there = frame["Ground truth"] != "Tension"
        assert frame.loc[there, f"s_{emotion}"].tolist() == pytest.approx(
            frame.loc[there, emotion].tolist()
        )


# --- Table 8 --------------------------------------------------------------------------------------
def test_table_8_keeps_the_papers_rows_and_reads_their_scores():
    frame, printed = compare_earlier({}, dataset="sample"), published_table(8)
    columns = ["Method", "Dataset", "Data Type", "Emotion Class", "Score"]
    assert frame[columns].to_numpy().tolist() == printed[columns].to_numpy().tolist()
    expected = [0.542, 0.534, 0.709, 0.764, 0.90, 0.744, 0.88, 0.71, 0.73]
    assert frame["score"].tolist() == expected
    assert frame["reference_in_text"].tolist()[:3] == ["[28]", "[32]", "[32]"]


def test_only_an_accuracy_on_counted_clips_has_an_interval():
    frame = compare_earlier({}, dataset="sample").set_index("Method")
    assert frame.index[frame["low"].notna()].tolist() == ["GMM [56]", "CLR [50]"]
    low, high = frame.loc["GMM [56]", ["low", "high"]]
    assert (low, high) == pytest.approx((0.833, 0.942), abs=5e-4)  # Wilson's, 108 of 120


def test_guessing_is_one_of_k_where_a_clip_has_one_label():
    frame = compare_earlier({}, dataset="sample")
    guesses = frame.groupby("Dataset")["chance"].first()
    assert guesses["LastFM"] == 1 / 4
    assert guesses["DEAP120"] == 1 / 8
    assert pd.isna(guesses["CAL500"])


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, "matches"),  # 0.73 is printed
        ({"interval": (0.60, 0.72)}, "close"),
        ({"f1": 0.5, "interval": (0.45, 0.55)}, "differs"),
        ({"dataset": "sample"}, "untested: the profile's dataset is sample"),
        ({"support": SUPPORT | {"Sad": 49}}, "untested: not the paper's 300 test clips"),
        ({"interval": None}, "untested: no interval of the F1"),
        ({"network_id": "video_a2+music_a2+face_a2"}, "not printed"),
    ],
)
def test_the_verdict_on_our_f1(options, verdict):
    assert ours(**options)["score_verdict"] == verdict


def test_a_network_that_was_not_run_says_so():
    text = earlier_for_reading(compare_earlier({BEST: None}, dataset="paper"))
    assert text.iloc[-1][["Score", "Verdict"]].tolist() == ["not run", "untested"]
    assert (text.iloc[:-1]["Verdict"] == "–").all()


def test_the_papers_own_two_rows_differ_in_their_input_alone():
    text = earlier_for_reading(compare_earlier({}, dataset="sample")).drop(columns="Score")
    first, second = (row for _, row in text.iloc[-2:].iterrows())
    assert first[first != second].to_dict() == {"Input": "Music and video"}
    assert second["Input"] == "Music, video and face"


def test_a_split_without_one_emotion_has_no_f1():
    text = earlier_for_reading(
        compare_earlier({BEST: metrics(f1=None, interval=None)}, dataset="sample")
    )
    assert text.iloc[-1]["Score"] == "n/a"


def test_a_dataset_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="choose from synthetic, sample, paper"):
        compare_earlier({}, dataset="mine")
