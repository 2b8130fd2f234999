"""Tables 1-8 cell by cell: the paper's number, ours, its interval, the verdict and the origin."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from mvemotion.claims.claim import SPLITS
from mvemotion.claims.ledger import VERDICTS
from mvemotion.published import NETWORK_TABLES, published_table
from mvemotion.report.origins import PAGE, short_origin
from mvemotion.report.results_folder import ResultsFolder
from mvemotion.reporting.earlier_studies import PRINTED_ROWS
from mvemotion.specs import EMOTIONS, list_networks

TITLES = {
    1: "Clips of each emotion",
    2: "Emotion from faces",
    3: "Emotion from music",
    4: "Emotion from video",
    5: "Music and video together",
    6: "Music, video and faces together",
    7: "Class-wise probabilities of six clips",
    8: "Past studies",
}
KINDS = {  # of cells in Tables 2-6: heading, the paper's column, ours, and how both are printed
    "accuracy": ("Accuracy", "Test Accuracy", "accuracy", ".4f", ".3f"),
    "f1": ("F1-score", "F1-Score", "f1_rounded", ".2f", ".3f"),
    "auc": ("ROC-AUC", "ROC AUC Score", "auc", ".3f", ".3f"),
    "parameters": ("Parameters", "Parameters", "parameters", ",", ","),
}
IN_THE_ROW = ("not run", "parameters than printed")  # notes that the cells tell already
TIER0 = f"{PAGE}#tier-0"
OWN_STUDIES = {row: network for network, row in PRINTED_ROWS.items()}  # of Table 8


@dataclass(frozen=True)
class Cell:
    """One number of the paper beside ours; whatever does not exist is empty."""

    paper: str = ""
    ours: str = ""
    interval: str = ""
    note: str = ""  # beside ours: spread over runs, another score
    verdict: str = ""
    reason: str = ""
    link: str = ""
    origin: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row of Tables 2-6; `cells` by the names of `KINDS`."""

    label: str
    network: str  # its id; empty for a baseline
    cells: dict[str, Cell]
    gflops: str
    clips: int | None
    note: str
    is_reference: bool  # not in the paper
    failed: str = ""  # anchor of the run that failed


# --- Tables 2-6 -----------------------------------------------------------------------------------
def network_rows(found: ResultsFolder, table: int) -> list[TableRow]:
    """What is not in the paper first, then its rows, then ours that it lacks."""
    names = iter(found.beside(table))
    rows = []
    for row in found.tables[table].to_dict("records"):
        is_baseline = pd.isna(row["id"])
        network = "" if is_baseline else row["id"]
        anchor = f"baseline-{next(names)}" if is_baseline else ""
        cells = {kind: _network_cell(found, table, row, kind, anchor) for kind in KINDS}
        clips = None if pd.isna(row["n"]) else int(row["n"])
        failed = next((run.anchor for run in found.failed if run.network == network), "")
        rows.append(
            TableRow(
                label=row["Model"],
                network=network,
                cells=cells,
                gflops=_text(row["gflops"], ".1f"),
                clips=clips,
                note=row["note"],
                is_reference=row["is_reference"],
                failed=failed,
            )
        )
    return rows


def _network_cell(found: ResultsFolder, table: int, row: dict, kind: str, baseline: str) -> Cell:
    _, theirs, ours, paper_form, form = KINDS[kind]
    claim = _claim(found, f"table-{table}/{row['id']}/{kind}")
    link, origin = _origin(found, row["id"], kind, baseline)
    number = _text(row[ours], form)
    return Cell(
        paper=_text(row[theirs], paper_form),
        ours=number,
        interval=_interval(row, ours),
        note=_beside(row, kind),
        verdict=claim.get("verdict", ""),
        reason=claim.get("reason", ""),
        link=link if number else "",
        origin=origin,
    )


def _origin(found: ResultsFolder, network: str, kind: str, baseline: str) -> tuple[str, str]:
    """Where a number links to, and what its tip says."""
    if baseline:
        return f"{PAGE}#{baseline}", "no network"
    if kind == "parameters":
        return TIER0, "counted on the network as built here (tier 0)"
    runs = found.runs_of(network)
    return (f"{PAGE}#{runs[0].anchor}", short_origin(runs)) if runs else ("", "")


def _interval(row: dict, name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return "" if pd.isna(low) else f"{low:.3f}–{high:.3f}"


def _beside(row: dict, kind: str) -> str:
    if kind == "parameters" or pd.isna(row["n"]):
        return ""
    spread = row[f"{KINDS[kind][2]}_sd"]
    parts = [] if pd.isna(spread) else [f"± {spread:.3f}, {row['runs']} runs"]
    if kind == "f1" and not pd.isna(row["f1_macro"]):
        parts.append(f"macro {row['f1_macro']:.3f}")
    return "; ".join(parts)


def _text(value, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def table_notes(rows: list[TableRow]) -> list[tuple[str, str]]:
    """Why cells are untested or differ, and what else is to know; each with whom it concerns."""
    concerned: dict[str, list[str]] = {}
    for row in rows:
        reasons = {f"{c.verdict}: {c.reason}" for c in row.cells.values() if c.reason}
        reasons = {r for r in reasons if not r.startswith("untested: not run")}
        notes = [part for part in row.note.split("; ") if part and not part.endswith(IN_THE_ROW)]
        for reason in sorted({*reasons, *notes}):
            concerned.setdefault(reason, []).append(row.network or row.label)
    return [(reason, _listed(labels, len(rows))) for reason, labels in concerned.items()]


def _listed(labels: list[str], total: int) -> str:
    return f"{len(labels)} of {total} rows" if len(labels) > 2 else ", ".join(labels)


# --- Tables 1, 7 and 8 ----------------------------------------------------------------------------
def clip_rows(found: ResultsFolder) -> list[dict]:
    """Table 1: emotion, its adjectives, and a cell for each split."""
    printed = published_table(1)
    rows = [_clip_row(found, row) for row in printed.to_dict("records")]
    counts = found.summary.get("classes", {})
    cells = {}
    for column, split in SPLITS.items():
        paper = str(printed[f"{column} Samples"].sum())
        total = sum(counts[split].values()) if split in counts else None
        cells[column] = _clip_cell(found, f"table-1/Total/{column}", paper, total)
    return [*rows, {"emotion": "Total", "adjectives": "", "cells": cells}]


def _clip_row(found: ResultsFolder, row: dict) -> dict:
    emotion, cells = row["Emotion Class"], {}
    for column, split in SPLITS.items():
        ours = found.summary.get("classes", {}).get(split, {}).get(emotion)
        paper = str(row[f"{column} Samples"])
        cells[column] = _clip_cell(found, f"table-1/{emotion}/{column}", paper, ours)
    return {"emotion": emotion, "adjectives": row["Emotion Adjectives"], "cells": cells}


def _clip_cell(found: ResultsFolder, claim_id: str, paper: str, ours: int | None) -> Cell:
    claim = _claim(found, claim_id)
    return Cell(
        paper=f"{int(paper):,}",
        ours="" if ours is None else f"{ours:,}",
        verdict=claim.get("verdict", ""),
        reason=claim.get("reason", ""),
        link="" if ours is None else f"{PAGE}#data",
        origin="clips of the prepared store",
    )


def probability_rows() -> list[dict]:
    """Table 7 as printed: the emotion of each clip, and its six probabilities as text."""
    rows = published_table(7).to_dict("records")
    return [
        {"truth": row["Ground truth"], "values": {e: f"{row[e]:.3f}" for e in EMOTIONS}}
        for row in rows
    ]


def own_probability_rows(found: ResultsFolder) -> list[dict]:
    """Our clips of Table 7, as `probability_rows` has the paper's; none if none was chosen."""
    path = found.root / "tables" / "table_7.csv"
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    return [
        {
            "truth": row["Ground truth"],
            "clip": "no clip" if pd.isna(row["id"]) else row["id"],
            "answer": "" if pd.isna(row["predicted"]) else row["predicted"],
            "values": {e: _text(row[f"s_{e}"], ".3f") for e in EMOTIONS},
        }
        for row in rows
    ]


def study_rows(found: ResultsFolder) -> list[dict]:
    """Table 8: each study, whether its number agrees with the text, and our own two."""
    rows = []
    for row in published_table(8).to_dict("records"):
        claim = _claim(found, f"table-8/{row['row']}/{row['Dataset']}")
        network = OWN_STUDIES.get(row["row"], "")
        reference = row["reference_in_text"]
        rows.append(
            {
                "method": row["Method"],
                "reference": "" if pd.isna(reference) else f"[{reference:.0f}]",
                "dataset": row["Dataset"],
                "data_type": row["Data Type"],
                "emotions": row["Emotion Class"],
                "check": Cell(row["Score"], claim.get("ours", ""), verdict=claim["verdict"]),
                "network": network,
                "ours": _f1_cell(found, network) if network else Cell(),
            }
        )
    return rows


def _f1_cell(found: ResultsFolder, network: str) -> Cell:
    table = next(number for number in NETWORK_TABLES if network in list_networks(number))
    rows = {row.network: row for row in network_rows(found, table)}
    return rows[network].cells["f1"]


# --- What tables come to --------------------------------------------------------------------------
def tally(found: ResultsFolder, table: int) -> dict:
    """How many of a table's rows have run, and its verdicts by kind of cell."""
    ids = found.ledger["id"].str
    here = found.ledger[ids.startswith(f"table-{table}/")]
    is_count = here["kind"] == "count"
    frame = found.tables.get(table)
    rows = frame[~frame["is_reference"]] if frame is not None else None
    return {
        "number": table,
        "title": TITLES[table],
        "rows": None if rows is None else len(rows),
        "run": None if rows is None else int(rows["n"].notna().sum()),
        "counts": Counter(here.loc[is_count, "verdict"]),
        "others": Counter(here.loc[~is_count, "verdict"]),
    }


def in_words(counts: Counter) -> str:
    """Verdicts with how often they were given, those that were.

    Examples
    --------
    >>> in_words(Counter(matches=37, differs=1))
    '37 match, 1 differs'
    """
    plural = {"matches": "match", "differs": "differ"}
    words = {word: word if counts[word] == 1 else plural.get(word, word) for word in VERDICTS}
    return ", ".join(f"{counts[word]} {words[word]}" for word in VERDICTS if counts[word])


def _claim(found: ResultsFolder, claim_id: str) -> dict:
    return found.ledger.loc[claim_id].to_dict() if claim_id in found.ledger.index else {}
