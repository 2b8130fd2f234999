"""The factors of a synthetic clip: on their scales, as Section 3 has the classes, hard as asked."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score

from mvemotion.data.synthetic import RULES, Factors, draw_factors
from mvemotion.data.synthetic.factors import PARTS
from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_every_factor_stays_on_its_scale(difficulty):
    for index in range(30):
        for emotion in EMOTIONS:
            row = draw_factors(emotion, index=index, difficulty=difficulty).to_row()
            for name, rule in RULES.items():
                if hasattr(rule, "values"):
                    assert row[name] in rule.values
                else:
                    assert rule.low <= row[name] <= rule.high


def test_rules_and_clips_have_the_same_factors():
    assert set(RULES) < {field.name for field in dataclasses.fields(Factors)}


@pytest.mark.parametrize(
    ("high", "low", "factor"),  # each a claim of Section 3
    [
        ("Excited", "Sad", "pitch_range"),  # "large pitch variations"
        ("Excited", "Fear", "mouth_curve"),  # "images of a smile on a face"
        ("Excited", "Fear", "brightness"),  # "bright lighting" against "dark background"
        ("Tension", "Relaxation", "tempo_bpm"),  # "high tempo" against "slow tempo"
        ("Fear", "Excited", "dissonance"),  # "dissonant" against "uniform harmony"
        ("Fear", "Sad", "eye_open"),  # "wide eyes"
        ("Tension", "Relaxation", "cuts_per_s"),  # "fast-changing visual scenes"
        ("Tension", "Sad", "figures"),  # "crowded" against "a single person in a scene"
        ("Tension", "Fear", "brow_angle"),  # "aggressive facial expressions"
        ("Excited", "Relaxation", "loudness_db"),  # "high volume" against "low volume"
    ],
)
def test_classes_differ_as_the_paper_says(high, low, factor):
    means = {
        emotion: np.mean([getattr(draw_factors(emotion, index=i), factor) for i in range(60)])
        for emotion in (high, low)
    }
    assert means[high] > means[low]


def test_difficulty_widens_the_overlap_of_classes():
    def spread(difficulty):
        clips = [draw_factors("Sad", index=i, difficulty=difficulty) for i in range(60)]
        return np.std([clip.tempo_bpm for clip in clips])

    assert 2 * spread(0.0) < spread(0.5) < spread(1.0)


def test_odd_parts_come_with_difficulty_and_one_at_a_time():
    easy = [draw_factors("Sad", index=i, difficulty=0.0).odd_part for i in range(50)]
    hard = [draw_factors("Sad", index=i, difficulty=1.0) for i in range(200)]
    assert set(easy) == {""}
    assert 0.5 < np.mean([clip.odd_part != "" for clip in hard]) < 0.7
    assert {clip.odd_part for clip in hard} == {"", "sound", "picture", "face"}
    assert all((clip.odd_part == "") == (clip.odd_emotion == "") for clip in hard)


def test_some_clips_of_every_class_have_no_face():
    for emotion in EMOTIONS:
        share = np.mean([draw_factors(emotion, index=i).has_face for i in range(80)])
        assert 0.4 < share < 0.97


def test_each_part_tells_something_of_the_class_and_all_three_more():
    clips = [draw_factors(emotion, index=i) for emotion in EMOTIONS for i in range(60)]
    table = pd.DataFrame([clip.to_row() for clip in clips])
    shown = [name for name, rule in RULES.items() if rule.part == "face" and name != "has_face"]
    table[shown] = table[shown].astype(float).where(table["has_face"], 0.0, axis=0)

    def accuracy(*parts):
        known = pd.get_dummies(table[[n for n, rule in RULES.items() if rule.part in parts]])
        model = LinearDiscriminantAnalysis("lsqr", shrinkage="auto")
        return cross_val_score(model, known.astype(float), table["emotion"], cv=5).mean()

    alone = {part: accuracy(part) for part in PARTS}
    assert min(alone.values()) > 0.4, alone  # chance is 0.167
    assert accuracy(*PARTS) > max(alone.values()) + 0.05, alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotion": "Joy"}, "emotion 'Joy': not one of Excited"),
        ({"split": "Test"}, "split 'Test': not one of Train, Validation, test"),
        ({"index": -1}, "index -1"),
        ({"difficulty": 1.5}, "difficulty 1.5: choose from 0"),
        ({"duration_s": 0.2}, r"duration 0.2 s: a clip lasts one second"),
        ({"size": (161, 120)}, r"size \(161, 120\): H.264 needs even"),
        ({"size": (64, 64)}, r"size \(64, 64\): .* from \(96, 72\) up"),
        ({"fps": 1}, "1 frames per second: choose 5 to 60"),
    ],
)
def test_arguments_out_of_range_are_named(options, message):
    with pytest.raises(InputError, match=message):
        draw_factors(**({"emotion": "Sad"} | options))
