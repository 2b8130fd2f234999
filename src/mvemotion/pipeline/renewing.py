"""Gives the committed notebooks and solutions new outputs; ``make notebooks``.

    python -m mvemotion.pipeline.renewing results/smoke

Nothing is written beside the sources before every solution has run, so that all of them say which
commit they came from; after a kill, what has run does not run again.
"""

import json
import os
import sys
from pathlib import Path

from mvemotion.errors import DataError
from mvemotion.files import read_json, write_text
from mvemotion.notebook_format import code_digest, is_injected, nbformat
from mvemotion.paths import notebooks_dir
from mvemotion.pipeline.notebooks import notebook_parameters, run_notebook
from mvemotion.pipeline.places import PLAN, notebook_mark
from mvemotion.provenance import WORK
from mvemotion.replication import ENVIRONMENT
from mvemotion.report.notebook_pages import describe_pictures, replace_widgets


def renew_committed(results: Path) -> None:
    """Run the solutions, and give all committed notebooks the outputs of their execution.

    Parameters
    ----------
    results : Path
        A results folder of the whole replication, whose plan says profile, seed and device.
    """
    plan = read_json(results / PLAN)
    for name in ENVIRONMENT:  # would win over the plan in every solution
        os.environ.pop(name, None)
    os.environ[WORK] = json.dumps(plan["work"])
    sources = sorted(notebooks_dir().glob("[0-9]*.ipynb"))
    solutions = sorted(notebooks_dir().glob("solutions/[0-9]*.ipynb"))
    for source in solutions:
        if not is_fresh(results, source):
            print(f"solutions/{source.stem}", flush=True)
            run_notebook(source, _executed(results, source), notebook_parameters(plan))
    for source in (*sources, *solutions):
        copy_outputs(_executed(results, source), source)


def is_fresh(results: Path, solution: Path) -> bool:
    """Whether a solution has run as it is now, and since the notebook it rests on ran."""
    target, mark = _executed(results, solution), results / notebook_mark(solution.stem)
    if not target.exists() or _cells(target) != _cells(solution):
        return False
    return not mark.exists() or target.stat().st_mtime > mark.stat().st_mtime


def _cells(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if not is_injected(cell)]


def copy_outputs(executed: Path, source: Path) -> None:
    """Give a notebook the outputs of its execution by Papermill, without the injected cell.

    Pictures get an alternative text where they have none, and widgets give way to words. The
    notebook notes what its outputs came from: the digest of its code, profile and commit.

    Raises
    ------
    DataError
        If `executed` did not come from `source` as it is now.
    """
    kept = nbformat.read(source, as_version=4)
    ran = nbformat.read(executed, as_version=4)
    cells = [cell for cell in ran.cells if not is_injected(cell)]
    if [c.source for c in cells] != [c.source for c in kept.cells]:
        raise DataError(f"{executed}: not made from {source} as it is now; replicate again")
    code = [c for c in zip(kept.cells, cells, strict=True) if c[0].cell_type == "code"]
    for count, (mine, theirs) in enumerate(code, start=1):
        mine.outputs, mine.execution_count = theirs.outputs, count
        replace_widgets(mine.outputs)
        for output in mine.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    describe_pictures(kept)
    kept.metadata["mvemotion"] = _origin(ran)
    write_text(source, nbformat.writes(kept) + "\n")


def _origin(ran: nbformat.NotebookNode) -> dict:
    """What outputs came from, as far as it means something elsewhere."""
    noted = ran.metadata.get("mvemotion", {})
    profile = noted.get("work", {}).get("profile")
    return {"code_sha256": code_digest(ran), "profile": profile, "commit": noted.get("commit")}


def _executed(results: Path, source: Path) -> Path:
    return results / "notebooks" / source.relative_to(notebooks_dir())


if __name__ == "__main__":
    renew_committed(Path(sys.argv[1]))
