"""Runs the jobs of a replication over Snakemake, shows how they get on, and sums up."""

import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mvemotion.errors import ReplicationError
from mvemotion.files import locked, read_json, write_json
from mvemotion.paths import replication_file
from mvemotion.pipeline.leash import LOCK, OWNER, owner
from mvemotion.pipeline.places import JOURNAL, OUTCOME, PLAN, notebook_mark
from mvemotion.pipeline.plan import command_again, make_plan, write_plan
from mvemotion.profiles import load_profile
from mvemotion.progress import Display, Journal
from mvemotion.replication import ENVIRONMENT, Workspace, open_workspace, results_folder
from mvemotion.report import build_report

PATIENCE_S = 60.0  # for the jobs of a replication that was killed to notice it
GRACE_S = 20.0  # for jobs to end when asked to
SNAKEMAKE_LOG = "logs/snakemake.log"


def replicate(
    profile: str = "smoke",
    *,
    data: str | Path | None = None,
    store: str | Path | None = None,
    results: str | Path | None = None,
    splits: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    seeds: int = 1,
    jobs: int | None = None,
    only: tuple[str, ...] = (),
    engine_profile: Path | None = None,
) -> Path:
    """Prepare the clips, train every network, run every notebook, write the report.

    Does only what is missing. A network that fails does not stop the others.

    Parameters
    ----------
    profile, data, store, results, splits, device
        As for `mvemotion.replication.open_workspace`; environment variables play no part.
    seed : int
        Of every network's initialisation and order of clips.
    seeds : int
        How many: `seed` and those after it. The notebooks show the first; the tables average.
    jobs : int, optional
        How many at a time; if not given, one a core, or one a GPU and one beside them that needs
        none; with `engine_profile`, what that says.
    only : tuple of str
        Tables, figures or notebooks; see `mvemotion.course.find_lessons`. All if empty.
    engine_profile : Path, optional
        A profile of Snakemake's own, such as ``replication/profiles/slurm``. It says how many
        threads a job has; its engine deals out GPUs, one to a training if `device` is ``"cuda"``.

    Returns
    -------
    Path
        The results folder: ``notebooks/``, ``tables/``, ``figures/``, ``runs/``, ``store/``,
        ``summary.json`` (every number with what made it) and ``report/``.

    Raises
    ------
    InputError
        If an option does not fit, or another replication is at work in the folder.
    ReplicationError
        At the end, if a job failed.
    """
    for name in ENVIRONMENT:  # what is asked for here is what the notebooks are to do
        os.environ.pop(name, None)
    root = results_folder(load_profile(profile), results, splits)
    busy = f"{root}: another replication is at work there; wait for it, or end it"
    with locked(root / LOCK, busy=busy, patience_s=PATIENCE_S) as lock:
        where = {"data": data, "store": store, "results": results, "splits": splits}
        workspace = open_workspace(profile, **where, device=device)
        machine = _machine(device, jobs, engine_profile)
        plan = make_plan(
            workspace, profile, seed=seed, seeds=seeds, only=only, threads=machine["threads"]
        )
        how = {"device": device, "seed": seed, "seeds": seeds, "jobs": jobs}
        again = command_again(profile, **where, **how, engine_profile=engine_profile)
        plan |= machine | {"command": again}
        plan["work"]["device"] = _device(device, engine_profile)
        for row, reason in plan["left_out"].items():
            print(f"{row}: left out: {reason}")
        write_plan(plan, root)
        command = _command(root, plan, jobs, engine_profile)
        ended = _run(root, command, plan, lock.fileno())
        unwritten = _sum_up(workspace, seed, is_changed=ended.jobs > 0)
    _report_failures(root, plan, ended.code, unwritten)
    return root


def _machine(device: str, jobs: int | None, engine_profile: Path | None) -> dict:
    """What jobs may use: ``threads`` each, ``cores`` in all, and ``gpus`` of this machine.

    ``gpu`` is how many a training asks for, of this machine's or of a cluster's: notebooks and
    baselines, which ask for none, go on beside it.
    """
    if engine_profile:
        return {"threads": 1, "cores": None, "gpus": [], "gpu": int(device == "cuda")}
    gpus, cores = _gpus(device), len(os.sched_getaffinity(0))
    jobs = jobs or (len(gpus) + 1 if gpus else cores)
    threads = max(1, cores // jobs)
    return {"threads": threads, "cores": jobs * threads, "gpus": gpus, "gpu": int(bool(gpus))}


def _device(device: str, engine_profile: Path | None) -> str:
    """What computes here; of a cluster's machines, which this one is not, what was asked for."""
    from mvemotion.devices import open_fabric

    return device if engine_profile else open_fabric(device).device.type


def _gpus(device: str) -> list[str]:
    """Indices of the GPUs that jobs take turns at."""
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return []
    return [str(index) for index in range(torch.cuda.device_count())]


# --- Snakemake ------------------------------------------------------------------------------------
def _command(root: Path, plan: dict, jobs: int | None, engine_profile: Path | None) -> list[str]:
    command = [sys.executable, "-m", "mvemotion.pipeline.leash", str(root)]
    command += [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(replication_file("Snakefile")),
    ]
    command += ["--directory", str(root), "--configfile", str(root / PLAN)]
    command += ["--keep-going", "--rerun-incomplete", "--rerun-triggers", "mtime", "params"]
    command += ["--scheduler", "greedy", "--nocolor"]
    if not engine_profile:
        gpus = ["--resources", f"gpu={len(plan['gpus'])}"] if plan["gpus"] else []
        return [*command, "--cores", str(plan["cores"]), *gpus]
    command += ["--workflow-profile", str(engine_profile.resolve())]
    return [*command, *(["--jobs", str(jobs)] if jobs else [])]


@dataclass(frozen=True)
class _Ended:
    code: int  # Snakemake's
    jobs: int  # that came to an end


def _run(root: Path, command: list[str], plan: dict, lock: int) -> _Ended:
    """Run Snakemake to its end, showing what the jobs tell."""
    environment = os.environ | {OWNER: owner(), "OMP_NUM_THREADS": str(plan["threads"])}
    options = {"cwd": root, "env": environment, "pass_fds": [lock], "stdin": subprocess.DEVNULL}
    if any((root / ".snakemake" / "locks").glob("*")):  # of one that was killed: we hold the lock
        subprocess.run([*command, "--unlock"], capture_output=True, **options)
    (root / SNAKEMAKE_LOG).parent.mkdir(exist_ok=True)
    with (root / SNAKEMAKE_LOG).open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        with _ending(process):
            jobs = _show(process, root)
    return _Ended(process.returncode, jobs)


@contextmanager
def _ending(process: subprocess.Popen) -> Iterator[None]:
    """End Snakemake and its jobs, whatever interrupts the waiting for them."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _show(process: subprocess.Popen, root: Path) -> int:
    """Show what jobs tell until Snakemake has ended; returns how many came to an end."""
    display = Display()
    try:
        for entry in Journal(root / JOURNAL).follow():
            if entry:
                display.show(entry)
                continue
            if process.poll() is not None:
                break
            if not display.total:
                display.expect(_planned(root / SNAKEMAKE_LOG))
            time.sleep(0.2)
    finally:
        display.close()
    return display.finished


def _planned(log: Path) -> int:
    """Number of jobs as Snakemake lists them, less the one that only gathers; 0 if not yet."""
    found = re.search(r"^total +(\d+)$", log.read_text(), flags=re.MULTILINE)
    return int(found[1]) - 1 if found else 0


# --- The end --------------------------------------------------------------------------------------
def _sum_up(workspace: Workspace, seed: int, *, is_changed: bool) -> Exception | None:
    """Write the summary, and the report unless it says so already; returns what prevented it."""
    root = workspace.root
    try:
        write_json(root / "summary.json", workspace.summary(seed=seed))
        if is_changed or not (root / "report" / "index.html").exists():
            build_report(root)
    except Exception as error:  # raised once the jobs' own failures are told, not instead of them
        return error
    return None


def _report_failures(root: Path, plan: dict, code: int, unwritten: Exception | None) -> None:
    """Raise ReplicationError with every failure, if there is one, else what was `unwritten`."""
    failures = [*_failed_runs(root, plan), *_failed_notebooks(root, plan)]
    for name, error, trace in failures:
        print(f"\n{name}: {error}\n{trace}", file=sys.stderr)
    if unwritten and (failures or code):
        print("\nreport: not written", file=sys.stderr)
        traceback.print_exception(unwritten)
    if failures:
        names, total = ", ".join(name for name, _, _ in failures), len(plan["runs"])
        raise ReplicationError(
            f"{len(failures)} of {total + len(plan['notebooks'])} jobs failed: {names}; "
            f"see above and {root / 'logs'}; the same command tries them again"
        )
    if code:
        raise ReplicationError(f"Snakemake ended with {code}; see {root / SNAKEMAKE_LOG}")
    if unwritten:
        raise unwritten


def _failed_runs(root: Path, plan: dict) -> Iterator[tuple[str, str, str]]:
    for name in plan["runs"]:
        path = root / "runs" / name / OUTCOME
        outcome = read_json(path) if path.exists() else {"status": "missing"}
        if outcome["status"] == "failed":
            yield name, outcome["error"], outcome["traceback"]


def _failed_notebooks(root: Path, plan: dict) -> Iterator[tuple[str, str, str]]:
    for name in plan["notebooks"]:
        log = root / "logs" / f"{name}.log"
        if not (root / notebook_mark(name)).exists():
            yield name, "not executed", log.read_text()[-3000:] if log.exists() else "never begun"
