"""The claims and their ledger: complete, decided by result files alone, moved by planted ones."""

import csv
import inspect
import json
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from mvemotion.audit import findings
from mvemotion.audit.claims import read_claims
from mvemotion.claims import (
    Results,
    Tier0,
    build_ledger,
    list_claims,
    summarize_ledger,
    write_ledger,
)
from mvemotion.claims.claim import SCORES, Claim
from mvemotion.claims.comparing import COMPARING, pairs_of
from mvemotion.claims.rules import RULES
from mvemotion.comparisons import mcnemar_p_value
from mvemotion.errors import DataError
from mvemotion.evaluation import PROBABILITIES, score
from mvemotion.files import write_json, write_table
from mvemotion.paths import replication_file
from mvemotion.published import NETWORK_TABLES, published_table
from mvemotion.recomputation import BEST
from mvemotion.specs import EMOTIONS, list_networks
from tier0_files import recomputed

KINDS = {"count", "score", "comparison", "correlation", "arithmetic", "data"}


# --- The claims -----------------------------------------------------------------------------------
def test_every_claim_has_an_id_of_its_own():
    counts = Counter(claim.id for claim in list_claims())
    assert max(counts.values()) == 1


@pytest.mark.parametrize("table", NETWORK_TABLES)
def test_every_score_and_count_of_tables_2_to_6_is_a_claim(table):
    ids = {claim.id for claim in list_claims()}
    rows = published_table(table)["id"]
    expected = {
        f"table-{table}/{row}/{n}" for row in rows for n in (*SCORES.values(), "parameters")
    }
    assert expected <= ids
    assert len(expected) == 4 * len(rows)


def test_every_number_of_tables_1_7_and_8_is_a_claim():
    ids = {claim.id for claim in list_claims()}
    splits = ("Training", "Validation", "Testing")
    assert {f"table-1/{e}/{split}" for e in (*EMOTIONS, "Total") for split in splits} <= ids
    assert {f"table-7/{true}/{e}" for true in EMOTIONS for e in EMOTIONS} <= ids
    rows = published_table(8)
    assert {f"table-8/{r}/{d}" for r, d in zip(rows["row"], rows["Dataset"], strict=True)} <= ids


def test_every_section_of_the_results_has_claims():
    places = {claim.place for claim in list_claims()}
    assert {f"Section 5.{n}" for n in (1, 2, 3, 4)} | {"Abstract", "Conclusions"} <= places


def test_a_claim_has_a_quote_a_known_kind_and_rule_and_names_only_networks():
    for claim in list_claims():
        rule = claim.rule.split(" ")[0]
        assert 2 <= len(claim.quote) <= 110, claim
        assert claim.kind in KINDS, claim
        assert rule in RULES, claim
        assert claim.command.startswith("mvemotion replicate"), claim
        assert {name for pair in pairs_of(claim) for name in pair} <= set(list_networks()), claim
        assert bool(claim.family) == (rule in COMPARING), claim


def test_claims_on_checks_name_checks_that_exist(tier0):
    for claim in list_claims():
        name = claim.own or (claim.rule.startswith("check ") and claim.rule[len("check ") :])
        assert not name or tier0.checks(name), claim.id


def test_cells_are_not_typed_again():
    with replication_file("claims.csv").open(newline="", encoding="utf-8") as file:
        typed = [row["id"] for row in csv.DictReader(file) if row["id"].startswith("table-")]
    assert typed == [f"table-1/Total/{split}" for split in ("Training", "Validation", "Testing")]


# --- Result files ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tier0():
    return Tier0(recomputed()[0])


TARGETS = np.arange(6).repeat(50)


def save_run(root, network_id, is_right, *, run="seed-0", targets=TARGETS, checksum="c"):
    """Scores of a network that has these clips right, and takes the others for the next emotion."""
    said = np.where(is_right, targets, (targets + 1) % 6)
    probabilities = np.full((len(targets), 6), 0.02) + 0.88 * np.eye(6)[said]
    folder = root / "runs" / network_id / run / "test"
    predictions = pd.DataFrame({"id": [f"test/{i:03d}" for i in range(len(targets))]})
    predictions["emotion"] = [EMOTIONS[index] for index in targets]
    predictions["predicted"] = [EMOTIONS[index] for index in said]
    predictions[PROBABILITIES] = probabilities
    write_table(folder / "predictions.csv", predictions)
    write_json(
        folder / "metrics.json", score(probabilities, targets) | {"store_checksum": checksum}
    )


def save_summary(root, dataset="paper", test=50):
    classes = {
        row["Emotion Class"]: int(row["Training Samples"])
        for row in published_table(1).to_dict("records")
    }
    summary = {"dataset": dataset, "store_checksum": "c"}
    clips = {"Train": classes, "test": dict.fromkeys(EMOTIONS, test)}
    write_json(root / "summary.json", summary | {"classes": clips})


def first_right(count):
    """The first `count` clips right, counted class by class in turn."""
    order = np.argsort(np.arange(300) % 50, kind="stable")
    is_right = np.zeros(300, dtype=bool)
    is_right[order[:count]] = True
    return is_right


def found(tier0, results, claim_id):
    claims = [claim for claim in list_claims() if claim.id == claim_id]
    return build_ledger(tier0, results, claims).iloc[0]


def judged(tier0, root, rule, *, family="f"):
    claim = Claim("one", "here", "so", "comparison", 2, rule, family=family)
    return build_ledger(tier0, Results(root), [claim]).iloc[0]


def test_without_result_files_nothing_is_marked(tmp_path):
    ledger = build_ledger(Tier0(tmp_path), None)
    assert set(ledger["verdict"]) == {"untested"}
    assert (ledger["reason"] != "").all()
    assert (ledger[["own", "ours", "source"]] == "").all(axis=None)


def test_tier_0_alone_decides_counts_and_arithmetic_and_nothing_else(tier0):
    ledger = build_ledger(tier0, None)
    decided = ledger[ledger["verdict"] != "untested"]
    assert set(decided["kind"]) == {"count", "arithmetic"}
    assert set(decided["tier"]) == {0}
    assert set(decided["source"]) == {"tier0.json"}
    counts = ledger[ledger["kind"] == "count"]["verdict"].value_counts()
    assert counts.to_dict() == {"matches": 37, "differs": 2}


@pytest.mark.parametrize(
    ("hits", "verdict"), [(194, "matches"), (182, "matches"), (145, "differs"), (240, "differs")]
)
def test_a_planted_accuracy_decides_its_cell(tier0, tmp_path, hits, verdict):
    save_run(tmp_path, "music_a1_se", first_right(hits))  # printed: 0.6466, 194 clips
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "table-3/music_a1_se/accuracy")
    assert row["verdict"] == verdict
    assert row["ours"].startswith(f"{hits / 300:.3f} [")
    assert row["source"] == "runs/music_a1_se/seed-0/test/metrics.json"
    assert row["own"] == "yes"


def test_a_score_near_the_margin_is_close(tier0, tmp_path):
    save_run(tmp_path, "music_a3_mmtm", first_right(58))  # 0.193 [0.153, 0.242]; printed 0.2433
    save_summary(tmp_path)
    assert found(tier0, Results(tmp_path), "table-3/music_a3_mmtm/accuracy")["verdict"] == "close"


@pytest.mark.parametrize(
    ("dataset", "test", "reason"),
    [("sample", 50, "these clips are sample, not the paper's"), (None, 50, "does not say which")],
)
def test_scores_on_other_clips_are_shown_but_untested(tier0, tmp_path, dataset, test, reason):
    save_run(tmp_path, "music_a1_se", first_right(194))
    save_run(tmp_path, "music_a1", first_right(100))
    save_summary(tmp_path, dataset=dataset, test=test)
    for claim_id in ("table-3/music_a1_se/accuracy", "table-3/music_a1_se/f1"):
        row = found(tier0, Results(tmp_path), claim_id)
        assert row["verdict"] == "untested"
        assert reason in row["reason"]
        assert row["ours"].startswith("0.6")
    row = judged(tier0, tmp_path, "above music_a1_se > music_a1")
    assert row["verdict"] == "untested"
    assert row["ours"].startswith("+31.3 points")


def test_scores_on_fewer_test_clips_are_untested(tier0, tmp_path):
    targets = np.arange(6).repeat(10)
    save_run(tmp_path, "music_a1_se", np.arange(60) < 40, targets=targets)
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "table-3/music_a1_se/accuracy")
    assert (row["verdict"], row["reason"]) == ("untested", "not the paper's 300 test clips")


def test_runs_on_clips_that_have_changed_since_do_not_count(tier0, tmp_path):
    save_run(tmp_path, "music_a1_se", first_right(194), checksum="older")
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "table-3/music_a1_se/accuracy")
    assert (row["verdict"], row["reason"]) == ("untested", "not run: music_a1_se")


def test_several_seeds_are_averaged(tier0, tmp_path):
    for seed, hits in enumerate((188, 194, 200)):
        save_run(tmp_path, "music_a1_se", first_right(hits), run=f"seed-{seed}")
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "table-3/music_a1_se/accuracy")
    assert row["ours"].startswith("0.647 ± 0.020 over 3 runs [0.591, 0.699]")


def test_the_interval_of_several_seeds_is_that_of_their_mean(tier0, tmp_path):
    for seed, hits in enumerate((140, 200, 220)):
        save_run(tmp_path, "music_a1_se", first_right(hits), run=f"seed-{seed}")
    save_summary(tmp_path)
    for name in SCORES.values():
        ours = found(tier0, Results(tmp_path), f"table-3/music_a1_se/{name}")["ours"]
        mean, low, high = re.match(r"([\d.]+) ± .+ \[([\d.]+), ([\d.]+)\]", ours).groups()
        assert low < mean < high, ours


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [(200, 160, "matches"), (163, 160, "close"), (160, 160, "differs"), (150, 200, "differs")],
)
def test_planted_predictions_decide_a_comparison(tier0, tmp_path, first, second, verdict):
    save_run(tmp_path, "video_a3_mmtm", first_right(first))
    save_run(tmp_path, "video_a3", first_right(second))
    save_summary(tmp_path)
    row = judged(tier0, tmp_path, "above video_a3_mmtm > video_a3")
    assert row["verdict"] == verdict
    p_value = mcnemar_p_value(max(first - second, 0), max(second - first, 0))
    assert f"p = {p_value:.2g}" in row["ours"]
    assert row["own"] == "cannot tell"  # +17 of 300 clips


def test_holm_corrects_within_a_family_and_not_beyond(tier0, tmp_path):
    hits = {"music_a0": 168, "music_a1": 161, "music_a2": 161, "music_a3": 161}
    for name, count in hits.items():  # seven clips more: p = 0.016, times three 0.047
        save_run(tmp_path, name, first_right(count))
    save_run(tmp_path, "music_a3_mmtm", first_right(162))  # six more: p = 0.031
    save_summary(tmp_path)
    claims = [
        Claim(f"{family}-{name}", "", "", "comparison", 2, f"above music_a0 > {name}", "", family)
        for family, names in {
            "one": ("music_a3_mmtm",),
            "four": [*hits][1:] + ["music_a3_mmtm"],
        }.items()
        for name in names
    ]
    verdicts = build_ledger(tier0, Results(tmp_path), claims).set_index("id")["verdict"]
    assert verdicts["one-music_a3_mmtm"] == "matches"
    assert verdicts["four-music_a1"] == "close"  # 4 x 0.016
    assert verdicts["four-music_a3_mmtm"] == "close"


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("above music_a0 > music_a1; music_a0 > music_a2", "differs"),
        ("any-above music_a0 > music_a1; music_a0 > music_a2", "matches"),
        ("mixed music_a0 > music_a1; music_a0 > music_a2", "matches"),
        ("mixed music_a0 > music_a1; music_a2 > music_a1", "differs"),
        ("not-above music_a0 > music_a2", "matches"),
        ("not-above music_a0 > music_a1", "differs"),
        ("not-above music_a0 > music_a3", "matches"),
        ("equal music_a0 = music_a3", "matches"),  # -0.7 [-1.8, +0.4] points
        ("equal music_a0 = music_a1", "differs"),
    ],
)
def test_each_rule_of_comparison(tier0, tmp_path, rule, verdict):
    hits = {"music_a0": 180, "music_a1": 140, "music_a2": 220, "music_a3": 182}
    for name, count in hits.items():
        save_run(tmp_path, name, first_right(count))
    save_summary(tmp_path)
    assert judged(tier0, tmp_path, rule)["verdict"] == verdict


@pytest.mark.parametrize("rule", ["not-above music_a0 > music_a1", "equal music_a0 = music_a1"])
def test_that_no_difference_was_found_is_no_match(tier0, tmp_path, rule):
    shifted = np.roll(first_right(212), 37)  # 232 and 212 right, on many different clips
    save_run(tmp_path, "music_a0", first_right(232))
    save_run(tmp_path, "music_a1", shifted)
    save_summary(tmp_path)
    row = judged(tier0, tmp_path, rule)
    assert row["verdict"] == "close"
    _low, high, p_value = map(float, re.findall(r"[-+]?[\d.]+", row["ours"])[1:])
    assert high > 5
    assert p_value >= 0.05


def test_a_small_but_sure_difference_is_close_to_none(tier0, tmp_path):
    save_run(tmp_path, "music_a0", first_right(206))
    save_run(tmp_path, "music_a1", first_right(199))  # +2.3 [+0.6, +4.1] points, p = 0.016
    save_summary(tmp_path)
    assert judged(tier0, tmp_path, "equal music_a0 = music_a1")["verdict"] == "close"


def test_the_papers_own_numbers_are_judged_without_any_run(tier0):
    ledger = build_ledger(tier0, None).set_index("id")
    expected = {
        "music-best": "yes",  # 194 against 155 and 157 clips
        "mmtm-video": "cannot tell",  # 157 against 140
        "mmtm-video-like-for-like": "cannot tell",  # not printed
        "se-a0": "no",  # lower on music
        "se-not-others": "no",  # music A1: 161 and 194
        "face-boosts": "no",  # 222 and 222
        "same-accuracy": "yes",
        "face-minimal": "",  # of combinations that are not printed
        "units-cost": "yes",  # each of the 12 unimodal networks with a unit
        "roc-best": "cannot tell",  # 0.942 and 0.938, which D3 disputes
        "data-growth": "cannot tell",  # 1.67
        "fear-tension-confused": "yes",
        "neutral-hard": "yes",
        "fear-tension-alike": "yes",  # 11 of 100 clips, 5 by chance
        "excited-sad-unlike": "cannot tell",  # 3 and 6
        "neutral-shares": "cannot tell",  # 6 of 250, fewer than by chance
        "abstract-auc": "yes",
        "conclusions-auc": "no",  # D3
    }
    assert ledger.loc[list(expected), "own"].to_dict() == expected


def test_each_published_matrix_is_a_claim_that_finding_no_difference_does_not_prove(
    tier0, tmp_path
):
    claims = [claim for claim in list_claims() if claim.rule.startswith("errors ")]
    assert [claim.place for claim in claims].count("Figure 5") == 1
    assert len(claims) == 5
    save_run(tmp_path, BEST, first_right(222))  # every error the next emotion
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), f"confusion/{BEST}")
    assert row["verdict"] == "differs"
    assert row["ours"].startswith("78 and 78 errors, chi-square ")
    save_summary(tmp_path, dataset="sample")
    assert found(tier0, Results(tmp_path), f"confusion/{BEST}")["verdict"] == "untested"
    assert found(tier0, Results(tmp_path), "confusion/face_a0_se")["reason"].startswith("not run")


def test_a_pair_that_was_not_run_leaves_the_claim_untested(tier0, tmp_path):
    save_run(tmp_path, "music_a0", first_right(180))
    save_summary(tmp_path)
    row = judged(tier0, tmp_path, "above music_a0 > music_a1")
    assert row["verdict"] == "untested"
    assert row["reason"] == "not run on the same clips: music_a0 and music_a1"


def test_runs_of_other_seeds_are_paired_seed_by_seed(tier0, tmp_path):
    for seed, (first, second) in enumerate([(200, 160), (190, 170), (100, 165)]):
        save_run(tmp_path, "music_a0", first_right(first), run=f"seed-{seed}")
        save_run(tmp_path, "music_a1", first_right(second), run=f"seed-{seed}")
    save_run(tmp_path, "music_a1", first_right(10), run="seed-7")  # no partner
    save_summary(tmp_path)
    row = judged(tier0, tmp_path, "above music_a0 > music_a1")
    assert row["ours"].startswith("-0.6 points, mean of 3 runs [")  # (40 + 20 - 65) / 900
    low, high, p_value = map(float, re.findall(r"[-+]?[\d.]+", row["ours"])[2:])
    assert low < -0.6 < high
    assert p_value > 0.05  # the first run alone: +13.3 points, p = 2e-12
    assert row["verdict"] == "differs"


@pytest.mark.parametrize(
    ("claim_id", "verdict"),
    [
        ("neutral-hard", "matches"),
        ("fear-tension-confused", "differs"),
        ("neutral-shares", "close"),  # 10 of 250 clips, 8.8 by chance
        ("excited-sad-unlike", "close"),  # none of 100, but there are few wrong answers
    ],
)
def test_a_planted_matrix_decides_claims_about_emotions(tier0, tmp_path, claim_id, verdict):
    is_right = np.ones(300, dtype=bool)
    is_right[100:130] = False  # Neutral, taken for Relaxation
    is_right[150:160] = False
    is_right[200:215] = False
    is_right[0:5] = False
    is_right[250:254] = False
    is_right[50:60] = False
    save_run(tmp_path, BEST, is_right)
    save_summary(tmp_path)
    assert found(tier0, Results(tmp_path), claim_id)["verdict"] == verdict


@pytest.mark.parametrize(("errors", "verdict"), [(16, "close"), (30, "matches"), (14, "differs")])
def test_the_hardest_emotion_is_told_from_the_next_by_resampling_clips(
    tier0, tmp_path, errors, verdict
):
    is_right = np.ones(300, dtype=bool)
    is_right[100 : 100 + errors] = False  # Neutral
    is_right[200:215] = False  # Sad
    save_run(tmp_path, BEST, is_right)
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "neutral-hard")
    assert row["verdict"] == verdict
    assert row["ours"].endswith("% of resamples")


def test_a_pair_barely_among_the_most_confused_is_close(tier0, tmp_path):
    is_right = np.ones(300, dtype=bool)
    for first, errors in zip(range(0, 300, 50), (6, 6, 6, 5, 5, 6), strict=True):
        is_right[first : first + errors] = False  # each for the next emotion, Tension for Excited
    save_run(tmp_path, BEST, is_right)
    save_summary(tmp_path)
    rule = Claim("one", "here", "so", "correlation", 2, "confused Relaxation and Sad")
    row = build_ledger(tier0, Results(tmp_path), [rule]).iloc[0]
    assert row["verdict"] == "close"
    assert row["ours"].startswith("5 clips, number 5 of 15 pairs")


def test_kin_emotions_are_told_from_chance_by_a_test(tier0, tmp_path):
    is_right = np.ones(300, dtype=bool)
    for first in (0, 50, 200, 250):  # Excited, Fear, Sad, Tension: each for the next one
        is_right[first : first + 35] = False
    save_run(tmp_path, BEST, is_right)
    save_summary(tmp_path)
    results = Results(tmp_path)
    unlike = found(tier0, results, "excited-sad-unlike")
    assert unlike["verdict"] == "matches"
    assert float(unlike["ours"].split("p = ")[1]) < 0.05
    assert found(tier0, results, "fear-tension-alike")["verdict"] == "differs"


# --- The audit ------------------------------------------------------------------------------------
def save_audit(root, verdict, *, checksum="c"):
    quote = "the training and testing samples were taken from distinct sources"
    rows = [{"quote": quote, "found": "3 sources in Train and test", "verdict": verdict}]
    content = {"claims_on_clips": rows, "provenance": {"store_checksum": checksum}}
    write_json(root / "audit" / "audit.json", content)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [("holds", "matches"), ("does not hold", "differs"), ("cannot tell", "untested")],
)
def test_an_audit_in_the_folder_decides_what_is_said_of_its_clips(tier0, tmp_path, word, verdict):
    save_run(tmp_path, "music_a0", first_right(100))
    save_summary(tmp_path)
    save_audit(tmp_path, word)
    row = found(tier0, Results(tmp_path), "distinct-sources")
    assert row[["verdict", "ours"]].tolist() == [verdict, "3 sources in Train and test"]
    assert row["source"] == "audit/audit.json"


def test_an_audit_of_other_clips_decides_nothing(tier0, tmp_path):
    save_run(tmp_path, "music_a0", first_right(100))
    save_summary(tmp_path, dataset="sample")
    save_audit(tmp_path, "holds")
    assert "sample" in found(tier0, Results(tmp_path), "distinct-sources")["reason"]
    save_summary(tmp_path)
    save_audit(tmp_path, "holds", checksum="older")
    row = found(tier0, Results(tmp_path), "distinct-sources")
    assert (row["verdict"], row["reason"][:12]) == ("untested", "the audit is")


def test_without_an_audit_the_claim_names_the_command(tier0, tmp_path):
    save_run(tmp_path, "music_a0", first_right(100))
    save_summary(tmp_path)
    row = found(tier0, Results(tmp_path), "test-unseen")
    assert row["verdict"] == "untested"
    assert "`mvemotion audit STORE --out RESULTS/audit`" in row["reason"]
    assert row["command"].endswith("--only table1")


def test_every_claim_of_the_audit_is_one_that_an_audit_decides():
    claims = {claim.quote for claim in list_claims() if claim.rule == "audit"}
    source = inspect.getsource(findings)
    assert len(claims) == 4
    assert all(f'"quote": "{quote}"' in source for quote in claims)


def test_each_measurable_sentence_of_section_3_is_a_claim():
    claims = [claim for claim in list_claims() if claim.rule.startswith("audit ")]
    told = read_claims()
    measurable = told[told["cue"] != ""]
    assert [claim.quote for claim in claims] == measurable["quote"].tolist()
    assert all(claim.command.endswith("--only table1") for claim in claims)


@pytest.mark.parametrize(
    ("word", "verdict", "reason"),
    [
        ("holds", "matches", ""),
        ("does not hold", "differs", ""),
        ("cannot tell", "untested", "the clips cannot tell"),
        ("untested", "untested", "the audit did not measure it"),
    ],
)
def test_the_audits_finding_on_a_class_decides_its_sentence(tier0, tmp_path, word, verdict, reason):
    save_run(tmp_path, "music_a0", first_right(100))
    save_summary(tmp_path)
    numbers = {"auc": 0.71, "low": 0.64, "high": 0.78, "p_holm": 0.003}
    names = {"emotion": "Fear", "cue": "loudness_db", "direction": "high", "verdict": word}
    content = {"claims": [names | numbers], "provenance": {"store_checksum": "c"}}
    write_json(tmp_path / "audit" / "audit.json", content)
    row = found(tier0, Results(tmp_path), "section-3/Fear/loudness_db")
    assert row[["verdict", "reason"]].tolist() == [verdict, reason]
    assert row["ours"] == "AUC 0.71 [0.64, 0.78] against other classes, p = 0.003"
    other = found(tier0, Results(tmp_path), "section-3/Tension/loudness_db")
    assert other["reason"].startswith("not audited")


def test_the_number_of_clips_is_compared(tier0, tmp_path):
    save_run(tmp_path, "music_a0", first_right(100))
    save_summary(tmp_path, test=50)
    results = Results(tmp_path)
    assert found(tier0, results, "test-clips")[["ours", "verdict"]].tolist() == ["300", "matches"]
    assert found(tier0, results, "test-balanced")["verdict"] == "matches"
    assert found(tier0, results, "table-1/Fear/Training")["ours"] == "828"
    assert found(tier0, results, "table-1/Total/Training")["verdict"] == "matches"
    assert found(tier0, results, "table-1/Fear/Validation")["verdict"] == "untested"
    save_summary(tmp_path, test=49)
    assert found(tier0, Results(tmp_path), "test-clips")["verdict"] == "close"
    save_summary(tmp_path, test=40)
    assert found(tier0, Results(tmp_path), "test-clips")["verdict"] == "differs"


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(DataError, match="no scored run"):
        Results(tmp_path)


# --- The ledger -----------------------------------------------------------------------------------
def test_the_written_ledger_has_every_claim_and_reads_well(tier0, tmp_path):
    ledger = build_ledger(tier0, None)
    write_ledger(ledger, tmp_path)
    back = pd.read_csv(tmp_path / "ledger.csv")
    assert back["id"].tolist() == [claim.id for claim in list_claims()]
    text = (tmp_path / "ledger.md").read_text()
    sentences = [claim for claim in list_claims() if not claim.id.startswith("table-")]
    assert all(f"| {claim.id} " in text for claim in sentences)
    assert not re.search(r"\bnan\b", text.lower())
    json.loads(ledger.to_json(orient="records"))


def test_the_summary_counts_every_claim_once(tier0):
    ledger = build_ledger(tier0, None)
    total = summarize_ledger(ledger).splitlines()[-1].split("|")[2:7]
    claims, *verdicts = map(int, total)
    assert claims == len(ledger) == sum(verdicts)
