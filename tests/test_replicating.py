"""A whole replication over Snakemake: what fails stops nothing, what is done is not done twice."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from mvemotion.data.splits import write_splits
from mvemotion.data.store import Store
from mvemotion.errors import ReplicationError
from mvemotion.files import read_json
from mvemotion.pipeline import engine
from mvemotion.pipeline.places import JOURNAL
from mvemotion.progress import DONE
from small_replications import (
    NEEDS_NOTHING,
    SHOWS_TABLE_3,
    give_tier_0,
    output,
    small_notebooks,
    small_profile,
    small_store,
    teach,
    told,
)

pytestmark = pytest.mark.slow


def test_a_failing_network_stops_nothing_and_is_reported_and_tried_again(
    tmp_path, monkeypatch, capsys
):
    teach(monkeypatch, small_notebooks(tmp_path), SHOWS_TABLE_3)
    profile, results = small_profile(tmp_path), give_tier_0(tmp_path / "r")
    options = {"store": small_store(tmp_path).root, "results": results, "device": "cpu"}
    with pytest.raises(ReplicationError, match=r"1 of 3 jobs failed: music_a2_se/seed-0"):
        engine.replicate(profile, **options)
    captured = capsys.readouterr()
    assert "DivergedError" in captured.err
    assert sorted(told(captured.out)) == [
        *("05_three", "baselines", "music_a2/seed-0", "music_a2_se/seed-0")
    ]
    assert "music_a2_se                          failed: " in output(
        results / "notebooks" / "05_three.ipynb"
    )
    rows = pd.read_csv(results / "tables" / "table_3.csv").set_index("id")
    assert rows.loc["music_a2", "runs"] == 1
    assert list(read_json(results / "summary.json")["networks"]) == ["music_a2"]
    assert "the loss is nan in epoch" in (results / "report" / "index.html").read_text()
    with pytest.raises(ReplicationError):
        engine.replicate(profile, **options)
    assert told(capsys.readouterr().out) == ["music_a2_se/seed-0", "05_three"]


@pytest.fixture
def turned(tmp_path) -> Path:
    """A split of a store of its own in which Train and test change places."""
    store = small_store(tmp_path)
    clips = store.clips()[["id", "split"]]
    clips["split"] = clips["split"].replace({"Train": "test", "test": "Train"})
    return write_splits(store.root / "splits" / "turned.csv", clips)


def test_a_second_run_does_nothing_and_a_lost_table_is_made_again(
    tmp_path, turned, monkeypatch, capsys
):
    notebooks = small_notebooks(tmp_path, show="w.compare_table(3);")
    teach(monkeypatch, notebooks, NEEDS_NOTHING, SHOWS_TABLE_3)
    profile = small_profile(tmp_path, rows=["music_a2"])
    options = {"store": tmp_path / "store", "splits": turned, "device": "cpu", "seeds": 2}
    options["results"] = give_tier_0(tmp_path / "r")
    root = engine.replicate(profile, **options)
    assert output(root / "notebooks" / "01_one.ipynb") == "18\n"
    assert "MVEMOTION_SPLITS" not in os.environ
    assert read_json(root / "summary.json")["splits"] == "turned"
    assert read_json(root / "summary.json")["over_seeds"]["music_a2"]["accuracy"]["seeds"] == 2
    scored = pd.read_csv(root / "runs" / "music_a2" / "seed-0" / "test" / "predictions.csv")
    assert set(scored["id"]) == set(Store(tmp_path / "store").clips("Train")["id"])
    before = (root / JOURNAL).read_bytes()
    engine.replicate(profile, **options)
    assert (root / JOURNAL).read_bytes() == before
    (root / "tables" / "table_3.csv").unlink()
    capsys.readouterr()
    engine.replicate(profile, **options)
    assert told(capsys.readouterr().out) == ["05_three"]
    assert (root / "tables" / "table_3.csv").exists()


def test_trainings_take_turns_at_the_gpu_and_other_jobs_go_on_beside_them(tmp_path, monkeypatch):
    teach(monkeypatch, small_notebooks(tmp_path), NEEDS_NOTHING, SHOWS_TABLE_3)
    monkeypatch.setattr(engine, "_gpus", lambda device: ["0"])
    profile = small_profile(tmp_path, rows=["music_a2", "music_a1"])
    options = {"store": small_store(tmp_path).root, "device": "cpu", "jobs": 3}
    root = engine.replicate(profile, results=give_tier_0(tmp_path / "r"), **options)
    entries = [json.loads(line) for line in (root / JOURNAL).read_text().splitlines()]
    at_work, seen = set(), []
    for entry in entries:
        (at_work.discard if entry["event"] == DONE else at_work.add)(entry["job"])
        seen.append(sorted(at_work))
    assert max(sum("seed-0" in job for job in jobs) for jobs in seen) == 1
    assert max(map(len, seen)) > 1
