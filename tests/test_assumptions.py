"""Numbered assumptions and discrepancies: what the code cites exists, and what exists is cited."""

import json
import re
from pathlib import Path

import pytest

from mvemotion.media.faces import DETECTORS

ROOT = Path(__file__).parents[1]
LISTS = {
    "assumption": ("assumptions.md", r"^\*\*(\d+)\. "),
    "discrepancy": ("discrepancies.md", r"^\*\*D(\d+)\. "),
}


def listed(kind: str) -> list[int]:
    name, pattern = LISTS[kind]
    text = (ROOT / "replication" / name).read_text()
    return [int(number) for number in re.findall(pattern, text, re.MULTILINE)]


def cited(kind: str) -> set[int]:
    sources = (path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return {int(n) for text in sources for n in re.findall(rf"{kind}\s+D?(\d+)\b", text)}


@pytest.mark.parametrize("kind", LISTS)
def test_numbers_are_used_once(kind):
    assert listed(kind)
    assert len(listed(kind)) == len(set(listed(kind)))


@pytest.mark.parametrize("kind", LISTS)
def test_what_the_code_cites_is_listed(kind):
    assert cited(kind) <= set(listed(kind))


def test_every_assumption_is_cited_where_it_is_made():
    assert set(listed("assumption")) == cited("assumption")


def test_the_detectors_rates_are_those_that_were_measured():
    measured = json.loads((ROOT / "benchmarks" / "results" / "faces.json").read_text())["settings"]
    text = (ROOT / "replication" / "assumptions.md").read_text()
    for name in DETECTORS:
        rates = ("frames_with_a_face", "precision", "recall_of_large")
        told = " | ".join(f"{100 * measured[name][rate]:.0f} %" for rate in rates)
        assert f"| `{name}` | {measured[name]['ms_a_frame']:.0f} | {told} |" in text
