"""The ledger of a results folder as it stands, its tier 0 made anew where that is needed."""

from pathlib import Path

import pandas as pd

from mvemotion.claims.evidence import Results, Tier0
from mvemotion.claims.ledger import build_ledger, write_ledger
from mvemotion.files import write_json
from mvemotion.recomputation.report import recompute


def ledger_of_folder(root: Path, summary: dict) -> pd.DataFrame:
    """Draw up the ledger of a results folder, and write it there.

    Parameters
    ----------
    root : Path
        A folder of ``mvemotion replicate``, in whatever state. Tier 0 is looked for in its
        ``tier0`` and takes seconds where it is missing or another commit wrote it.
    summary : dict
        `mvemotion.replication.Workspace.summary`: which clips and runs the folder is about. It
        is written there, as ``mvemotion replicate`` does at its end.

    Returns
    -------
    DataFrame
        See `mvemotion.claims.build_ledger`; also ``ledger.csv`` and ``ledger.md``.
    """
    root = Path(root)
    if not Tier0(root / "tier0").is_current():
        recompute(root / "tier0")
    write_json(root / "summary.json", summary)
    is_scored = any(root.glob("runs/*/*/test/metrics.json"))
    ledger = build_ledger(Tier0(root / "tier0"), Results(root) if is_scored else None)
    write_ledger(ledger, root)
    return ledger
