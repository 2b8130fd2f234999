"""What a results folder holds, read once for all pages; what is missing is empty."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from mvemotion.baselines import LABELS
from mvemotion.claims import Results, Tier0, build_ledger
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json
from mvemotion.published import NETWORK_TABLES
from mvemotion.replication.workspace import LEFT_OUT
from mvemotion.reporting import compare_table
from mvemotion.specs import REFERENCE_CLASSIFIERS, list_networks, list_references

PARTS = ("summary.json", "plan.json", "runs", "tables", "figures", "notebooks", "baselines")
FAILED, DONE = "failed", "done"


@dataclass(frozen=True)
class RunRecord:
    """One folder of ``runs/<network>/<name>``: what was asked for, how it went, what it scored.

    Attributes
    ----------
    config, record, outcome : dict
        ``config.json``, ``run.json`` and ``outcome.json``; empty where there is none.
    metrics : dict of dict
        ``metrics.json`` by split.
    """

    network: str
    name: str
    config: dict
    record: dict
    outcome: dict
    metrics: dict[str, dict]

    @property
    def anchor(self) -> str:
        """Of its row on the page of origins."""
        return f"run-{self.network}-{self.name}"

    @property
    def status(self) -> str:
        """``failed``, ``done``, ``not scored`` or ``unfinished``."""
        if self.outcome.get("status") == FAILED:
            return FAILED
        if "test" in self.metrics:
            return DONE
        return "not scored" if self.record else "unfinished"

    @property
    def seconds(self) -> float | None:
        """Of training; of the attempt, if it failed; None if neither is recorded."""
        return self.record.get("wall_seconds", self.outcome.get("seconds"))


@dataclass(frozen=True)
class ResultsFolder:
    """The files of a replication; see `read_results`."""

    root: Path
    summary: dict
    plan: dict
    runs: tuple[RunRecord, ...]
    baselines: dict[str, dict]  # test metrics by name; of one that is left out, why
    results: Results | None  # None: no run has been scored
    tier0: Tier0

    @property
    def profile(self) -> str:
        """Name of the profile; that of the folder, where no file says it."""
        planned = self.plan.get("work", {}).get("profile", self.root.resolve().name)
        return self.summary.get("profile", planned)

    @property
    def dataset(self) -> str | None:
        """``synthetic``, ``sample`` or ``paper``; None where no file says it."""
        return self.summary.get("dataset")

    @property
    def command(self) -> str:
        """What replicates again, doing only what is missing; as it was asked for, if known."""
        if "command" in self.plan:
            return self.plan["command"]
        data = " --data DATASET" if self.dataset in ("sample", "paper") else ""
        return f"mvemotion replicate --profile {self.profile}{data}"

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Every claim beside what was found, by its id; see `mvemotion.claims.build_ledger`."""
        ledger = build_ledger(self.tier0, self.results).set_index("id", drop=False)
        missing = "no results folder was given"
        return ledger.replace({"reason": {missing: "no run in this folder has been scored"}})

    @cached_property
    def tables(self) -> dict[int, pd.DataFrame]:
        """Tables 2-6 beside the paper's; see `mvemotion.reporting.compare_table`."""
        runs = self.results.runs if self.results else {}
        tables = {}
        for number in NETWORK_TABLES:
            ours = {
                network: [run.metrics for run in runs[network]]
                for network in (*list_references(number), *list_networks(number))
                if network in runs
            }
            # "sample" compares no score: the verdicts shown are the ledger's, which say why.
            dataset = self.dataset or "sample"
            baselines = {LABELS.get(name, name): x for name, x in self.beside(number).items()}
            tables[number] = compare_table(
                number,
                ours,
                baselines,
                dataset=dataset,
                intervals={row: self.results.intervals(row) for row in ours if len(runs[row]) > 1},
            )
        return tables

    def beside(self, table: int) -> dict[str, dict]:
        """The baselines that stand in a table: row zero, and those of its modality."""
        names = (x for x in self.baselines if REFERENCE_CLASSIFIERS.get(x, table) == table)
        return {name: self.baselines[name] for name in names}

    def runs_of(self, network: str) -> list[RunRecord]:
        """Scored runs of a network on the clips as they are now, in the order of their names."""
        names = [run.name for run in self.results.runs.get(network, ())] if self.results else []
        return [run for run in self.runs if run.network == network and run.name in names]

    @property
    def failed(self) -> list[RunRecord]:
        """Runs that ended in an error."""
        return [run for run in self.runs if run.status == FAILED]

    @property
    def failed_notebooks(self) -> list[Path]:
        """Notebooks as far as they came before a cell failed."""
        return sorted(self.root.glob("notebooks/*.failed.ipynb"))

    @property
    def notebooks(self) -> list[Path]:
        """Executed notebooks, those of ``solutions`` last."""
        found = [path for path in sorted(self.root.glob("notebooks/*.ipynb")) if _is_shown(path)]
        return found + sorted(self.root.glob("notebooks/solutions/[!.]*.ipynb"))

    def figures(self, pattern: str) -> list[Path]:
        """Pictures under ``figures``, by their names."""
        return sorted(self.root.glob(f"figures/{pattern}.png"))


def check_results(root: Path) -> None:
    """Raise InputError if there is no such folder, or nothing of a replication in it."""
    if not any((root / part).exists() for part in PARTS):
        raise InputError(
            f"{root}: no results in it ({', '.join(PARTS)}); give a folder of `mvemotion replicate`"
        )


def read_results(root: Path, tier0: Path) -> ResultsFolder:
    """Read the small files of a results folder.

    Parameters
    ----------
    root : Path
        A folder of ``mvemotion replicate``; all of its parts are optional.
    tier0 : Path
        The folder of tier 0, which may be missing.
    """
    return ResultsFolder(
        root=root,
        summary=_read(root / "summary.json"),
        plan=_read(root / "plan.json"),
        runs=tuple(_read_runs(root)),
        baselines=dict(_read_baselines(root)),
        results=_scored(root),
        tier0=Tier0(tier0),
    )


def _read_baselines(root: Path) -> Iterator[tuple[str, dict]]:
    """Row zero first."""
    known = [*LABELS, *sorted({path.name for path in root.glob("baselines/*")} - set(LABELS))]
    for name in known:
        found = _read(root / "baselines" / name / "test" / "metrics.json")
        found = _read(root / "baselines" / name / LEFT_OUT) or found
        if found:
            yield name, found


def _read_runs(root: Path) -> Iterator[RunRecord]:
    """Runs in the paper's order of networks, those of references after them."""
    names = (*list_networks(), *list_references())
    order = {network: place for place, network in enumerate(names)}
    folders = [path for path in root.glob("runs/*/*") if path.is_dir()]
    for folder in sorted(folders, key=lambda f: (order.get(f.parent.name, len(order)), f)):
        metrics = {path.parent.name: read_json(path) for path in folder.glob("*/metrics.json")}
        yield RunRecord(
            network=folder.parent.name,
            name=folder.name,
            config=_read(folder / "config.json"),
            record=_read(folder / "run.json"),
            outcome=_read(folder / "outcome.json"),
            metrics=metrics,
        )


def _scored(root: Path) -> Results | None:
    try:
        return Results(root)
    except DataError:  # no scored run: the report says so
        return None


def _read(path: Path) -> dict:
    return read_json(path) if path.is_file() else {}


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith(".failed.ipynb")
