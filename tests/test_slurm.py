"""The replication over a real Slurm, with the profile as it is: done, killed, continued."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from mvemotion.paths import replication_file
from mvemotion.pipeline.places import JOURNAL
from mvemotion.progress import STEP
from slurm_cluster import queued_jobs, running_slurm, why_not
from small_notebooks import write_notebook
from stores import TINY, make_store

EPOCHS = 25
SLURM = replication_file("profiles/slurm")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


@pytest.fixture
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    for path in (folder, *folder.parents):  # munge asks for a way that is not others' to write
        if path.owner() == "root" and path.stat().st_mode & 0o001 == 0:
            path.chmod(0o711)
    with running_slurm(folder):
        yield folder


@pytest.fixture
def script(tmp_path) -> str:
    """What replicates one network and one notebook on the cluster."""
    sizes = "\n".join(f"{name} = {value}" for name, value in asdict(TINY).items())
    profile, notebooks = tmp_path / "mine.toml", tmp_path / "notebooks"
    profile.write_text(
        'description = "test"\ndataset = "synthetic"\nrows = ["music_a2"]\n'
        f"[training]\nepochs = {EPOCHS}\nlearning_rate = 1e-3\n[clip_format]\n{sizes}\n"
    )
    notebooks.mkdir()
    write_notebook(
        notebooks / "05_three.ipynb",
        "profile = ''\nstore = ''\nresults = ''\ndevice = ''\nseed = 0",
        "import os\nfrom mvemotion.replication import open_workspace\n"
        "w = open_workspace(profile, store=store, results=results, device=device)\n"
        "w.compare_table(3, seed=seed)\nprint('job', os.environ['SLURM_JOB_ID'])",
    )
    store = make_store(tmp_path / "store", {"Train": 1, "Validation": 1, "test": 1})
    return (
        "from pathlib import Path; from mvemotion import course\n"
        "from mvemotion.pipeline.engine import replicate\n"
        "lesson = course.Lesson('05_three', ('table3',), (3,), ('tables/table_3.csv',))\n"
        "course.LESSONS = (lesson,)\n"
        f"course.notebooks_dir = lambda: Path({str(notebooks)!r})\n"
        f"replicate({str(profile)!r}, store={str(store.root)!r}, device='cpu',\n"
        f"    results={str(tmp_path / 'r')!r}, engine_profile=Path({str(SLURM)!r}))"
    )


def events(results: Path, kind: str) -> list[dict]:
    journal = results / JOURNAL
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [entry for entry in map(json.loads, lines) if entry["event"] == kind]


def wait_for(condition, limit_s: float = 300.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.1)


def test_a_replication_on_slurm_survives_the_loss_of_its_head(slurm, script, tmp_path):
    results = tmp_path / "r"
    head = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    wait_for(lambda: len(events(results, STEP)) > 2)
    head.kill()
    head.wait()
    wait_for(lambda: not queued_jobs())  # nothing is left behind in the queue

    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    log = (results / "logs" / "snakemake.log").read_text()
    assert again.returncode == 0, again.stderr + log
    steps = [e["text"] for e in events(results, STEP) if e["job"] == "music_a2/seed-0"]
    assert steps == [f"{number}/{EPOCHS}" for number in range(1, EPOCHS + 1)]
    assert pd.read_csv(results / "tables" / "table_3.csv")["runs"].max() == 1
    notebook = nbformat.read(results / "notebooks" / "05_three.ipynb", 4)
    told = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert int(told.split("job ")[1]) > 1

    before = (results / JOURNAL).read_bytes()
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert (results / JOURNAL).read_bytes() == before
