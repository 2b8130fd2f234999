"""One notebook through Papermill."""

import logging
import os
import resource
import sys
from pathlib import Path

from mvemotion.errors import InputError, NotebookError
from mvemotion.files import write_atomically
from mvemotion.notebook_format import nbformat
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
    for leftover in target.parent.glob(f".{target.stem}.*.part*"):  # of a kernel that was killed
        leftover.unlink()
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
