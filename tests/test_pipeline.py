"""The replication as jobs over Snakemake: what is done, what is not done twice, what survives."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from mvemotion import course
from mvemotion.course import LESSONS, Lesson, find_lessons
from mvemotion.data.splits import write_splits
from mvemotion.data.store import Store
from mvemotion.errors import InputError, ReplicationError
from mvemotion.files import locked, read_json, write_json
from mvemotion.paths import notebooks_dir
from mvemotion.pipeline import engine, jobs, leash, plan
from mvemotion.pipeline.plan import make_plan, write_plan
from mvemotion.progress import DONE, FAILED, STEP, Display, Journal
from mvemotion.replication import open_workspace
from small_notebooks import write_notebook
from stores import TINY, make_store

PARAMETERS = "profile = ''\nstore = ''\nresults = ''\ndevice = ''\nseed = 0"
OPEN = (
    "from mvemotion.replication import open_workspace\n"
    "w = open_workspace(profile, store=store, results=results, device=device)\n"
)
EPOCHS = 12


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store", {"Train": 1, "Validation": 1, "test": 1})


@pytest.fixture
def profile(tmp_path):
    sizes = "\n".join(f"{name} = {value}" for name, value in asdict(TINY).items())
    path = tmp_path / "mine.toml"
    path.write_text(f"""
    description = "test"
    dataset = "synthetic"
    rows = ["music_a2", "music_a2_se"]
    [training]
    epochs = {EPOCHS}
    [clip_format]
    {sizes}
    [overrides.music_a2_se]
    optimizer = "sgd"
    learning_rate = 1e30
    """)
    return str(path)


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """Two notebooks: one that needs nothing, one that shows Table 3."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "01_one.ipynb", PARAMETERS, OPEN + "print(len(w.store.clips()))")
    table = "w.train_table(3, seed=seed)\nw.compare_table(3, seed=seed);"
    write_notebook(folder / "05_three.ipynb", PARAMETERS, OPEN + table)
    chosen = (
        Lesson("01_one", ("table1",)),
        Lesson("05_three", ("table3",), (3,), ("tables/table_3.csv",)),
    )
    monkeypatch.setattr(course, "LESSONS", chosen)
    monkeypatch.setattr(course, "notebooks_dir", lambda: folder)
    monkeypatch.setattr(plan, "package_digest", lambda: "as it is")  # whoever edits it meanwhile
    return folder


def output(path: Path) -> str:
    cells = nbformat.read(path, 4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


def events(results: Path, kind: str) -> list[dict]:
    lines = (results / jobs.JOURNAL).read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == kind]


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
    workspace.profile.training["epochs"] = 3
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


# --- The whole, over Snakemake --------------------------------------------------------------------
@pytest.mark.slow
def test_a_failing_network_stops_nothing_and_is_reported_and_tried_again(
    tmp_path, store, profile, lessons, capsys
):
    options = {"store": store.root, "results": tmp_path / "r", "device": "cpu"}
    with pytest.raises(ReplicationError, match=r"1 of 4 jobs failed: music_a2_se/seed-0"):
        engine.replicate(profile, **options)
    told = capsys.readouterr()
    assert "DivergedError" in told.err
    assert "music_a2_se/seed-0" in told.out
    assert "music_a2_se                          failed: " in output(
        tmp_path / "r" / "notebooks" / "05_three.ipynb"
    )
    rows = pd.read_csv(tmp_path / "r" / "tables" / "table_3.csv").set_index("id")
    assert rows.loc["music_a2", "runs"] == 1
    assert list(read_json(tmp_path / "r" / "summary.json")["networks"]) == ["music_a2"]
    capsys.readouterr()
    with pytest.raises(ReplicationError):
        engine.replicate(profile, **options)
    again = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[:1] == "["]
    assert again == ["music_a2_se/seed-0", "05_three"]


@pytest.mark.slow
def test_a_second_run_does_nothing_and_a_lost_table_is_made_again(
    tmp_path, store, profile, lessons, capsys
):
    write_notebook(lessons / "05_three.ipynb", PARAMETERS, OPEN + "w.compare_table(3);")
    Path(profile).write_text(
        Path(profile).read_text().replace('"music_a2", "music_a2_se"', '"music_a2"')
    )
    clips = store.clips()[["id", "split"]]
    clips["split"] = clips["split"].replace({"Train": "test", "test": "Train"})
    splits = write_splits(store.root / "splits" / "turned.csv", clips)
    options = {"store": store.root, "results": tmp_path / "r", "device": "cpu", "splits": splits}
    root = engine.replicate(profile, **options, seeds=2)
    assert output(root / "notebooks" / "01_one.ipynb") == "18\n"
    assert "MVEMOTION_SPLITS" not in os.environ
    assert read_json(root / "summary.json")["splits"] == "turned"
    assert read_json(root / "summary.json")["over_seeds"]["music_a2"]["accuracy"]["seeds"] == 2
    scored = pd.read_csv(root / "runs" / "music_a2" / "seed-0" / "test" / "predictions.csv")
    assert set(scored["id"]) == set(Store(store.root).clips("Train")["id"])
    before = (root / jobs.JOURNAL).read_bytes()
    engine.replicate(profile, **options, seeds=2)
    assert (root / jobs.JOURNAL).read_bytes() == before
    (root / "tables" / "table_3.csv").unlink()
    capsys.readouterr()
    engine.replicate(profile, **options, seeds=2)
    again = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[:1] == "["]
    assert again == ["05_three"]
    assert (root / "tables" / "table_3.csv").exists()


@pytest.mark.slow
def test_after_a_kill_in_the_middle_of_a_training_it_goes_on_with_the_next_epoch(
    tmp_path, store, profile, lessons
):
    change(profile, f"epochs = {EPOCHS}", "epochs = 60")
    results = tmp_path / "r"
    script = (
        "import sys; from pathlib import Path; from mvemotion import course\n"
        "from mvemotion.pipeline.engine import replicate\n"
        "course.LESSONS = (course.Lesson('05_three', ('table3',), (3,)),)\n"
        f"course.notebooks_dir = lambda: Path({str(lessons)!r})\n"
        f"replicate({profile!r}, store={str(store.root)!r}, results={str(results)!r}, "
        "device='cpu', jobs=1)"
    )
    first = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: (results / jobs.JOURNAL).exists() and len(events(results, STEP)) > 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "ReplicationError: 1 of 3 jobs failed: music_a2_se/seed-0" in second.stderr
    steps = [e["text"] for e in events(results, STEP) if e["job"] == "music_a2/seed-0"]
    assert steps == [f"{number}/60" for number in range(1, 61)]
    history = pd.read_csv(results / "runs" / "music_a2" / "seed-0" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, 61))


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


def change(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def wait_for(condition, limit_s: float = 240.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)
