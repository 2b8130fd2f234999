"""The replication of Tables 2-6 in one folder: data, store, runs, tables, figures, notebooks.

Every step does only what is missing, so a second call is quick and an interrupted one goes on.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mvemotion.baselines import BASELINES, LABELS, evaluate_baseline
from mvemotion.data.prepare import prepare, summarize
from mvemotion.data.store import Store
from mvemotion.data.synthetic import synthesize
from mvemotion.errors import DataError, DivergedError, InputError
from mvemotion.evaluation import evaluate
from mvemotion.files import read_json
from mvemotion.paths import results_dir
from mvemotion.profiles import Profile, load_profile
from mvemotion.reporting import compare_table, save_table
from mvemotion.specs import SPLITS, find_network, list_networks
from mvemotion.training import train

ENVIRONMENT = ("MVEMOTION_PROFILE", "MVEMOTION_STORE", "MVEMOTION_RESULTS")


@dataclass(frozen=True)
class Workspace:
    """``results/<profile>``: where one profile's replication lives; see `open_workspace`."""

    profile: Profile
    root: Path
    store: Store
    device: str = "auto"

    def rows(self, table: int) -> tuple[str, ...]:
        """Ids of this table's rows that the profile trains."""
        return tuple(row for row in list_networks(table) if row in self.profile.rows)

    @property
    def scored_splits(self) -> tuple[str, ...]:
        """The test split, and Validation where it has clips."""
        return tuple(s for s in ("test", "Validation") if s == "test" or len(self.store.clips(s)))

    def run_dir(self, network_id: str, *, seed: int = 0) -> Path:
        """Folder of one row's run."""
        return self.root / "runs" / network_id / f"seed-{seed}"

    def train_row(self, network_id: str, *, seed: int = 0) -> dict:
        """Train and score one row unless that is done; returns its test metrics."""
        run = self.run_dir(network_id, seed=seed)
        config = self.profile.config(network_id, seed=seed)
        train(config, self.store, run, device=self.device)
        for split in self.scored_splits:
            if self.metrics(network_id, seed=seed, split=split) is None:
                evaluate(
                    run, self.store, split=split, device=self.device, batch_size=config.batch_size
                )
        return self.metrics(network_id, seed=seed)

    def train_table(self, table: int, *, seed: int = 0) -> None:
        """Train and score every row of a table that is not yet, a line each as it is done.

        A row that diverges is named and left out; the others go on.
        """
        for network_id in self.rows(table):
            is_done = self.metrics(network_id, seed=seed) is not None
            try:
                metrics = self.train_row(network_id, seed=seed)
            except DivergedError as error:
                print(f"{network_id:36s} diverged: {error}", flush=True)
                continue
            run = read_json(self.run_dir(network_id, seed=seed) / "run.json")
            note = "done before" if is_done else f"trained in {run['wall_seconds']:.0f} s"
            print(f"{network_id:36s} accuracy {metrics['accuracy']:.3f}  {note}", flush=True)

    def metrics(self, network_id: str, *, seed: int = 0, split: str = "test") -> dict | None:
        """One row's metrics, None if it has not been run on the clips as they are now."""
        return self._read_metrics(self.run_dir(network_id, seed=seed) / split)

    def predictions(self, network_id: str, *, seed: int = 0, split: str = "test") -> pd.DataFrame:
        """One row's clips with their true emotion and probabilities.

        Raises
        ------
        DataError
            If the row has not been run.
        """
        path = self.run_dir(network_id, seed=seed) / split / "predictions.csv"
        if not path.exists():
            raise DataError(
                f"{path}: {network_id} has not been run in this profile; train it first"
            )
        return pd.read_csv(path)

    def baseline(self, name: str, *, split: str = "test") -> dict:
        """Metrics of a baseline (see `mvemotion.baselines`), computed if missing."""
        folder = self.root / "baselines" / name
        return self._read_metrics(folder / split) or evaluate_baseline(
            name, self.store, folder, split=split
        )

    def compare_table(self, table: int, *, seed: int = 0) -> pd.DataFrame:
        """The paper's table beside ours, baselines first; also saved under ``tables/``."""
        ours = {row: self.metrics(row, seed=seed) for row in self.rows(table)}
        baselines = {LABELS[name]: self.baseline(name) for name in BASELINES}
        frame = compare_table(table, ours, baselines, dataset=self.profile.dataset)
        save_table(frame, self.root / "tables" / f"table_{table}.csv")
        return frame

    def summary(self, *, seed: int = 0) -> dict:
        """Every number of this replication with what made it, as a JSON-ready dict."""
        splits = self.scored_splits
        runs = {row: self.run_dir(row, seed=seed) for row in self.profile.rows}
        return {
            "profile": self.profile.name,
            "clips": {split: len(self.store.clips(split)) for split in SPLITS},
            "store_checksum": self.store.checksum(),
            "baselines": {n: {s: self.baseline(n, split=s) for s in splits} for n in BASELINES},
            "networks": {
                row: {
                    "config": read_json(run / "config.json"),
                    "run": _without_paths(read_json(run / "run.json")),
                    **{s: self.metrics(row, seed=seed, split=s) for s in splits},
                }
                for row, run in runs.items()
                if self.metrics(row, seed=seed)
            },
        }

    def best_row(self, *, seed: int = 0) -> str:
        """Id of the trained row of most modalities, then of the highest validation accuracy.

        Raises
        ------
        DataError
            If no row has been trained.
        """
        trained = [row for row in self.profile.rows if self.metrics(row, seed=seed)]
        if not trained:
            raise DataError(f"{self.root}: no row has been trained yet; run notebooks 04 to 08")

        def rank(row: str) -> tuple[int, float]:
            history = pd.read_csv(self.run_dir(row, seed=seed) / "history.csv")
            accuracy = history["validation_accuracy"].fillna(-1).max()
            return len(find_network(row).modalities), accuracy

        return max(trained, key=rank)

    def _read_metrics(self, folder: Path) -> dict | None:
        path = folder / "metrics.json"
        metrics = read_json(path) if path.exists() else {}
        return metrics if metrics.get("store_checksum") == self.store.checksum() else None


def open_workspace(
    profile: str,
    *,
    data: str | Path | None = None,
    store: str | Path | None = None,
    results: str | Path | None = None,
    device: str = "auto",
) -> Workspace:
    """Open a profile's results folder, with its clips generated and prepared where missing.

    Parameters
    ----------
    profile : str
        A name of `list_profiles`, or a TOML file.
    data : path, optional
        Raw clips in the dataset's layout; without it, profiles that have them use their embedded
        synthetic clips.
    store : path, optional
        A prepared store to use as it is, instead of preparing one from `data`.
    results : path, optional
        Where results go; ``results/<profile>`` of the checkout if not given.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Notes
    -----
    Empty strings mean "not given". The environment variables ``MVEMOTION_PROFILE``,
    ``MVEMOTION_STORE`` and ``MVEMOTION_RESULTS`` win over the arguments: tools that run notebooks
    without injecting parameters, such as nbval, choose with them. `replicate` ignores them.

    Raises
    ------
    InputError
        If the profile needs `data` and there is none.
    """
    given = zip(ENVIRONMENT, (profile, store, results), strict=True)
    profile, store, results = (os.environ.get(name) or value for name, value in given)
    chosen = load_profile(profile)
    root = Path(results) if results else results_dir() / chosen.name
    return Workspace(chosen, root, _open_store(chosen, root, data or None, store), device)


def _open_store(profile: Profile, root: Path, data, store) -> Store:
    if store:
        return _check_format(Store(Path(store)), profile)
    target = root / "store"
    if data is None and not profile.synthetic and (target / "manifest.csv").exists():
        return _check_format(Store(target), profile)
    raw = Path(data) if data else _embedded_clips(profile, root)
    manifest = prepare(
        raw,
        target,
        clip_format=profile.clip_format,
        faces=profile.faces,
        detector=profile.detector,
    )
    print(summarize(manifest))
    return Store(target)


def _embedded_clips(profile: Profile, root: Path) -> Path:
    if not profile.synthetic:
        raise InputError(
            f"profile {profile.name}: needs real clips; give their folder: "
            f"make replicate PROFILE={profile.name} DATA=folder"
        )
    target = root / "data"
    synthesize(target, **profile.synthetic)
    return target


def _without_paths(record: dict) -> dict:
    return {name: value for name, value in record.items() if name != "store"}


def _check_format(store: Store, profile: Profile) -> Store:
    if store.clip_format != profile.clip_format:
        raise DataError(
            f"{store.root}: prepared as {store.clip_format}, but profile {profile.name} needs "
            f"{profile.clip_format}; prepare a store for it or choose another profile"
        )
    return store
