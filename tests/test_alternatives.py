"""The benchmark of alternatives claims no more than its test clips can show."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mvemotion.comparisons import mcnemar_p_value
from mvemotion.specs import EMOTIONS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "alternatives.py"))


def clips_of(per_class: int) -> pd.DataFrame:
    """Rows of a manifest: so many clips of each emotion, each of a video of its own."""
    rows = [(f"{e}/video{chr(97 + i)}", e) for e in EMOTIONS for i in range(per_class)]
    return pd.DataFrame(rows, columns=["id", "emotion"])


def compared(per_class: int) -> dict:
    """Ours all right but the first clip; the alternative right in the first half alone."""
    n = per_class * len(EMOTIONS)
    row = {"ours": np.arange(n) > 0, "other": np.arange(n) < n // 2}
    return BENCHMARK["compared"]([row, row], clips_of(per_class))["other"]


def test_classes_of_two_clips_give_counts_and_no_interval():
    found = compared(2)
    assert found["interval"] is None
    assert "fewer than 5" in found["note"]
    counts = ("both_right", "only_alternative", "only_ours", "both_wrong")
    assert [[seed[name] for name in counts] for seed in found["by_seed"]] == [[5, 1, 6, 0]] * 2
    assert BENCHMARK["table_row"](found)["95 % interval"] == "none"


def test_classes_of_ten_clips_give_an_interval_about_the_difference():
    found = compared(10)
    low, high = found["interval"]
    assert low <= found["difference"] <= high
    assert found["difference"] == pytest.approx((1 - 30) / 60)


def test_emotions_without_spread_of_their_own_add_none_to_the_interval():
    clips = clips_of(10)
    difference = (clips["emotion"] == EMOTIONS[0]).to_numpy(float)  # 1 throughout one emotion
    found = BENCHMARK["mean_difference"]([difference], clips)
    assert found["interval"] == pytest.approx([1 / 6, 1 / 6])


def test_the_tests_of_a_seed_are_corrected_together():
    n = 20
    rows = {"ours": np.arange(n) > 9, "a": np.arange(n) > 3, "b": np.arange(n) > 3}
    found = BENCHMARK["counted"](rows)
    assert found["a"]["p_value"] == mcnemar_p_value(6, 0)
    assert found["a"]["p_holm"] == 2 * found["a"]["p_value"]


ENTRIES = [
    ("D1", "no MMTM, wide: like for like (D1)"),
    ("D4", "swapped in training and evaluation (D4)"),
    ("D4", "swapped in evaluation alone (D4)"),
    ("D11", "concatenating MMTM (D11)"),
    ("8", "whole-split statistics (assumption 8)"),
    ("20", "trained in bfloat16 (assumption 20)"),
]


@pytest.mark.parametrize(("entry", "alternative"), ENTRIES)
def test_the_numbered_entries_print_what_was_measured(entry, alternative):
    row = alternatives("alternatives")[alternative]
    difference, low, high = (signed(x) for x in (row["difference"], *row["interval"]))
    assert f"{difference} [{low}, {high}]" in body_of(entry)


@pytest.mark.parametrize(("entry", "alternative"), ENTRIES)
def test_the_numbered_entries_count_the_real_clips(entry, alternative):
    seeds = alternatives("alternatives_sample")[alternative]["by_seed"]
    it, ours = (
        "{}, {} and {}".format(*(seed[name] for seed in seeds))
        for name in ("only_alternative", "only_ours")
    )
    assert f"{it} right, ours alone {ours}" in body_of(entry)


def test_the_page_prints_the_smallest_p_on_real_clips():
    rows = alternatives("alternatives_sample").values()
    smallest = min(seed["p_value"] for row in rows for seed in row["by_seed"])
    head = (ROOT / "replication" / "discrepancies.md").read_text().partition("**D1.")[0]
    assert f"any of these is {smallest:g} (" in head


def alternatives(name: str) -> dict[str, dict]:
    return json.loads((RESULTS / f"{name}.json").read_text())["alternatives"]


def body_of(entry: str) -> str:
    """A numbered entry of either page, on one line."""
    page = "discrepancies" if entry.startswith("D") else "assumptions"
    text = (ROOT / "replication" / f"{page}.md").read_text()
    body = re.search(rf"^\*\*{entry}\. .+?(?=^\*\*|^## |\Z)", text, re.M | re.S)[0]
    return " ".join(body.split())


def signed(value: float) -> str:
    """Two decimals with their sign; nought has none."""
    return f"{round(value, 2):+.2f}" if round(value, 2) else "0.00"
