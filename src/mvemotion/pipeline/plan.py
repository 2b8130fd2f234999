"""What one replication is to do: ``plan.json``, read by the Snakefile and by every job."""

import hashlib
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from mvemotion.baselines import ROW_ZERO
from mvemotion.baselines.music_features import why_no_sound
from mvemotion.course import Lesson, find_lessons
from mvemotion.data.batches import check_inputs
from mvemotion.errors import DataError
from mvemotion.files import read_json, write_json
from mvemotion.paths import replication_file
from mvemotion.pipeline.places import BASELINES, OUTCOME, PLAN, notebook_mark
from mvemotion.replication import Workspace


def make_plan(
    workspace: Workspace,
    profile: str,
    *,
    seed: int = 0,
    seeds: int = 1,
    only: tuple[str, ...] = (),
    threads: int = 1,
) -> dict:
    """The jobs of a replication.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        By which the workspace was opened: a name or a file.
    seed, seeds : int
        The first seed, which the notebooks show, and how many.
    only : tuple of str
        Tables, figures or notebooks; see `mvemotion.course.find_lessons`.
    threads : int
        Of each job.

    Returns
    -------
    dict
        JSON-ready. ``runs`` and ``notebooks`` have a job each, by name, with a ``fingerprint`` of
        what its result rests on: Snakemake repeats a job whose fingerprint has changed.
        ``left_out`` says why rows are not trained.
    """
    lessons = find_lessons(only)
    tables = sorted({table for lesson in lessons for table in lesson.tables})
    left_out = _lacking(workspace, tables)
    runs = {
        f"{row}/seed-{number}": {
            "network": row,
            "seed": number,
            "fingerprint": _digest(
                asdict(workspace.profile.config(row, seed=number)), workspace.store.checksum()
            ),
        }
        for table in tables
        for row in _networks(workspace, table)
        if row not in left_out
        for number in range(seed, seed + seeds)
    }
    plan = {
        "python": sys.executable,
        "threads": threads,
        "workspace": {
            "profile": str(Path(profile).resolve()) if profile.endswith(".toml") else profile,
            "store": str(workspace.store.root.resolve()),
            "results": str(workspace.root.resolve()),
            "splits": workspace.store.splits,
            "device": workspace.device,
        },
        "baselines": _digest(
            *workspace.baselines, workspace.store.checksum(), _no_sound(workspace)
        ),
        "seed": seed,
        "work": {
            "profile": workspace.profile.name,
            "profile_hash": _digest(repr(workspace.profile)),
            "store_checksum": workspace.store.checksum(),
            "seed": seed,
            "seeds": list(range(seed, seed + seeds)),
            "device": workspace.device,
        },
        "runs": runs,
        "notebooks": {x.name: _notebook(x, workspace, runs, seed) for x in lessons},
        "left_out": left_out,
    }
    others = [notebook_mark(lesson.name) for lesson in lessons if not lesson.is_last]
    for lesson in (lesson for lesson in lessons if lesson.is_last):
        plan["notebooks"][lesson.name]["needs"] += others
    return plan


def command_again(profile: str, **options) -> str:
    """The command that goes on with a replication: `profile` and the options that were given.

    What a folder lacks may be what ``--only`` left out, so that it is none of them.
    """
    usual = {"device": "auto", "seed": 0, "seeds": 1}
    given = {name: x for name, x in options.items() if x is not None and x != usual.get(name)}
    words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return shlex.join(["mvemotion", "replicate", "--profile", profile, *sum(words, ())])


def write_plan(plan: dict, root: Path) -> Path:
    """Write it where jobs look for it, and forget what has to be done again."""
    for path in _undone(plan, root):
        path.unlink()
    return write_json(root / PLAN, plan)


def _lacking(workspace: Workspace, tables: list[int]) -> dict[str, str]:
    """Rows whose inputs are not in the store, and what they lack."""
    lacking = {}
    for row in (row for table in tables for row in _networks(workspace, table)):
        try:
            check_inputs(workspace.store, row)
        except DataError as error:
            lacking[row] = str(error)
    return lacking


def _networks(workspace: Workspace, table: int) -> tuple[str, ...]:
    """What is trained for a table: its rows, and the references beside them."""
    return (*workspace.rows(table), *workspace.references(table))


def _no_sound(workspace: Workspace) -> str:
    """Why baselines cannot hear the clips; another reason, or none, is cause to try again."""
    return why_no_sound(workspace.store) if set(workspace.baselines) - set(ROW_ZERO) else ""


def _notebook(lesson: Lesson, workspace: Workspace, runs: dict, seed: int) -> dict:
    rows = {row for table in lesson.tables for row in _networks(workspace, table)}
    needs = [f"runs/{name}/{OUTCOME}" for name, run in runs.items() if run["network"] in rows]
    return {
        "source": str(lesson.source),
        "needs": [*needs, BASELINES] if lesson.tables else [],
        "products": [f"notebooks/{lesson.name}.ipynb", *lesson.products],
        "fingerprint": _digest(
            repr(workspace.profile), workspace.store.checksum(), seed, package_digest()
        ),
    }


def _undone(plan: dict, root: Path) -> list[Path]:
    """Marks of jobs that failed, or whose results are not there any more."""
    marks = {
        root / "runs" / name / OUTCOME: [f"runs/{name}/run.json", f"runs/{name}/test/metrics.json"]
        for name in plan["runs"]
    }
    marks |= {
        root / notebook_mark(name): notebook["products"]
        for name, notebook in plan["notebooks"].items()
    }
    return [
        mark
        for mark, products in marks.items()
        if mark.exists()
        and (_has_failed(mark) or not all((root / product).exists() for product in products))
    ]


def _has_failed(mark: Path) -> bool:
    return mark.name == OUTCOME and read_json(mark)["status"] != "done"


def package_digest() -> str:
    """Of the package's source and the paper's numbers: what notebooks show rests on both."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    files += sorted(replication_file("published").glob("*.csv"))
    return _digest(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in files))


def _digest(*parts) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
