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
from mvemotion.runs import is_complete, load_weights
from mvemotion.specs import EMOTIONS, SPLITS, find_network, list_networks
from mvemotion.statistics import seeds_summary
from mvemotion.training import EpochReport, train

ENVIRONMENT = ("MVEMOTION_PROFILE", "MVEMOTION_STORE", "MVEMOTION_RESULTS", "MVEMOTION_SPLITS")


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

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of `mvemotion.baselines`; none where there is no clip to learn from."""
        return BASELINES if len(self.store.clips("Train")) else ()

    def run_dir(self, network_id: str, *, seed: int = 0) -> Path:
        """Folder of one row's run."""
        return self.root / "runs" / network_id / f"seed-{seed}"

    def train_row(
        self, network_id: str, *, seed: int = 0, on_epoch: EpochReport | None = None
    ) -> dict:
        """Train and score one row unless that is done; returns its test metrics."""
        run = self.run_dir(network_id, seed=seed)
        config = self.profile.config(network_id, seed=seed)
        train(config, self.store, run, device=self.device, on_epoch=on_epoch)
        for split in self.scored_splits:
            if self.metrics(network_id, seed=seed, split=split) is None:
                evaluate(
                    run, self.store, split=split, device=self.device, batch_size=config.batch_size
                )
        return self.metrics(network_id, seed=seed)

    def train_table(self, table: int, *, seed: int = 0) -> None:
        """Train and score every row of a table that is not yet, a line each as it is done.

        A row that diverges, or that failed in `replicate`, is named and left out; the others go on.
        """
        for network_id in self.rows(table):
            if error := self.failure(network_id, seed=seed):
                print(f"{network_id:36s} failed: {error}", flush=True)
                continue
            is_done = self.metrics(network_id, seed=seed) is not None
            try:
                metrics = self.train_row(network_id, seed=seed)
            except DivergedError as error:
                print(f"{network_id:36s} diverged: {error}", flush=True)
                continue
            run = read_json(self.run_dir(network_id, seed=seed) / "run.json")
            note = "done before" if is_done else f"trained in {run['wall_seconds']:.0f} s"
            print(f"{network_id:36s} accuracy {metrics['accuracy']:.3f}  {note}", flush=True)

    def failure(self, network_id: str, *, seed: int = 0) -> str:
        """Why a row failed in the last `replicate`, which tries it again; empty if it did not."""
        path = self.run_dir(network_id, seed=seed) / "outcome.json"
        return read_json(path).get("error", "") if path.exists() else ""

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

    def score_weights(self, weights: Path) -> dict:
        """Score a weights file on the test clips, as another run of its network.

        The scores go to ``runs/<network>/<name>/test``; the name is the file's, or its folder's
        where the file is a run's ``weights.safetensors``.
        """
        name = weights.parent.name if weights.stem == "weights" else weights.stem
        folder = self.root / "runs" / load_weights(weights).network_id / name
        return evaluate(weights, self.store, out=folder, device=self.device)

    def scored_runs(self, network_id: str, *, split: str = "test") -> dict[str, dict]:
        """Metrics of every run of one row on the clips as they are now, by the run's name."""
        folders = sorted((self.root / "runs" / network_id).glob(f"*/{split}"))
        found = {folder.parent.name: self._read_metrics(folder) for folder in folders}
        return {name: metrics for name, metrics in found.items() if metrics}

    def compare_table(self, table: int, *, seed: int = 0) -> pd.DataFrame:
        """The paper's table beside ours, baselines first; also saved under ``tables/``.

        Scores are means over the runs that there are, whatever their seeds; `seed` comes first.
        """
        first = self.run_dir("", seed=seed).name
        ours = {}
        for row in list_networks(table):
            runs = self.scored_runs(row)
            ours[row] = [runs[name] for name in sorted(runs, key=lambda name: name != first)]
        baselines = {LABELS[name]: self.baseline(name) for name in self.baselines}
        frame = compare_table(table, ours, baselines, dataset=self.profile.dataset)
        save_table(frame, self.root / "tables" / f"table_{table}.csv")
        return frame

    def summary(self, *, seed: int = 0) -> dict:
        """Every number of this replication with what made it, as a JSON-ready dict."""
        splits = self.scored_splits
        runs = {row: self.run_dir(row, seed=seed) for row in self.profile.rows}
        return {
            "profile": self.profile.name,
            "dataset": self.profile.dataset,
            "clips": {split: len(self.store.clips(split)) for split in SPLITS},
            "classes": {split: self._clips_per_class(split) for split in SPLITS},
            "store_checksum": self.store.checksum(),
            "splits": self.store.splits_file.stem if self.store.splits_file else None,
            "baselines": {
                name: {split: self.baseline(name, split=split) for split in splits}
                for name in self.baselines
            },
            "networks": {
                row: {
                    "config": read_json(run / "config.json"),
                    "run": _without_paths(read_json(run / "run.json")),
                    **{s: self.metrics(row, seed=seed, split=s) for s in splits},
                }
                for row, run in runs.items()
                if is_complete(run) and self.metrics(row, seed=seed)
            },
            "over_seeds": self._over_seeds(),
        }

    def _over_seeds(self) -> dict:
        """Mean, standard deviation and range of the test scores of rows that ran several times."""
        return {
            row: {
                name: seeds_summary([metrics[name] for metrics in runs.values()])
                for name in ("accuracy", "f1_macro", "f1_rounded", "auc")
                if None not in [metrics[name] for metrics in runs.values()]
            }
            for row in self.profile.rows
            if len(runs := self.scored_runs(row)) > 1
        }

    def _clips_per_class(self, split: str) -> dict[str, int]:
        counts = self.store.clips(split)["emotion"].value_counts()
        return {emotion: int(counts.get(emotion, 0)) for emotion in EMOTIONS}

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
    splits: str | Path | None = None,
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
    splits : str or path, optional
        How the clips are split, if not as they were prepared: see `mvemotion.data.store.Store`.
        Needs `results`, since a run on one split is none on another.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Notes
    -----
    Empty strings mean "not given". The environment variables ``MVEMOTION_PROFILE``,
    ``MVEMOTION_STORE``, ``MVEMOTION_RESULTS`` and ``MVEMOTION_SPLITS`` win over the arguments:
    tools that run notebooks without injecting parameters, such as nbval, choose with them.
    `replicate` ignores them, and sets the last one for the notebooks that it runs.

    Raises
    ------
    InputError
        If the profile needs `data` and there is none, or `splits` is given without `results`.
    """
    given = zip(ENVIRONMENT, (profile, store, results, splits), strict=True)
    profile, store, results, splits = (os.environ.get(name) or value for name, value in given)
    chosen = load_profile(profile)
    root = results_folder(chosen, results, splits)
    store_dir = Path(store) if store else _store_dir(chosen, root, data or None)
    opened = _check_format(Store(store_dir, splits or None), chosen)
    return Workspace(chosen, root, opened, device)


def results_folder(
    profile: Profile, results: str | Path | None = None, splits: str | Path | None = None
) -> Path:
    """Where a profile's results go: the folder named, or ``results/<profile>``.

    Raises
    ------
    InputError
        If `splits` is given without `results`.
    """
    if splits and not results:
        raise InputError(
            f"splits {str(splits)!r}: results on another split need a folder of their own; name one"
        )
    return Path(results) if results else results_dir() / profile.name


def _store_dir(profile: Profile, root: Path, data) -> Path:
    """The store of a results folder, prepared unless it is there and nothing says from what."""
    target = root / "store"
    if data is None and not profile.synthetic and (target / "manifest.csv").exists():
        return target
    raw = Path(data) if data else _embedded_clips(profile, root)
    manifest = prepare(
        raw,
        target,
        clip_format=profile.clip_format,
        faces=profile.faces,
        detector=profile.detector,
    )
    print(summarize(manifest))
    return target


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
    return {name: value for name, value in record.items() if name not in ("store", "splits")}


def _check_format(store: Store, profile: Profile) -> Store:
    if store.clip_format != profile.clip_format:
        raise DataError(
            f"{store.root}: prepared as {store.clip_format}, but profile {profile.name} needs "
            f"{profile.clip_format}; prepare a store for it or choose another profile"
        )
    return store
