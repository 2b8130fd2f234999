"""Where one profile's replication lives, and what is in it; every step does what is missing."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mvemotion.baselines import LABELS, ROW_ZERO, evaluate_baseline
from mvemotion.data.store import Store
from mvemotion.errors import DataError, DivergedError
from mvemotion.evaluation import evaluate
from mvemotion.files import read_json, write_json
from mvemotion.profiles import Profile
from mvemotion.reporting import compare_table, intervals_over_runs, save_table
from mvemotion.runs import is_complete, load_weights
from mvemotion.specs import (
    EMOTIONS,
    REFERENCE_CLASSIFIERS,
    REFERENCE_NETWORKS,
    SPLITS,
    find_network,
    list_networks,
)
from mvemotion.statistics import seeds_summary
from mvemotion.training import EpochReport, train

LEFT_OUT = "left_out.json"  # of a baseline: why there is none


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

    def references(self, table: int) -> tuple[str, ...]:
        """Ids of the networks that the profile trains beside this table's rows."""
        names = (network.id for network in REFERENCE_NETWORKS if network.table == table)
        return tuple(name for name in names if name in self.profile.references)

    @property
    def scored_splits(self) -> tuple[str, ...]:
        """The test split, and Validation where it has clips."""
        return tuple(s for s in ("test", "Validation") if s == "test" or len(self.store.clips(s)))

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of `mvemotion.baselines`; none where there is no clip to learn from."""
        chosen = (name for name in REFERENCE_CLASSIFIERS if name in self.profile.references)
        return (*ROW_ZERO, *chosen) if len(self.store.clips("Train")) else ()

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

        So are the reference networks that the profile sets beside them, after the rows.
        A row that diverges, or that failed in `replicate`, is named and left out; the others go on.
        """
        for network_id in (*self.rows(table), *self.references(table)):
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
        """Metrics of a baseline (see `mvemotion.baselines`), computed if missing.

        Of one that needs the clips' own files, where they are gone: ``{"left_out": reason}``.
        """
        folder = self.root / "baselines" / name
        found = self._read_metrics(folder / split)
        if found or name in ROW_ZERO:
            return found or evaluate_baseline(name, self.store, folder, split=split)
        try:
            metrics = evaluate_baseline(name, self.store, folder, split=split)
        except DataError as error:
            write_json(folder / LEFT_OUT, {"left_out": str(error)})
            return {"left_out": str(error)}
        (folder / LEFT_OUT).unlink(missing_ok=True)
        return metrics

    def _baseline_scores(self, name: str) -> dict[str, dict]:
        """A baseline's metrics by split; empty if it is left out."""
        scores = {split: self.baseline(name, split=split) for split in self.scored_splits}
        return {split: metrics for split, metrics in scores.items() if "left_out" not in metrics}

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
        """The paper's table beside ours, references first; also saved under ``tables/``.

        Scores are means over the runs that there are, whatever their seeds; `seed` comes first.
        """
        first = self.run_dir("", seed=seed).name
        ours, intervals = {}, {}
        for row in (*self.references(table), *list_networks(table)):
            runs = self.scored_runs(row)
            ours[row] = [runs[name] for name in sorted(runs, key=lambda name: name != first)]
            if len(runs) > 1:
                folders = [self.root / "runs" / row / name / "test" for name in runs]
                intervals[row] = intervals_over_runs(folders)
        beside = (x for x in self.baselines if REFERENCE_CLASSIFIERS.get(x, table) == table)
        baselines = {LABELS[name]: self.baseline(name) for name in beside}
        frame = compare_table(
            table, ours, baselines, dataset=self.profile.dataset, intervals=intervals
        )
        save_table(frame, self.root / "tables" / f"table_{table}.csv")
        return frame

    def summary(self, *, seed: int = 0) -> dict:
        """Every number of this replication with what made it, as a JSON-ready dict."""
        splits = self.scored_splits
        baselines = {name: self._baseline_scores(name) for name in self.baselines}
        runs = {row: self.run_dir(row, seed=seed) for row in self._networks}
        return {
            "profile": self.profile.name,
            "dataset": self.profile.dataset,
            "clips": {split: len(self.store.clips(split)) for split in SPLITS},
            "classes": {split: self._clips_per_class(split) for split in SPLITS},
            "store_checksum": self.store.checksum(),
            "splits": self.store.splits_file.stem if self.store.splits_file else None,
            "baselines": {name: scores for name, scores in baselines.items() if "test" in scores},
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

    @property
    def _networks(self) -> tuple[str, ...]:
        """Ids of all that the profile trains: rows, then references."""
        beside = (x for x in self.profile.references if x not in REFERENCE_CLASSIFIERS)
        return (*self.profile.rows, *beside)

    def _over_seeds(self) -> dict:
        """Mean, standard deviation and range of the test scores of rows that ran several times."""
        return {
            row: {
                name: seeds_summary([metrics[name] for metrics in runs.values()])
                for name in ("accuracy", "f1_macro", "f1_rounded", "auc")
                if None not in [metrics[name] for metrics in runs.values()]
            }
            for row in self._networks
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


def _without_paths(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in ("store", "splits")}
