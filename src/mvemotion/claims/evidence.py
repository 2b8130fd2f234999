"""The result files that claims are decided by: tier 0's, and those of a results folder."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import pandas as pd

from mvemotion.comparisons import PAPER_SUPPORT
from mvemotion.errors import DataError
from mvemotion.files import read_json
from mvemotion.provenance import git_commit
from mvemotion.reporting import intervals_over_runs

AUDIT_FILE = "audit/audit.json"  # of a results folder


@dataclass(frozen=True)
class Printed:
    """Two printed accuracies compared: first less second."""

    clips: int
    is_told_apart: bool  # the unpaired 95 % interval excludes zero
    p_value: float  # Fisher's


class Tier0:
    """``tier0.json``, as ``mvemotion replicate --tier 0`` writes it.

    Parameters
    ----------
    folder : Path
        It may lack the file: then nothing of tier 0 is known.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder) / "tier0.json"

    @cached_property
    def _content(self) -> dict:
        return read_json(self.path) if self.path.is_file() else {}

    def is_current(self) -> bool:
        """Whether it is there and this commit wrote it: another may have checked other things."""
        made_by = self._content.get("provenance", {}).get("commit")
        return self.path.is_file() and made_by == git_commit()

    def checks(self, pattern: str) -> list[dict]:
        """The checks whose names are like `pattern`, in which ``*`` stands for anything."""
        return [row for row in self._rows("checks") if fnmatchcase(row["name"], pattern)]

    def difference(self, first: str, second: str) -> "Printed | None":
        """The printed accuracies of two networks compared, None if one is not printed."""
        for row in self._rows("differences"):
            if (row["first"], row["second"]) == (first, second):
                return Printed(row["clips"], row["unpaired"] != "cannot tell", row["p_unpaired"])
            if (row["first"], row["second"]) == (second, first):
                return Printed(-row["clips"], row["unpaired"] != "cannot tell", row["p_unpaired"])
        return None

    def parameters(self, network_id: str) -> dict | None:
        """The census row of a network."""
        return next((row for row in self._rows("census") if row["id"] == network_id), None)

    def confusion_rank(self, checkpoint: str, pair: str) -> dict | None:
        """Clips and rank of a pair of emotions in a published confusion matrix."""
        key = {"checkpoint": checkpoint, "pair": pair}
        return next((row for row in self._rows("confusions") if key.items() <= row.items()), None)

    def recalls(self, checkpoint: str) -> dict[str, float]:
        """Recall of each emotion in a published confusion matrix."""
        rows = self._rows("classes")
        return {row["emotion"]: row["recall"] for row in rows if row["checkpoint"] == checkpoint}

    def _rows(self, table: str) -> list[dict]:
        return self._content.get(table, [])


@dataclass(frozen=True)
class Run:
    """One scored run of a network: its test metrics, and which clips it had right."""

    name: str
    folder: Path
    metrics: dict

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """``predictions.csv``, sorted by clip."""
        return pd.read_csv(self.folder / "predictions.csv").sort_values("id", ignore_index=True)


class Results:
    """A folder that ``mvemotion replicate`` or its tier 1 left.

    Parameters
    ----------
    root : Path
        With ``summary.json`` (which dataset, which clips) and ``runs/<network>/<run>/test``.

    Raises
    ------
    DataError
        If it holds no scored run.
    """

    def __init__(self, root: Path):
        self.root = Path(root)
        self._intervals: dict[str, dict] = {}
        self._found = sorted(self.root.glob("runs/*/*/test/metrics.json"))
        if not self._found:
            raise DataError(
                f"{self.root}: no scored run (runs/<network>/<run>/test/metrics.json); give the "
                "results folder of `mvemotion replicate`"
            )

    @cached_property
    def summary(self) -> dict:
        """``summary.json``; empty if the replication did not come to its end."""
        path = self.root / "summary.json"
        return read_json(path) if path.is_file() else {}

    @cached_property
    def audit(self) -> dict:
        """What ``mvemotion audit`` left in ``audit``; empty where nothing."""
        path = self.root / AUDIT_FILE
        return read_json(path) if path.is_file() else {}

    @cached_property
    def why_untested(self) -> str:
        """Why scores on these clips cannot be compared with the paper's; empty if they can."""
        dataset = self.summary.get("dataset")
        if dataset is None:
            return "the folder's summary.json does not say which dataset these clips are"
        return "" if dataset == "paper" else f"these clips are {dataset}, not the paper's"

    @cached_property
    def runs(self) -> dict[str, tuple[Run, ...]]:
        """Scored runs by network id; those on clips that have changed since are left out."""
        current, found = self.summary.get("store_checksum"), {}
        for path in self._found:
            metrics = read_json(path)
            if current in (None, metrics.get("store_checksum")):
                folder = path.parent
                run = Run(folder.parent.name, folder, metrics)
                found.setdefault(folder.parent.parent.name, []).append(run)
        return {name: tuple(runs) for name, runs in found.items()}

    def intervals(self, network_id: str) -> dict:
        """95 % bootstrap intervals of a network's scores; of several runs, those of their means.

        As `mvemotion.statistics.bootstrap_intervals` gives them; empty where a single run was
        scored before they were kept.
        """
        if network_id not in self._intervals:
            runs = self.runs[network_id]
            self._intervals[network_id] = (
                intervals_over_runs(run.folder for run in runs)
                if len(runs) > 1
                else runs[0].metrics.get("intervals", {})
            )
        return self._intervals[network_id]

    def relative(self, path: Path) -> str:
        """A path as the ledger names it: within the results folder."""
        return path.relative_to(self.root).as_posix()


def comparable(results: Results, runs: tuple[Run, ...]) -> str:
    """Why runs cannot be compared with printed scores; empty if they can."""
    if results.why_untested:
        return results.why_untested
    if any(run.metrics["support"] != PAPER_SUPPORT for run in runs):
        return "not the paper's 300 test clips"
    return ""
