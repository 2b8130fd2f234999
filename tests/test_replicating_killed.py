"""A replication that is killed goes on where it was."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from mvemotion.errors import ReplicationError
from mvemotion.pipeline import engine
from mvemotion.pipeline.places import JOURNAL
from mvemotion.progress import STEP
from small_replications import (
    SHOWS_TABLE_3,
    events,
    give_tier_0,
    small_notebooks,
    small_profile,
    small_store,
    teach,
)

EPOCHS = 40


@pytest.mark.slow
def test_after_a_kill_in_the_middle_of_a_training_it_goes_on_with_the_next_epoch(
    tmp_path, monkeypatch
):
    notebooks, profile = small_notebooks(tmp_path), small_profile(tmp_path, epochs=EPOCHS)
    store, results = small_store(tmp_path).root, give_tier_0(tmp_path / "r")
    script = (
        "from pathlib import Path; from mvemotion import course\n"
        "from mvemotion.pipeline import engine, plan\n"
        "plan.package_digest = lambda: 'as it is'\n"
        "course.LESSONS = (course.Lesson('05_three', ('table3',), (3,)),)\n"
        f"course.notebooks_dir = lambda: Path({str(notebooks)!r})\n"
        f"engine.replicate({profile!r}, store={str(store)!r}, results={str(results)!r}, "
        "device='cpu', jobs=1)"
    )
    first = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: (results / JOURNAL).exists() and len(events(results, STEP)) > 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    teach(monkeypatch, notebooks, SHOWS_TABLE_3)
    with pytest.raises(ReplicationError, match="1 of 3 jobs failed: music_a2_se/seed-0"):
        engine.replicate(profile, store=store, results=results, device="cpu", jobs=1)
    steps = [e["text"] for e in events(results, STEP) if e["job"] == "music_a2/seed-0"]
    assert steps == [f"{number}/{EPOCHS}" for number in range(1, EPOCHS + 1)]
    history = pd.read_csv(results / "runs" / "music_a2" / "seed-0" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))


def wait_for(condition, limit_s: float = 240.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)
