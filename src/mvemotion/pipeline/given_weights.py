"""Tier 1 of the replication: given weights scored, nothing trained."""

import os
from collections.abc import Sequence
from pathlib import Path

from mvemotion.errors import InputError
from mvemotion.files import write_json
from mvemotion.paths import results_dir
from mvemotion.published import NETWORK_TABLES
from mvemotion.replication import ENVIRONMENT, open_workspace


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
