"""What gives a class away without looking or listening is found, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from audit_clips import black, letterboxed, moving
from mvemotion.audit import shortcuts
from mvemotion.audit.borders import BAR_COLUMNS, BORDER_COLUMNS, frame_shapes, measure_borders
from mvemotion.audit.shortcuts import CROSS_VALIDATION, OF_CONTENT, score_shortcuts
from mvemotion.baselines import CONTAINER_NUMBERS, CONTAINER_WORDS
from mvemotion.specs import EMOTIONS


def make_clips(count: int, *, seed: int = 0) -> pd.DataFrame:
    """Clips of every class in Train and test, of which nothing tells the class."""
    rng = np.random.default_rng(seed)
    rows = [
        {"id": f"{split}/{emotion}/{number}", "split": split, "emotion": emotion}
        for split in ("Train", "test")
        for emotion in EMOTIONS
        for number in range(count)
    ]
    clips = pd.DataFrame(rows)
    for name in (*CONTAINER_NUMBERS, *BAR_COLUMNS, *BORDER_COLUMNS):
        clips[name] = rng.normal(size=len(clips))
    for name in CONTAINER_WORDS:
        clips[name] = rng.choice(["a", "b"], len(clips))
    return clips


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch):
    """Forests of a size that suits six classes of few clips."""
    monkeypatch.setattr(shortcuts, "TREES", 30)


def alone(clips: pd.DataFrame) -> pd.Series:
    return pd.Series(clips["id"].to_numpy(), index=clips["id"])


def scores(clips: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    return score_shortcuts(clips, groups).set_index(["kind", "design"])


def test_metadata_that_gives_the_class_away_is_found_at_100_percent(monkeypatch):
    monkeypatch.setattr(shortcuts, "TREES", 100)
    clips = make_clips(6)
    clips["encoder"] = "made for " + clips["emotion"]
    found = scores(clips, alone(clips))
    for kind in ("container", "settings"):
        row = found.loc[(kind, CROSS_VALIDATION)]
        assert row["accuracy"] == 1
        assert row["p"] < 0.001
        assert all("encoder" in feature for feature in row["features"])
    assert found.loc[("container", "Train to test"), "accuracy"] == 1
    assert found.loc[("bars", CROSS_VALIDATION), "accuracy"] < 0.4


def test_metadata_that_says_nothing_stays_at_chance():
    clips = make_clips(12)
    found = score_shortcuts(clips, alone(clips)).query("missing == ''")
    assert (found["low"] <= 1 / 6).all()
    assert (found["p"] > 0.01).all()
    assert (found["chance"] == 1 / 6).all()
    split = found[found["design"] == "Train to test"]  # folds score below chance where it is chance
    assert (split["high"] >= 1 / 6).all()
    assert set(split["n"]) == {72}
    assert set(found["n"]) == {72, 144}


def test_remembering_a_source_does_not_count():
    clips = make_clips(8)
    number = clips.groupby("emotion").cumcount() % 4  # four sources of four clips a class
    source = clips["emotion"] + number.astype("str")
    rng = np.random.default_rng(0)
    for name in CONTAINER_NUMBERS:  # the same in all clips of a source, at random between them
        clips[name] = source.map({each: rng.normal() for each in sorted(set(source))})
    known = scores(clips, alone(clips)).loc[("container", CROSS_VALIDATION), "accuracy"]
    by_source = pd.Series(source.to_numpy(), index=clips["id"])
    unknown = scores(clips, by_source).loc[("container", CROSS_VALIDATION), "accuracy"]
    assert known > 0.9
    assert unknown < 0.4


def test_sizes_and_bit_rates_are_no_settings():
    clips = make_clips(6)
    for name in OF_CONTENT:
        clips[name] = clips["emotion"].map(EMOTIONS.index)
    found = scores(clips, alone(clips))["accuracy"]
    assert found[("container", CROSS_VALIDATION)] > 0.9
    assert found[("settings", CROSS_VALIDATION)] < 0.4


def test_what_cannot_be_scored_says_why():
    clips = make_clips(2).query("split == 'Train'")
    groups = pd.Series(clips["emotion"].to_numpy(), index=clips["id"])
    found = scores(clips, groups)["missing"]
    assert "two sources each" in found[("bars", CROSS_VALIDATION)]
    assert found[("bars", "Train to test")] == "no clip in test"


def test_bars_and_borders_are_measured_on_their_own_side():
    frames = np.stack([letterboxed(i, 90, 160) for i in range(0, 60, 5)])
    found = measure_borders(frames)
    assert found["bar_top"] == found["bar_bottom"] == pytest.approx(11 / 90)
    assert found["bar_left"] == found["bar_right"] == 0
    assert found["border_top_level"] == found["border_top_change"] == 0
    assert found["border_left_level"] > 30
    assert found["border_left_change"] > 1
    assert set(found) == {*BAR_COLUMNS, *BORDER_COLUMNS}


def test_frames_are_named_by_where_their_bars_are():
    plain = np.stack([moving(i, 90, 160) for i in range(0, 60, 5)])
    pillars = np.stack([letterboxed(i, 160, 90).transpose(1, 0, 2) for i in range(0, 60, 5)])
    nothing = np.stack([black(0, 90, 160)] * 5)
    boxes = np.stack([letterboxed(i, 90, 160) for i in range(0, 60, 5)])
    rows = pd.DataFrame([measure_borders(frames) for frames in (plain, boxes, pillars, nothing)])
    assert frame_shapes(rows).tolist() == ["none", "letterbox", "pillarbox", "none"]
