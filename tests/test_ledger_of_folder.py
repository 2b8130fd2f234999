"""The ledger drawn up from a results folder in any state, and the list of discrepancies."""

import shutil

import pandas as pd
import pytest

from mvemotion.claims import list_claims
from mvemotion.claims.discrepancies import list_discrepancies
from mvemotion.claims.folder import ledger_of_folder
from mvemotion.files import read_json, write_json
from mvemotion.paths import replication_file
from tier0_files import recomputed


@pytest.fixture
def root(tmp_path):
    shutil.copytree(recomputed()[0], tmp_path / "tier0")
    return tmp_path


def test_a_folder_without_any_run_has_a_ledger_of_tier_0(root):
    ledger = ledger_of_folder(root, {"dataset": "synthetic"})
    assert len(ledger) == len(list_claims())
    decided = ledger[ledger["verdict"] != "untested"]
    assert set(decided["kind"]) == {"arithmetic", "count"}
    assert pd.read_csv(root / "ledger.csv")["id"].tolist() == ledger["id"].tolist()
    assert (root / "ledger.md").read_text(encoding="utf-8").startswith("# Claims")
    assert read_json(root / "summary.json")["dataset"] == "synthetic"


def test_tier_0_that_is_there_is_read_and_not_made_again(root):
    facts = read_json(root / "tier0" / "tier0.json")
    write_json(root / "tier0" / "tier0.json", facts | {"census": []})
    ledger = ledger_of_folder(root, {})
    assert set(ledger.loc[ledger["kind"] == "count", "verdict"]) == {"untested"}


def test_tier_0_that_another_commit_wrote_is_made_again(root, monkeypatch):
    facts = read_json(root / "tier0" / "tier0.json")
    earlier = {"provenance": {"commit": "0123456789ab"}, "census": []}
    write_json(root / "tier0" / "tier0.json", facts | earlier)
    monkeypatch.setattr(
        "mvemotion.claims.folder.recompute",
        lambda folder: shutil.copytree(recomputed()[0], folder, dirs_exist_ok=True),
    )
    ledger = ledger_of_folder(root, {})
    assert "matches" in set(ledger.loc[ledger["kind"] == "count", "verdict"])


def test_tier_0_that_is_missing_is_made(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "mvemotion.claims.folder.recompute",
        lambda folder: made.append(shutil.copytree(recomputed()[0], folder)),
    )
    ledger_of_folder(tmp_path, {})
    assert made == [tmp_path / "tier0"]


def test_every_discrepancy_is_listed_whole():
    entries = list_discrepancies()
    text = " ".join(replication_file("discrepancies.md").read_text(encoding="utf-8").split())
    assert entries["id"].tolist() == [f"D{number}" for number in range(1, len(entries) + 1)]
    assert len(entries) == text.count("**D")
    for entry in entries.itertuples():
        assert f"**{entry.id}. {entry.title}" in text
        assert entry.found
        assert f"{entry.found} Here: {entry.here}" in text
        assert entry.here.endswith(".")
