"""One notebook through Papermill, and back into the committed one."""

import logging
import os
import resource
import sys
from pathlib import Path

from mvemotion.errors import DataError, InputError, NotebookError
from mvemotion.files import read_json, write_atomically, write_text
from mvemotion.notebook_format import nbformat
from mvemotion.paths import notebooks_dir
from mvemotion.pipeline.places import PLAN
from mvemotion.provenance import provenance

KERNEL = "python3"


def notebook_parameters(plan: dict) -> dict:
    """What every notebook is given by Papermill."""
    workspace = plan["workspace"]
    chosen = {name: workspace[name] for name in ("profile", "store", "results", "device")}
    return chosen | {"seed": plan["seed"]}


def run_notebook(source: Path, target: Path, parameters: dict) -> Path:
    """Execute one notebook; the whole result replaces `target`, a partial one never does.

    Parameters
    ----------
    source, target : Path
        The notebook as published, and as executed.
    parameters : dict
        Values for its cell of parameters.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    InputError
        If the notebook does not declare one of the parameters (Papermill would only warn).
    NotebookError
        If a cell fails; what was executed so far is kept as ``<name>.failed.ipynb``.
    """
    check_parameters(source, parameters)
    write_atomically(target, lambda part: _execute(source, part, parameters))
    target.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    return target


def check_parameters(source: Path, parameters: dict) -> None:
    """Raise InputError if `source` does not declare every parameter."""
    import papermill

    declared = papermill.inspect_notebook(str(source))
    unknown = sorted(set(parameters) - set(declared))
    if unknown:
        raise InputError(
            f"{source.name}: no parameter {', '.join(unknown)}; it declares {', '.join(declared)}"
        )


def _execute(source: Path, part: Path, parameters: dict) -> None:
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    os.environ.pop("JUPYTER_PATH", None)  # else another installation's kernel may be found
    try:
        papermill.execute_notebook(
            str(source),
            str(part),
            parameters=parameters,
            kernel_name=KERNEL,
            progress_bar=sys.stderr.isatty(),
            stdout_file=sys.stdout,
            cwd=str(source.parent),
        )
    except papermill.PapermillExecutionError as error:
        kept = part.with_name(source.with_suffix(".failed.ipynb").name)
        os.replace(part, kept)
        raise NotebookError(
            f"{source.name}: cell {error.exec_count} failed: {error.ename}: {error.evalue}; "
            f"the notebook up to there: {kept}"
        ) from error
    _stamp(part)


def _stamp(path: Path) -> None:
    """Note in an executed notebook what made it; Papermill has noted parameters and times."""
    notebook = nbformat.read(path, as_version=4)
    kernel = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    facts = provenance() | {"kernel_peak_memory_mb": round(kernel, 1)}
    notebook.metadata["mvemotion"] = facts
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def copy_outputs(executed: Path, source: Path) -> None:
    """Give a notebook the outputs of its execution by Papermill, without the injected cell.

    Pictures get an alternative text where they have none.

    Raises
    ------
    DataError
        If `executed` did not come from `source` as it is now.
    """
    from mvemotion.report.notebook_pages import describe_pictures

    kept = nbformat.read(source, as_version=4)
    ran = nbformat.read(executed, as_version=4)
    cells = [c for c in ran.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    if [c.source for c in cells] != [c.source for c in kept.cells]:
        raise DataError(f"{executed}: not made from {source} as it is now; replicate again")
    code = [c for c in zip(kept.cells, cells, strict=True) if c[0].cell_type == "code"]
    for count, (mine, theirs) in enumerate(code, start=1):
        mine.outputs, mine.execution_count = theirs.outputs, count
        for output in mine.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    describe_pictures(kept)
    write_text(source, nbformat.writes(kept) + "\n")


def renew_committed(results: Path) -> None:
    """Give the committed notebooks the outputs of a replication, and their solutions new ones.

    Parameters
    ----------
    results : Path
        A results folder of the whole replication.
    """
    parameters = notebook_parameters(read_json(results / PLAN))
    for source in sorted(notebooks_dir().glob("[0-9]*.ipynb")):
        copy_outputs(results / "notebooks" / source.name, source)
    for source in sorted(notebooks_dir().glob("solutions/[0-9]*.ipynb")):
        print(f"solutions/{source.stem}", flush=True)
        target = results / "notebooks" / "solutions" / source.name
        copy_outputs(run_notebook(source, target, parameters), source)
