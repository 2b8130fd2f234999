"""Numbered assumptions and discrepancies: what the code cites exists, and what exists is cited."""

import re
from pathlib import Path

import pytest

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
