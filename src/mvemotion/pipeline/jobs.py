"""One job of a replication, as Snakemake starts it, on this machine or another.

    python -m mvemotion.pipeline.jobs plan.json train music_a2/seed-0
    python -m mvemotion.pipeline.jobs plan.json notebook 05_table3_music

The first process only watches: it starts the work in a second one, tells the journal how that
ends, even where it is killed, and ends it if the replication itself has been. Importing this module
is cheap; torch and Papermill are imported by the work alone.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mvemotion.errors import InputError, MvemotionError
from mvemotion.files import locked, read_json, write_json, write_text
from mvemotion.pipeline.leash import WATCH_S, Leash
from mvemotion.pipeline.places import BASELINES, JOURNAL, OUTCOME, notebook_mark
from mvemotion.progress import DONE, FAILED, STARTED, STEP, Journal
from mvemotion.provenance import WORK


def main(arguments: list[str] | None = None) -> int:
    """Watch a job, or with ``--work`` do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="mvemotion.pipeline.jobs")
    parser.add_argument("plan", type=Path)
    parser.add_argument("kind", choices=("train", "baselines", "notebook"))
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--work", action="store_true", help="in this very process")
    options = parser.parse_args(arguments)
    return work(options) if options.work else watch(options)


# --- The watching process -------------------------------------------------------------------------
def watch(options: argparse.Namespace) -> int:
    """Start the work, wait for it, and tell how it ended."""
    journal, name = Journal(options.plan.parent / JOURNAL), options.name or options.kind
    leash = Leash(options.plan.parent)
    if leash.is_cut():
        return 1
    journal.write(name, STARTED)
    command = [sys.executable, "-m", "mvemotion.pipeline.jobs", str(options.plan)]
    command += [options.kind, *filter(None, [options.name]), "--work"]
    with _gpu_slot(options) as environment:
        code = leash.wait(subprocess.Popen(command, env=os.environ | environment))
    if code < 0 and not leash.is_cut():
        error = f"ended by signal {-code}{' (out of memory?)' if code == -9 else ''}"
        _record_failure(options, error, "")
        journal.write(name, FAILED, error)
        return 0 if options.kind == "train" else 1
    return code


@contextmanager
def _gpu_slot(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Take turns at the GPUs that the plan names; yields what tells torch which one."""
    gpus = read_json(options.plan).get("gpus", [])
    with ExitStack() as held:
        if options.kind != "train" or not gpus:
            yield {}
            return
        yield {"CUDA_VISIBLE_DEVICES": _take(gpus, options.plan.parent, held)}


def _take(gpus: list[str], root: Path, held: ExitStack) -> str:
    while True:
        for gpu in gpus:
            try:
                held.enter_context(locked(root / f".gpu-{gpu}", busy="taken"))
                return gpu
            except InputError:
                continue
        time.sleep(WATCH_S)


# --- The working process --------------------------------------------------------------------------
def work(options: argparse.Namespace) -> int:
    """Do the job; an error of a training is its outcome, so that the others go on."""
    plan, root = read_json(options.plan), options.plan.parent
    journal, name = Journal(root / JOURNAL), options.name or options.kind
    start = time.perf_counter()
    try:
        text = _WORK[options.kind](plan, root, options.name)
    except Exception as error:
        words = (
            str(error) if isinstance(error, MvemotionError) else f"{type(error).__name__}: {error}"
        )
        traceback.print_exc()
        _record_failure(options, words, traceback.format_exc(), time.perf_counter() - start)
        journal.write(name, FAILED, words)
        return 0 if options.kind == "train" else 1
    journal.write(name, DONE, text)
    return 0


def _train(plan: dict, root: Path, name: str) -> str:
    run = root / "runs" / name
    chosen, journal = plan["runs"][name], Journal(root / JOURNAL)
    busy = f"{run}: another process has been training it for an hour; end that one first"
    with locked(run / ".training", busy=busy, patience_s=3600):
        workspace = _open(plan)
        epochs = workspace.profile.config(chosen["network"]).epochs
        was_done = (run / "run.json").exists()
        start = time.perf_counter()
        metrics = workspace.train_row(
            chosen["network"],
            seed=chosen["seed"],
            on_epoch=lambda row: journal.write(name, STEP, f"{row['epoch']}/{epochs}"),
        )
        seconds = time.perf_counter() - start
    write_json(run / OUTCOME, {"status": "done", "seconds": round(seconds, 1)})
    how = "scored" if was_done else f"trained in {seconds:.0f} s,"
    return f"{how} accuracy {metrics['accuracy']:.3f}"


def _baselines(plan: dict, root: Path, name: str) -> str:
    workspace = _open(plan)
    found = {
        baseline: [workspace.baseline(baseline, split=split) for split in workspace.scored_splits]
        for baseline in workspace.baselines
    }
    write_text(root / BASELINES, "")
    left_out = {baseline: scores[0].get("left_out", "") for baseline, scores in found.items()}
    told = [f"{name} left out: {why}" if why else name for name, why in left_out.items()]
    return ", ".join(told) or "none: no clip to learn from"


def _notebook(plan: dict, root: Path, name: str) -> str:
    from mvemotion.pipeline.notebooks import notebook_parameters, run_notebook

    start = time.perf_counter()
    target = root / "notebooks" / f"{name}.ipynb"
    splits, part_of = plan["workspace"]["splits"], json.dumps(plan["work"])
    with _environment("MVEMOTION_SPLITS", splits), _environment(WORK, part_of):
        run_notebook(Path(plan["notebooks"][name]["source"]), target, notebook_parameters(plan))
    write_text(root / notebook_mark(name), "")
    return f"executed in {time.perf_counter() - start:.0f} s"


_WORK = {"train": _train, "baselines": _baselines, "notebook": _notebook}


def _open(plan: dict):
    from mvemotion.replication import open_workspace

    options = dict(plan["workspace"])
    return open_workspace(options.pop("profile"), **options)


def _record_failure(
    options: argparse.Namespace, error: str, trace: str, seconds: float = 0.0
) -> None:
    if options.kind != "train":
        return
    outcome = {"status": "failed", "error": error, "traceback": trace, "seconds": round(seconds, 1)}
    write_json(options.plan.parent / "runs" / options.name / OUTCOME, outcome)


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set a variable for the kernels that are started meanwhile."""
    if value:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)


if __name__ == "__main__":
    sys.exit(main())
