"""Section 3's sentences as data, and the verdicts on clips of which the truth is known."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from mvemotion.audit import claims as module
from mvemotion.audit.claims import (
    FAILS,
    HOLDS,
    OPEN,
    UNTESTED,
    differences,
    judge_claims,
    means_by_class,
    read_claims,
)
from mvemotion.audit.cues import CUES
from mvemotion.errors import DataError
from mvemotion.specs import EMOTIONS

PARAGRAPH = """\
We categorized the dataset into six distinct classes based on their corresponding emotional \
adjectives. The "Excited" class usually includes positive emotions. The visual elements of the \
"Excited" class include images of a smile on a face, movement of arms, dancing scenes, bright \
lighting, and coloring effects. The audio components of this class include high pitch, large pitch \
variations, uniform harmony, high volume, low spectral repetition, and diverse articulations, \
ornamentation, and vibrato. The visual features of the "Fear" class reflect negative emotions via \
a dark background, unusual appearance, wide eyes, open mouth, a visible pulse on the neck, elbows \
directed inward, and crossed arms. Common visual elements in the "Tension" class are fast-changing \
visual scenes, crowded scenes, people facing each other, aggressive facial expressions with large \
eyes and open mouths, and fast limb movements. The audio elements in the "Tension" and "Fear" \
classes include high pitch, high tempo, high rhythmic variation, high volume, and a dissonant and \
complex harmony. The visual elements in the "Sad" class are closed arms, a face buried in one's \
hands, hands touching the head, tears in eyes, a single person in a scene, a dark background, and \
slow-changing scenes. The "Relaxation" class includes ethnic music and is visually represented \
with natural scenes in slow motion and single-person performances with musical instruments. The \
acoustic components of the "Sad" and "Relaxation" classes include slow tempo, uniform harmonics, \
soft music, and low volume. The "Natural" class includes mixed characteristics from all five other \
classes."""  # Section 3, below Table 1; CC BY 4.0


def make_clips(count: int, *, effect: float = 0.0, spread: float = 1.0) -> pd.DataFrame:
    """Clips of every class; each cue follows the paper's claims by `effect`, and chance."""
    rng = np.random.default_rng(1)
    rows = [
        {"id": f"{emotion}/{number}", "emotion": emotion}
        for emotion in EMOTIONS
        for number in range(count)
    ]
    clips = pd.DataFrame(rows)
    for cue in CUES:
        clips[cue.name] = rng.normal(size=len(clips)) * spread
    for claim in read_claims().drop_duplicates(["emotion", "cue"]).itertuples():
        if claim.cue:
            sign = 1 if claim.direction == "high" else -1
            clips.loc[clips["emotion"] == claim.emotion, claim.cue] += sign * effect
    return clips


def alone(clips: pd.DataFrame) -> pd.Series:
    """Each clip is its own source."""
    return pd.Series(clips["id"].to_numpy(), index=clips["id"])


def test_every_quote_stands_in_the_sentence_that_is_named():
    sentences = re.split(r"(?<=\.) ", PARAGRAPH)
    assert len(sentences) == 11
    for claim in read_claims().itertuples():
        for part in claim.quote.split(" [...] "):
            assert part in sentences[claim.sentence - 1], claim.quote


def test_every_claim_is_either_measured_or_says_why_not():
    claims = read_claims()
    is_measured = claims["cue"] != ""
    assert (claims["direction"] != "")[is_measured].all()
    assert (claims["direction"] == "")[~is_measured].all()
    assert (claims["note"] != "")[~is_measured].all()
    assert set(claims["emotion"]) == set(EMOTIONS)


def test_claims_with_an_unknown_cue_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "section_3.csv"
    path.write_text("sentence,quote,emotion,cue,direction,note\n3,x,Sad,tears,high,\n")
    monkeypatch.setattr(module, "replication_file", lambda *parts: path)
    read_claims.cache_clear()
    try:
        with pytest.raises(DataError, match="cue 'tears'; one of"):
            read_claims()
    finally:
        read_claims.cache_clear()


def test_claims_hold_where_the_clips_were_made_so():
    clips = make_clips(25, effect=2.5)
    found = judge_claims(clips, alone(clips))
    tested = found[found["cue"] != ""]
    assert set(tested["verdict"]) == {HOLDS}
    assert (tested["rank"] <= 3).all()
    assert set(found.loc[found["cue"] == "", "verdict"]) == {UNTESTED}


def test_claims_do_not_hold_where_the_clips_show_the_opposite():
    clips = make_clips(25, effect=-2.5)
    found = judge_claims(clips, alone(clips))
    assert set(found.loc[found["cue"] != "", "verdict"]) == {FAILS}


def test_few_clips_without_an_effect_cannot_tell():
    clips = make_clips(8)
    verdicts = judge_claims(clips, alone(clips))["verdict"]
    assert HOLDS not in set(verdicts)
    assert (verdicts == OPEN).sum() > 25


@pytest.mark.slow
def test_many_clips_without_an_effect_deny():
    clips = make_clips(300)
    verdicts = judge_claims(clips, alone(clips)).query("cue != ''")["verdict"]
    assert set(verdicts) <= {FAILS, OPEN}
    assert (verdicts == FAILS).mean() > 0.9


def test_classes_with_the_same_claim_are_not_held_against_each_other():
    clips = make_clips(6)
    found = judge_claims(clips, alone(clips)).set_index(["emotion", "quote"])
    assert found.loc[("Sad", "low volume"), "against"] == "Excited, Fear, Neutral, Tension"
    assert found.loc[("Excited", "bright lighting"), "against"].split(", ") == list(EMOTIONS[1:])


def test_auc_and_p_are_those_of_mann_and_whitney_where_each_clip_is_a_source():
    clips = make_clips(12, effect=0.6)
    clips["loudness_db"] = clips["loudness_db"].round(0)  # with ties
    found = judge_claims(clips, alone(clips)).set_index(["emotion", "quote"])
    row = found.loc[("Excited", "high volume")]
    own = clips.loc[clips["emotion"] == "Excited", "loudness_db"]
    others = clips.loc[clips["emotion"].isin(row["against"].split(", ")), "loudness_db"]
    statistic, p = mannwhitneyu(own, others)
    assert row["auc"] == pytest.approx(statistic / (len(own) * len(others)))
    assert row["p"] == pytest.approx(p, rel=0.25, abs=2e-3)
    assert row["low"] < row["auc"] < row["high"]


def test_copies_of_clips_from_one_source_add_no_certainty():
    clips = make_clips(8, effect=0.8)
    copies = pd.concat([clips.assign(id=clips["id"] + f"-{n}") for n in range(5)])
    copies = copies.reset_index(drop=True)
    by_source = pd.Series(copies["id"].str.rsplit("-", n=1).str[0].to_numpy(), copies["id"])
    once = judge_claims(clips, alone(clips)).query("cue != ''")
    repeated = judge_claims(copies, by_source).query("cue != ''")
    assert repeated["auc"].to_numpy() == pytest.approx(once["auc"].to_numpy())
    assert np.abs(repeated["p"] - once["p"]).max() < 0.03
    naive = judge_claims(copies, alone(copies)).query("cue != ''")
    assert naive["p"].median() < repeated["p"].median() / 3


def test_a_class_of_too_few_sources_has_no_score():
    clips = make_clips(6, effect=2)
    groups = alone(clips)
    groups[clips.loc[clips["emotion"] == "Sad", "id"]] = "one video"
    found = judge_claims(clips, groups)
    sad = found[(found["emotion"] == "Sad") & (found["cue"] != "")]
    assert set(sad["verdict"]) == {OPEN}
    assert sad["auc"].isna().all()


def test_p_values_are_adjusted_over_all_tested_claims():
    clips = make_clips(15, effect=0.5)
    found = judge_claims(clips, alone(clips)).query("cue != ''").sort_values("p")
    assert found["p_holm"].iloc[0] == pytest.approx(min(1, len(found) * found["p"].iloc[0]))
    assert (found["p_holm"].diff().dropna() >= 0).all()


def test_intervals_of_means_cover_the_mean_and_need_five_sources():
    clips = make_clips(20)
    clips = clips[~((clips["emotion"] == "Fear") & (clips.groupby("emotion").cumcount() > 3))]
    means = means_by_class(clips.reset_index(drop=True), alone(clips))
    fear = means["emotion"] == "Fear"
    assert means.loc[fear, ["low", "high"]].isna().all(axis=None)
    rest = means[~fear]
    assert ((rest["low"] < rest["mean"]) & (rest["mean"] < rest["high"])).all()
    width = (rest["high"] - rest["low"]).mean()  # 2 x 1.96 standard errors of 20 clips
    assert width == pytest.approx(2 * 1.96 / np.sqrt(20), rel=0.15)


def test_differences_between_classes_are_seen_and_missing_values_are_not():
    clips = make_clips(10, effect=2)
    clips["majorness"] = np.nan
    found = differences(clips, alone(clips)).set_index("cue")
    assert found.loc["loudness_db", "p_holm"] < 1e-4
    assert found.loc["dynamic_range_db", "p_holm"] > 0.05  # of which the paper says nothing
    assert np.isnan(found.loc["majorness", "p"])
