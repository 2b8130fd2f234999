"""Numbered assumptions and discrepancies: what the code cites exists, and what exists is cited."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = {"A": "assumptions.md", "D": "discrepancies.md"}


def listed(kind: str) -> list[int]:
    text = (ROOT / "replication" / KINDS[kind]).read_text()
    return [int(n) for n in re.findall(rf"^\*\*{kind}(\d+)\.", text, re.MULTILINE)]


def cited(kind: str) -> set[int]:
    word = KINDS[kind].removesuffix("s.md")
    pattern = rf"(?:{word} |\(){kind}(\d+)\b(?! *[=,(x])"
    sources = (ROOT / "src").rglob("*.py")
    return {int(n) for path in sources for n in re.findall(pattern, path.read_text())}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_used_once(kind):
    assert len(listed(kind)) == len(set(listed(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_code_cites_is_listed(kind):
    assert cited(kind) - set(listed(kind)) - {0, 1, 2, 3} == set()  # A0-A3 are architectures too


def test_every_assumption_is_cited_where_it_is_made():
    assert set(listed("A")) - cited("A") == set()
