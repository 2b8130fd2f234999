"""Runs the ordered notebooks of a profile through Papermill, doing only what is missing."""

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mvemotion.errors import DataError, InputError, NotebookError
from mvemotion.files import write_atomically, write_json, write_text
from mvemotion.paths import notebooks_dir, replication_file, results_dir
from mvemotion.published import NETWORK_TABLES
from mvemotion.replication import ENVIRONMENT, Workspace, open_workspace

KERNEL = "python3"


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
) -> Path:
    """Prepare the clips, run every notebook, leave tables, figures and notebooks in one folder.

    Parameters
    ----------
    profile, data, store, results, splits, device
        As for `mvemotion.replication.open_workspace`; environment variables play no part.
    seed : int
        Of every network's initialisation and order of clips.
    seeds : int
        How many: `seed` and those after it. The notebooks show the first; the tables average.

    Returns
    -------
    Path
        The results folder: ``notebooks/``, ``tables/``, ``figures/``, ``runs/``, ``store/`` and
        ``summary.json``, every number with what made it.
    """
    for name in ENVIRONMENT:  # what is asked for here is what the notebooks are to do
        os.environ.pop(name, None)
    workspace = open_workspace(
        profile, data=data, store=store, results=results, splits=splits, device=device
    )
    parameters = {
        "profile": str(Path(profile).resolve()) if profile.endswith(".toml") else profile,
        "store": str(workspace.store.root.resolve()),
        "results": str(workspace.root.resolve()),
        "seed": seed,
        "device": device,
    }
    for other in range(seed + 1, seed + seeds):  # first: the notebooks' tables average them
        _train_all(workspace, other)
    with _environment("MVEMOTION_SPLITS", workspace.store.splits):
        for source in sorted(notebooks_dir().glob("[0-9][0-9]_*.ipynb")):
            run_notebook(source, workspace.root / "notebooks" / source.name, parameters, workspace)
    write_json(workspace.root / "summary.json", workspace.summary(seed=seed))
    return workspace.root


def score_weights(
    weights: Sequence[Path],
    profile: str,
    *,
    data: str | Path | None = None,
    store: str | Path | None = None,
    results: str | Path | None = None,
    splits: str | Path | None = None,
    device: str = "auto",
) -> Path:
    """Tier 1: score given weights, set them beside the paper's tables; nothing is trained.

    Parameters
    ----------
    weights : sequence of Path
        Files of `mvemotion.runs.save_weights` or `mvemotion.keras_import`, or folders of them.
    profile, data, store, splits, device
        As for `mvemotion.replication.open_workspace`; environment variables play no part.
    results : path, optional
        Where results go; ``results/tier1`` if not given.

    Returns
    -------
    Path
        The results folder: ``runs/<network>/<file>/test``, ``tables/`` and ``summary.json``.

    Raises
    ------
    InputError
        If there are no weights in what is named.
    """
    files = _find_weights(weights)
    for name in ENVIRONMENT:
        os.environ.pop(name, None)
    root = results or results_dir() / "tier1"
    workspace = open_workspace(
        profile, data=data, store=store, results=root, splits=splits, device=device
    )
    for path in files:
        metrics = workspace.score_weights(path)
        print(f"{metrics['name']:36s} accuracy {metrics['accuracy']:.3f}  {path}", flush=True)
    for table in NETWORK_TABLES:
        workspace.compare_table(table)
    write_json(workspace.root / "summary.json", workspace.summary())
    return workspace.root


def _find_weights(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths`, and the ``.safetensors`` files of the folders."""
    files = []
    for path in map(Path, paths):
        found = sorted(path.rglob("*.safetensors")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"{path}: no .safetensors file in it; name weights of mvemotion")
        files += found
    return files


def _train_all(workspace: Workspace, seed: int) -> None:
    print(f"seed {seed}", flush=True)
    for table in NETWORK_TABLES:
        workspace.train_table(table, seed=seed)


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set a variable for the kernels that are started meanwhile."""
    if value:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)


def run_notebook(source: Path, target: Path, parameters: dict, workspace: Workspace) -> bool:
    """Execute one notebook into `target`, unless nothing that it rests on or made has changed.

    Returns
    -------
    bool
        Whether it was executed.

    Raises
    ------
    InputError
        If the notebook does not declare one of the parameters (Papermill would only warn).
    NotebookError
        If a cell fails; what was executed so far is kept as ``<name>.failed.ipynb``.
    """
    check_parameters(source, parameters)
    stamp = {"fingerprint": _fingerprint(source, parameters, workspace)}
    if target.exists() and _is_done(target, stamp, workspace.root):
        print(f"{source.stem}: done before")
        return False
    print(f"{source.stem}: running", flush=True)

    def execute(part: Path) -> None:
        _execute(source, part, parameters)
        _stamp(part, stamp | {"products": _products(workspace.root)})

    write_atomically(target, execute)
    target.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    return True


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


def _products(root: Path) -> list[str]:
    """Tables, figures and runs that are there: what a reader of the notebook finds beside it."""
    patterns = ("tables/*.csv", "figures/*.png", "runs/*/*/run.json")
    return sorted(str(path.relative_to(root)) for p in patterns for path in root.glob(p))


def _stamp(path: Path, stamp: dict) -> None:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["mvemotion"] = stamp
    nbformat.write(notebook, path)


def _is_done(target: Path, stamp: dict, root: Path) -> bool:
    import nbformat

    found = nbformat.read(target, as_version=4).metadata.get("mvemotion", {})
    is_same = found.get("fingerprint") == stamp["fingerprint"]
    return is_same and all((root / product).exists() for product in found["products"])


def _fingerprint(source: Path, parameters: dict, workspace: Workspace) -> str:
    """Of the notebook, its parameters, the clips, other seeds' runs, and the package's source."""
    package = sorted(Path(__file__).parent.rglob("*.py"))
    package += sorted(replication_file("published").glob("*.csv"))
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    digest.update(workspace.store.checksum().encode())
    digest.update(repr(workspace.profile).encode())
    digest.update(repr(_other_runs(workspace.root, parameters.get("seed"))).encode())
    for path in (source, *package):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _other_runs(root: Path, seed: int | None) -> list[str]:
    """Runs that the notebooks do not train, but that their tables average over."""
    runs = (path.parent for path in root.glob("runs/*/*/run.json"))
    return sorted(str(run.relative_to(root)) for run in runs if run.name != f"seed-{seed}")


def copy_outputs(executed: Path, source: Path) -> None:
    """Give a notebook the outputs of its execution by Papermill, without the injected cell.

    Raises
    ------
    DataError
        If `executed` did not come from `source` as it is now.
    """
    import nbformat

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
    write_text(source, nbformat.writes(kept) + "\n")
