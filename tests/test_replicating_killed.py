"""A replication that is killed goes on where it was."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mvemotion.errors import ReplicationError
from mvemotion.pipeline import engine
from mvemotion.pipeline.places import JOURNAL
from mvemotion.progress import STARTED, STEP
from small_replications import (
    SHOWS_TABLE_3,
    TRAIN,
    events,
    give_tier_0,
    output,
    small_notebooks,
    small_profile,
    small_store,
    teach,
)

pytestmark = pytest.mark.slow
EPOCHS = 40
SCRIPT = """
from pathlib import Path
from mvemotion import course
from mvemotion.pipeline import engine, plan
plan.package_digest = lambda: "as it is"
course.LESSONS = (course.Lesson("05_three", ("table3",), (3,)),)
course.notebooks_dir = lambda: Path({notebooks!r})
engine.replicate({profile!r}, store={store!r}, results={results!r}, device="cpu", jobs=1)
"""
WAITS = """
from pathlib import Path
import time
print("begun")
Path(results, "begun").touch()
while not Path(results, "go").exists():
    time.sleep(0.05)
print("ended")
"""


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """Replicates until the results folder is as told, and kills that; returns the same options."""

    def replicate(
        is_reached: Callable[[Path], bool], profile: str, *, show: str = TRAIN
    ) -> dict[str, str]:
        notebooks, store = small_notebooks(tmp_path, show=show), small_store(tmp_path).root
        teach(monkeypatch, notebooks, SHOWS_TABLE_3)
        options = {"profile": profile, "store": str(store)}
        options["results"] = str(give_tier_0(tmp_path / "r"))
        script = SCRIPT.format(notebooks=str(notebooks), **options)
        first = subprocess.Popen([sys.executable, "-c", script])
        wait_for(lambda: is_reached(tmp_path / "r"))
        first.send_signal(signal.SIGKILL)
        first.wait()
        return options | {"device": "cpu", "jobs": 1}

    return replicate


def test_after_a_kill_in_the_middle_of_a_training_it_goes_on_with_the_next_epoch(tmp_path, killed):
    def is_training(results: Path) -> bool:
        return (results / JOURNAL).exists() and len(events(results, STEP)) > 2

    options, results = killed(is_training, small_profile(tmp_path, epochs=EPOCHS)), tmp_path / "r"
    with pytest.raises(ReplicationError, match="1 of 3 jobs failed: music_a2_se/seed-0"):
        engine.replicate(**options)
    steps = [e["text"] for e in events(results, STEP) if e["job"] == "music_a2/seed-0"]
    epochs = [int(text.removesuffix(f"/{EPOCHS}")) for text in steps]
    assert epochs == sorted(set(epochs)), "an epoch ran twice"
    assert len(epochs) >= EPOCHS - 1  # the kill may fall between an epoch and the word of it
    history = pd.read_csv(results / "runs" / "music_a2" / "seed-0" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))


def test_after_a_kill_in_the_middle_of_a_notebook_that_alone_begins_anew(tmp_path, killed):
    profile, results = small_profile(tmp_path, rows=["music_a2"]), tmp_path / "r"
    shows = f"{WAITS}w.compare_table(3);"
    options = killed(lambda root: (root / "begun").exists(), profile, show=shows)
    executed = results / "notebooks" / "05_three.ipynb"
    assert not executed.exists()
    (results / "go").touch()
    engine.replicate(**options)
    assert output(executed) == "begun\nended\n"
    assert [path.name for path in executed.parent.glob("*.ipynb")] == ["05_three.ipynb"]
    begun = [entry["job"] for entry in events(results, STARTED)]
    assert sorted(begun) == ["05_three", "05_three", "baselines", "music_a2/seed-0"]


def wait_for(condition, limit_s: float = 240.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)
