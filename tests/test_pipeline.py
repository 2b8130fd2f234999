"""The replication as jobs: which there are, what they tell, how one of them ends."""

import json
import signal
import subprocess
import sys

import pytest
import torch

from mvemotion.course import LESSONS, find_lessons
from mvemotion.errors import InputError
from mvemotion.files import locked, read_json, write_json
from mvemotion.paths import notebooks_dir
from mvemotion.pipeline import engine, jobs, leash
from mvemotion.pipeline.plan import make_plan, write_plan
from mvemotion.progress import DONE, FAILED, STEP, Display, Journal
from mvemotion.replication import open_workspace
from small_replications import (
    NEEDS_NOTHING,
    SHOWS_TABLE_3,
    events,
    small_notebooks,
    small_profile,
    small_store,
    teach,
)


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path)


@pytest.fixture
def profile(tmp_path):
    return small_profile(tmp_path)


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    teach(monkeypatch, small_notebooks(tmp_path), NEEDS_NOTHING, SHOWS_TABLE_3)


# --- The course -----------------------------------------------------------------------------------
def test_the_course_has_every_notebook_in_order():
    found = [path.stem for path in sorted(notebooks_dir().glob("[0-9][0-9]_*.ipynb"))]
    assert [lesson.name for lesson in LESSONS] == found


def test_every_table_and_figure_is_answered_once():
    answers = [answer for lesson in LESSONS for answer in lesson.answers]
    assert len(answers) == len(set(answers))
    assert {f"table{number}" for number in range(2, 7)} <= set(answers)


def test_what_no_notebook_answers_is_refused_with_what_can_be_asked_for():
    with pytest.raises(InputError, match=r"table9: no notebook answers to that; .*table3"):
        find_lessons(("table3", "table9"))


# --- The plan -------------------------------------------------------------------------------------
def test_a_fingerprint_follows_what_a_result_rests_on(tmp_path, store, profile, lessons):
    workspace = open_workspace(profile, store=store.root, results=tmp_path / "r", device="cpu")
    planned = make_plan(workspace, profile, seeds=2)
    prints = {name: run["fingerprint"] for name, run in planned["runs"].items()}
    assert list(prints) == [f"{r}/seed-{s}" for r in ("music_a2", "music_a2_se") for s in (0, 1)]
    assert len(set(prints.values())) == 4
    assert make_plan(workspace, profile, seeds=2) == planned
    assert planned["work"]["seeds"] == [0, 1]
    workspace.profile.training["epochs"] = 4
    changed = make_plan(workspace, profile, seeds=2)
    assert not {run["fingerprint"] for run in changed["runs"].values()} & set(prints.values())


def test_only_what_is_asked_for_is_planned(tmp_path, store, profile, lessons):
    workspace = open_workspace(profile, store=store.root, results=tmp_path / "r", device="cpu")
    planned = make_plan(workspace, profile, only=("table1",))
    assert (list(planned["runs"]), list(planned["notebooks"])) == ([], ["01_one"])


def test_a_job_whose_result_is_gone_is_done_again(tmp_path, store, profile, lessons):
    root = tmp_path / "r"
    workspace = open_workspace(profile, store=store.root, results=root, device="cpu")
    planned = make_plan(workspace, profile)
    for name in ("music_a2", "music_a2_se"):
        write_json(root / "runs" / name / "seed-0" / "outcome.json", {"status": "done"})
    run = root / "runs" / "music_a2" / "seed-0"
    write_json(run / "run.json", {})
    write_json(run / "test" / "metrics.json", {})
    write_plan(planned, root)
    left = [path.parent.parent.name for path in root.glob("runs/*/*/outcome.json")]
    assert left == ["music_a2"]


# --- Telling how it goes --------------------------------------------------------------------------
def test_many_writers_share_a_journal_and_no_line_is_broken(tmp_path):
    script = (
        "import sys; from pathlib import Path; from mvemotion.progress import Journal\n"
        "for i in range(200): Journal(Path(sys.argv[1])).write(sys.argv[2], 'step', 'x' * i)"
    )
    path = tmp_path / "journal"
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted({entry["job"] for entry in entries}) == ["a", "b"]
    assert len(entries) == 400


def test_the_journal_is_followed_from_now_on(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.write("old", DONE)
    follow = journal.follow()
    assert next(follow) is None
    journal.write("new", STEP, "1/2")
    assert next(follow)["job"] == "new"
    assert next(follow) is None


def test_the_display_has_a_line_for_each_finished_job(capsys):
    display = Display()
    display.expect(2)
    display.show({"job": "music_a2/seed-0", "event": STEP, "text": "1/2"})
    display.show({"job": "music_a2/seed-0", "event": DONE, "text": "trained in 3 s"})
    display.show({"job": "05_three", "event": FAILED, "text": "cell 2"})
    display.close()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["[1/2]", "[2/2]"]
    assert lines[0].endswith("trained in 3 s")
    assert lines[1].endswith("FAILED: cell 2")
    assert display.failed == ["05_three"]


# --- One job --------------------------------------------------------------------------------------
def test_a_job_of_a_replication_that_is_gone_does_not_begin(tmp_path, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setenv(leash.OWNER, leash.owner().split(":")[0] + f":{gone.pid}")
    assert jobs.main([str(tmp_path / "plan.json"), "train", "music_a2/seed-0"]) == 1
    assert not list(tmp_path.iterdir())


def test_a_job_on_another_machine_ends_once_the_lock_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setenv(leash.OWNER, "elsewhere:1")
    monkeypatch.setattr(leash, "PROBE_S", 0.0)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with locked(tmp_path / leash.LOCK, busy=""):
        held = leash.Leash(tmp_path)
        assert not held.is_cut()
    assert held.wait(sleeper) == -signal.SIGTERM
    assert held.is_cut()


def test_a_job_on_another_machine_goes_on_where_locks_do_not_reach(tmp_path, monkeypatch):
    monkeypatch.setenv(leash.OWNER, "elsewhere:1")
    assert not leash.Leash(tmp_path).is_cut()
    monkeypatch.delenv(leash.OWNER)
    assert not leash.Leash(tmp_path).is_cut()


def test_jobs_take_turns_at_the_gpus(tmp_path):
    write_json(tmp_path / "plan.json", {"gpus": ["0", "1"]})
    options = jobs.argparse.Namespace(plan=tmp_path / "plan.json", kind="train", name="x")
    with jobs._gpu_slot(options) as first, jobs._gpu_slot(options) as second:
        assert first == {"CUDA_VISIBLE_DEVICES": "0"}
        assert second == {"CUDA_VISIBLE_DEVICES": "1"}
    with jobs._gpu_slot(options) as third:
        assert third == first


@pytest.mark.parametrize(
    ("gpus", "jobs", "threads", "total"),
    [([], None, 1, 8), (["0"], None, 4, 8), (["0", "1", "2"], None, 2, 8), (["0"], 2, 4, 8)],
)
def test_cores_are_left_for_what_needs_no_gpu(gpus, jobs, threads, total, monkeypatch):
    monkeypatch.setattr(engine, "_gpus", lambda device: gpus)
    monkeypatch.setattr(engine.os, "sched_getaffinity", lambda pid: set(range(8)))
    machine = engine._machine("auto", jobs, None)
    assert (machine["threads"], machine["cores"]) == (threads, total)
    assert machine["gpu"] == bool(gpus)


@pytest.mark.slow
def test_a_training_that_is_killed_is_a_failure_with_its_signal(
    tmp_path, store, profile, monkeypatch
):
    workspace = open_workspace(profile, store=store.root, results=tmp_path / "r", device="cpu")
    path = write_plan(make_plan(workspace, profile), workspace.root)
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nif '--work' in sys.argv[-1:]:\n    {kill}"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv(leash.OWNER, leash.owner())
    assert jobs.main([str(path), "train", "music_a2/seed-0"]) == 0
    outcome = read_json(workspace.root / "runs" / "music_a2" / "seed-0" / "outcome.json")
    assert outcome["error"] == "ended by signal 9 (out of memory?)"
    assert [entry["job"] for entry in events(workspace.root, FAILED)] == ["music_a2/seed-0"]


def test_two_replications_do_not_share_a_folder(tmp_path, store, profile, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE_S", 0.0)
    with (
        locked(tmp_path / "r" / ".replicating", busy=""),
        pytest.raises(InputError, match="another replication is at work there"),
    ):
        engine.replicate(profile, store=store.root, results=tmp_path / "r")


def test_the_device_that_is_recorded_is_the_one_that_computes(tmp_path):
    assert engine._device("auto", None) == ("cuda" if torch.cuda.is_available() else "cpu")
    assert engine._device("cuda", tmp_path) == "cuda"  # of a cluster's machines
