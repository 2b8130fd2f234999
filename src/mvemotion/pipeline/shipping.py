"""Puts the weights of profile ``demo`` into the package, with their record; `make weights`."""

from dataclasses import replace
from pathlib import Path

from mvemotion.files import read_json, write_json
from mvemotion.paths import replication_file
from mvemotion.replication import Workspace, open_workspace
from mvemotion.runs import load_weights, save_weights

PROFILE = "demo"
PACKAGED = Path(__file__).parents[1] / "weights" / "demo.safetensors"
KEPT = ("clips", "best_epoch", "time_utc", "commit", "wall_seconds", "machine", "versions")


def ship(workspace: Workspace) -> Path:
    """Copy the trained network into the package; its scores go to ``replication/reported``.

    Parameters
    ----------
    workspace : Workspace
        Of profile ``demo``, replicated.
    """
    (network,) = workspace.profile.rows
    run = workspace.run_dir(network)
    trained = load_weights(run / "weights.safetensors")
    path = save_weights(PACKAGED, replace(trained, preparation=workspace.store.options))
    record = {name: read_json(run / "run.json")[name] for name in KEPT}
    card = path.with_suffix(".json")
    write_json(card, read_json(card) | record)
    write_json(replication_file("reported") / "demo.json", workspace.summary())
    return path


if __name__ == "__main__":
    print(ship(open_workspace(PROFILE)))
