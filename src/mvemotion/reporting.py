"""Our results beside the paper's Tables 2-6: as data (CSV) and for reading (HTML, Markdown).

In the data, columns that begin with a capital letter are the paper's, verbatim; those that begin
with a small one are ours. Nothing here trains or scores.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mvemotion.errors import InputError
from mvemotion.evaluation import PROBABILITIES
from mvemotion.files import write_atomically
from mvemotion.networks import count_parameters, create_network
from mvemotion.profiles import DATASETS
from mvemotion.published import NETWORK_TABLES, published_parameters, published_table
from mvemotion.specs import EMOTIONS, find_network, list_networks
from mvemotion.statistics import accuracy_interval

PAPER_SUPPORT = dict.fromkeys(EMOTIONS, 50)  # test clips behind every printed score (Table 1)
PAPER_CLIPS = sum(PAPER_SUPPORT.values())
CLOSE = 0.05  # "close": within five points of the printed accuracy
# fmt: off
DTYPES = {
    "id": "str", "Model": "str",
    "Test Accuracy": "float64", "F1-Score": "float64", "ROC AUC Score": "float64",
    "Parameters": "Int64",
    "paper_low": "float64", "paper_high": "float64",  # 95 % Wilson interval on 300 clips
    "parameters": "Int64",
    "accuracy": "float64", "accuracy_low": "float64", "accuracy_high": "float64",  # 95 % Wilson
    "f1_rounded": "float64", "f1_macro": "float64", "auc": "float64",  # rounded: discrepancy D5
    "n": "Int64",
    "parameters_verdict": "str", "score_verdict": "str", "note": "str",
}
# fmt: on
SCORES = {"f1_rounded": "F1 (authors')", "f1_macro": "macro F1", "auc": "AUC"}
TABLE_STYLES = {
    "": "font-size: 85%",
    "caption": "caption-side: top; text-align: left; font-weight: bold; padding: 4px",
    "th": "text-align: left; vertical-align: bottom; padding: 2px 4px",
    "td": "text-align: right; padding: 2px 4px; white-space: nowrap",
    "td.col0": "text-align: left",
}
VERDICT_COLOURS = {"matches": "#009E73", "close": "#B07500", "differs": "#D55E00"}


# --- Tables 2-6 -----------------------------------------------------------------------------------
def compare_table(
    table: int,
    ours: Mapping[str, dict | None],
    baselines: Mapping[str, dict],
    *,
    dataset: str,
) -> pd.DataFrame:
    """One of the paper's tables beside ours.

    Parameters
    ----------
    table : int
        2 to 6.
    ours : mapping of str to dict or None
        Metrics (see `mvemotion.evaluation.score`) by network id; rows that are None or absent are
        reported as not run.
    baselines : mapping of str to dict
        Metrics by the name to print: row zero.
    dataset : str
        ``"synthetic"``, ``"sample"`` or ``"paper"``. Scores are compared on the last
        alone, and only where the test clips are 50 a class as in Table 1.

    Returns
    -------
    DataFrame
        Baselines, then every printed row in the paper's order, then the like-for-like row where
        the paper lacks one (discrepancy D1); columns as in `DTYPES`. What does not exist is
        missing, and `note` says why.

    Raises
    ------
    InputError
        If there is no such table or dataset, or a network is not in that table.
    """
    known = list_networks(_check_table(table))
    unknown = sorted(set(ours) - set(known))
    if unknown:
        raise InputError(f"networks {unknown}: not in Table {table}; it has {', '.join(known)}")
    if dataset not in DATASETS:
        raise InputError(f"dataset {dataset!r}: choose from {', '.join(DATASETS)}")
    rows = [_baseline_row(label, metrics) for label, metrics in baselines.items()]
    printed = published_table(table).set_index("id")
    for network_id in known:
        paper = printed.loc[network_id].to_dict() if network_id in printed.index else {}
        rows.append(_network_row(network_id, paper, ours.get(network_id), dataset))
    return pd.DataFrame(rows).reindex(columns=list(DTYPES)).astype(DTYPES)


def networks_table(table: int) -> pd.DataFrame:
    """The networks of a table as built here: streams, parameters and the paper's count, as text.

    `difference` is our count at the paper's input sizes less the printed one.
    """
    printed, rows = published_parameters(), {}
    for network_id in list_networks(_check_table(table)):
        ours, paper = parameter_total(network_id), printed.get(network_id)
        rows[network_id] = {
            "streams": " ".join(find_network(network_id).streams),
            "parameters": f"{ours:,}",
            "paper": f"{paper:,}" if paper else "not printed",
            "difference": f"{ours - paper:+,}" if paper else "",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


@cache
def parameter_total(network_id: str) -> int:
    """Parameters in the paper's convention, counted on the network built at the paper's sizes."""
    with torch.device("meta"):
        return count_parameters(create_network(network_id)).total


def save_table(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV, whole or not at all; missing values are empty, `note` says why."""
    return write_atomically(path, lambda part: frame.to_csv(part, index=False))


# --- Reading --------------------------------------------------------------------------------------
def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of `compare_table` as text, under the headings Paper, Ours and Verdict.

    What is missing is a word: *not run*, *n/a* (a class is absent from the split) or, in the
    paper's columns, a dash.
    """
    rows = [_readable_row(row) for row in frame.to_dict("records")]
    text = pd.DataFrame(rows)
    text.columns = pd.MultiIndex.from_tuples(text.columns)
    return text


def to_markdown(frame: pd.DataFrame) -> str:
    """The table of `compare_table` in Markdown, with its notes below."""
    text = readable(frame)
    text.columns = [" ".join(filter(None, column)) for column in text.columns]
    lines = [text.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join([*lines, *(f"- {note}" for note in _notes(frame))]).strip() + "\n"


def style_table(frame: pd.DataFrame, *, caption: str = "") -> "pd.io.formats.style.Styler":
    """The table of `compare_table` for a notebook or page, verdicts in colour."""
    text = readable(frame)
    groups = [("Paper", "accuracy"), ("Ours", "parameters"), ("Verdict", "parameters")]
    styles = [{"selector": selector, "props": props} for selector, props in TABLE_STYLES.items()]
    styler = text.style.hide(axis="index").set_caption(caption).set_table_styles(styles)
    styler = styler.set_properties(subset=groups, **{"border-left": "1px solid #bbb"})
    verdicts = [column for column in text.columns if column[0] == "Verdict"]
    return styler.set_uuid("table").map(_verdict_colour, subset=verdicts)


def show_table(frame: pd.DataFrame, *, caption: str = "") -> None:
    """Display the table of `compare_table` in a notebook, with its notes below."""
    from IPython.display import display

    notes = "".join(f"<li>{escape(note)}</li>" for note in _notes(frame))
    html = style_table(frame, caption=caption).to_html() + (f"<ul>{notes}</ul>" if notes else "")
    plain = f"{caption}\n\n{to_markdown(frame)}".strip()
    display({"text/html": html, "text/plain": plain}, raw=True)


def coverage(table: int, rows: Sequence[str]) -> str:
    """A sentence on how many of a table's rows are run, and which are not."""
    known = list_networks(_check_table(table))
    missing = [row for row in known if row not in rows]
    run = len(known) - len(missing)
    count = (run or "none") if missing else "all"
    text = f"Table {table}: {count} of its {len(known)} networks {'is' if run == 1 else 'are'} run"
    return f"{text} here; not run: {', '.join(missing)}." if missing else f"{text} here."


def read_histories(runs: Mapping[str, Path]) -> pd.DataFrame:
    """The ``history.csv`` of several run folders in one frame, by the column ``network``."""
    paths = {label: Path(run) / "history.csv" for label, run in runs.items()}
    parts = [pd.read_csv(p).assign(network=n) for n, p in paths.items() if p.exists()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def targets_and_probabilities(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """True class indices (n,) and probabilities (n, K) of a run's ``predictions.csv``."""
    targets = predictions["emotion"].map(EMOTIONS.index).to_numpy()
    return targets, predictions[PROBABILITIES].to_numpy()


def _check_table(table: int) -> int:
    if table not in NETWORK_TABLES:
        raise InputError(f"table {table!r}: the networks are in Tables 2 to 6")
    return table


def _baseline_row(label: str, metrics: dict) -> dict:
    return {
        "Model": label,
        **_our_scores(metrics),
        "parameters_verdict": "not printed",
        "score_verdict": "not printed",
        "note": "; ".join(_not_available(metrics)),
    }


def _network_row(network_id: str, paper: dict, metrics: dict | None, dataset: str) -> dict:
    printed = paper.get("Test Accuracy")
    count, paper_count = parameter_total(network_id), paper.get("Parameters")
    row = {"id": network_id, "Model": find_network(network_id).label, "parameters": count} | paper
    if printed is not None:
        bounds = accuracy_interval(round(printed * PAPER_CLIPS), PAPER_CLIPS)
        row["paper_low"], row["paper_high"] = bounds
    row |= _our_scores(metrics)
    row["parameters_verdict"] = _parameters_verdict(count, paper_count)
    row["score_verdict"] = _score_verdict(row, metrics and metrics["support"], dataset)
    row["note"] = "; ".join([*_count_note(count, paper_count), *_not_available(metrics)])
    return row


def _our_scores(metrics: dict | None) -> dict:
    if metrics is None:
        return {}
    low, high = accuracy_interval(round(metrics["accuracy"] * metrics["n"]), metrics["n"])
    scores = {name: metrics[name] for name in ("n", "accuracy", *SCORES)}
    return scores | {"accuracy_low": low, "accuracy_high": high}


def _parameters_verdict(ours: int, paper: int | None) -> str:
    if paper is None:
        return "not printed"
    return "matches" if ours == paper else "differs"


def _count_note(ours: int, paper: int | None) -> list[str]:
    if paper is None or ours == paper:
        return []
    return [f"{abs(ours - paper):,} {'more' if ours > paper else 'fewer'} parameters than printed"]


def _score_verdict(row: dict, support: dict | None, dataset: str) -> str:
    printed = row.get("Test Accuracy")
    if printed is None:
        return "not printed"
    if support is None:
        return "untested: not run"
    if support != PAPER_SUPPORT:
        return f"untested: not the paper's {PAPER_CLIPS} test clips"
    if dataset != "paper":
        return f"untested: the profile's dataset is {dataset}"
    if row["accuracy_low"] <= printed <= row["accuracy_high"]:
        return "matches"
    return "close" if abs(row["accuracy"] - printed) <= CLOSE + 1e-9 else "differs"


def _not_available(metrics: dict | None) -> list[str]:
    """Reasons of missing scores, each with the scores it holds for."""
    if metrics is None:
        return ["not run"]
    names: dict[str, list[str]] = {}
    for score, reason in metrics.get("not_available", {}).items():
        names.setdefault(reason, []).append(SCORES[score])
    return [f"{', '.join(scores)} n/a: {reason}" for reason, scores in names.items()]


def _readable_row(row: dict) -> dict:
    is_run = not pd.isna(row["n"])
    missing = "n/a" if is_run else ""
    bounds = f"{row['accuracy_low']:.3f}–{row['accuracy_high']:.3f}" if is_run else ""
    return {
        ("", "Model"): row["Model"],
        ("Paper", "accuracy"): _number(row["Test Accuracy"], ".4f"),
        ("Paper", "F1"): _number(row["F1-Score"], ".2f"),
        ("Paper", "AUC"): _number(row["ROC AUC Score"], ".3f"),
        ("Paper", "parameters"): _number(row["Parameters"], ","),
        ("Ours", "parameters"): _number(row["parameters"], ","),
        ("Ours", "accuracy"): _number(row["accuracy"], ".3f", "not run"),
        ("Ours", "95 % interval"): bounds,
        ("Ours", "F1 (authors')"): _number(row["f1_rounded"], ".3f", missing),
        ("Ours", "macro F1"): _number(row["f1_macro"], ".3f", missing),
        ("Ours", "AUC"): _number(row["auc"], ".3f", missing),
        ("Ours", "n"): _number(row["n"], "d", ""),
        ("Verdict", "parameters"): _verdict(row["parameters_verdict"]),
        ("Verdict", "score"): _verdict(row["score_verdict"]),
    }


def _verdict(verdict: str) -> str:
    """Its word; the reason stands in the notes, and what is not printed cannot be compared."""
    return "–" if verdict == "not printed" else verdict.split(":")[0]


def _number(value, form: str, missing: str = "–") -> str:
    return missing if pd.isna(value) else format(value, form)


def _notes(frame: pd.DataFrame) -> list[str]:
    """Each reason once, with the rows it holds for; that a row was not run stands in the row."""
    rows: dict[str, list[str]] = {}
    verdicts = frame["score_verdict"].where(frame["score_verdict"].str.contains(":"), "")
    for model, *notes in zip(frame["Model"], frame["note"], verdicts, strict=True):
        for part in filter(None, "; ".join(notes).split("; ")):
            rows.setdefault(part, []).append(model)
    for plain in ("not run", "untested: not run"):
        rows.pop(plain, None)
    return [f"{note} ({_listed(models, len(frame))})" for note, models in rows.items()]


def _listed(models: list[str], total: int) -> str:
    return f"{len(models)} of {total} rows" if len(models) > 2 else ", ".join(models)


def _verdict_colour(verdict: str) -> str:
    return f"color: {VERDICT_COLOURS.get(verdict, '#666')}"
