"""A replication of two networks and two notebooks, for the tests of what runs and resumes it."""

import json
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest

from mvemotion import course
from mvemotion.course import Lesson
from mvemotion.data.store import Store
from mvemotion.files import write_json
from mvemotion.pipeline import plan
from mvemotion.pipeline.places import JOURNAL
from small_notebooks import write_notebook
from stores import TINY, make_store

PARAMETERS = "profile = ''\nstore = ''\nresults = ''\ndevice = ''\nseed = 0"
OPEN = (
    "from mvemotion.replication import open_workspace\n"
    "w = open_workspace(profile, store=store, results=results, device=device)\n"
)
TRAIN = "w.train_table(3, seed=seed)\nw.compare_table(3, seed=seed);"
NEEDS_NOTHING = Lesson("01_one", ("table1",))
SHOWS_TABLE_3 = Lesson("05_three", ("table3",), (3,), ("tables/table_3.csv",))


def small_store(folder: Path) -> Store:
    """Six clips of each split."""
    return make_store(folder / "store", {"Train": 1, "Validation": 1, "test": 1})


def small_profile(folder: Path, *, rows=("music_a2", "music_a2_se"), epochs: int = 3) -> str:
    """A profile's file. Its second network fails: the learning rate is far too high."""
    sizes = "\n".join(f"{name} = {value}" for name, value in asdict(TINY).items())
    path = folder / "mine.toml"
    path.write_text(f"""
    description = "test"
    dataset = "synthetic"
    rows = {json.dumps(rows)}
    [training]
    epochs = {epochs}
    [clip_format]
    {sizes}
    [overrides.music_a2_se]
    optimizer = "sgd"
    learning_rate = 1e30
    """)
    return str(path)


def small_notebooks(folder: Path, *, show: str = TRAIN) -> Path:
    """One that needs nothing, and one that shows Table 3."""
    folder = folder / "notebooks"
    folder.mkdir()
    write_notebook(folder / "01_one.ipynb", PARAMETERS, OPEN + "print(len(w.store.clips()))")
    write_notebook(folder / "05_three.ipynb", PARAMETERS, OPEN + show)
    return folder


def teach(monkeypatch: pytest.MonkeyPatch, notebooks: Path, *lessons: Lesson) -> None:
    """Let a replication have these notebooks alone."""
    monkeypatch.setattr(course, "LESSONS", lessons)
    monkeypatch.setattr(course, "notebooks_dir", lambda: notebooks)
    monkeypatch.setattr(plan, "package_digest", lambda: "as it is")  # whoever edits it meanwhile


def give_tier_0(results: Path) -> Path:
    """What a report would otherwise recompute first: the census of every network."""
    write_json(results / "tier0" / "tier0.json", {"census": []})
    return results


def output(path: Path) -> str:
    """What the cells of an executed notebook have printed."""
    cells = nbformat.read(path, 4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


def events(results: Path, kind: str) -> list[dict]:
    """The journal's entries of a kind."""
    lines = (results / JOURNAL).read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == kind]


def told(lines: str) -> list[str]:
    """Jobs that have ended, as the display has told."""
    return [line.split()[1] for line in lines.splitlines() if line[:1] == "["]
