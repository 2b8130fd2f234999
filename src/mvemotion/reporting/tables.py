"""Tables 2-6 as data: our results beside the paper's.

Columns that begin with a capital letter are the paper's, verbatim; those that begin with a small
one are ours. Nothing here trains or scores.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from mvemotion.comparisons import PAPER_SUPPORT, score_verdict
from mvemotion.errors import InputError
from mvemotion.evaluation import PROBABILITIES
from mvemotion.files import write_result_table
from mvemotion.networks import count_meta_flops, count_parameters, create_network
from mvemotion.profiles import DATASETS
from mvemotion.published import NETWORK_TABLES, published_parameters, published_table
from mvemotion.specs import EMOTIONS, find_network, list_networks, list_references
from mvemotion.statistics import accuracy_interval, seeds_summary

PAPER_CLIPS = sum(PAPER_SUPPORT.values())
# fmt: off
DTYPES = {
    "id": "str", "Model": "str",
    "Test Accuracy": "float64", "F1-Score": "float64", "ROC AUC Score": "float64",
    "Parameters": "Int64",
    "paper_low": "float64", "paper_high": "float64",  # 95 % Wilson interval on 300 clips
    "parameters": "Int64", "gflops": "float64",  # of one clip's forward pass, at the paper's sizes
    "accuracy": "float64", "accuracy_low": "float64", "accuracy_high": "float64",  # 95 % Wilson
    "f1_rounded": "float64", "f1_macro": "float64", "auc": "float64",  # rounded: discrepancy D5
    "f1_rounded_low": "float64", "f1_rounded_high": "float64",  # 95 % bootstrap of the mean
    "f1_macro_low": "float64", "f1_macro_high": "float64",
    "auc_low": "float64", "auc_high": "float64",
    "n": "Int64",
    "runs": "Int64",  # scores are means over them, beside their standard deviations and ranges
    "accuracy_sd": "float64", "accuracy_min": "float64", "accuracy_max": "float64",
    "f1_rounded_sd": "float64", "f1_rounded_min": "float64", "f1_rounded_max": "float64",
    "f1_macro_sd": "float64", "f1_macro_min": "float64", "f1_macro_max": "float64",
    "auc_sd": "float64", "auc_min": "float64", "auc_max": "float64",
    "parameters_verdict": "str", "score_verdict": "str", "note": "str",
    "is_reference": "bool",  # not in the paper, nor like a row of it
}
# fmt: on
SCORES = {"f1_rounded": "F1 (authors')", "f1_macro": "macro F1", "auc": "AUC"}


def compare_table(
    table: int,
    ours: Mapping[str, Sequence[dict]],
    baselines: Mapping[str, dict],
    *,
    dataset: str,
    intervals: Mapping[str, dict] | None = None,
) -> pd.DataFrame:
    """One of the paper's tables beside ours.

    Parameters
    ----------
    table : int
        2 to 6.
    ours : mapping of str to sequence of dict
        Metrics (see `mvemotion.evaluation.score`) of each run, on the same clips, by network id;
        rows without any are reported as not run. Several runs are averaged. Reference networks
        (`list_references`) have a row if they are named.
    baselines : mapping of str to dict
        Metrics by the name to print, of what is no network; or ``{"left_out": reason}``.
    dataset : str
        ``"synthetic"``, ``"sample"`` or ``"paper"``. Scores are compared on the last
        alone, and only where the test clips are 50 a class as in Table 1.
    intervals : mapping of str to dict, optional
        `intervals_over_runs` of networks with several runs; without it the means of their F1 and
        AUC have none. A single run's are in its metrics.

    Returns
    -------
    DataFrame
        What is not in the paper: baselines and reference networks. Then every printed row in the
        paper's order, then the like-for-like row where the paper lacks one (discrepancy D1).
        Columns as in `DTYPES`. What does not exist is missing, and `note` says why.

    Raises
    ------
    InputError
        If there is no such table or dataset, or a network is not in that table.
    """
    known = list_networks(check_table(table))
    references = [name for name in list_references(table) if name in ours]
    unknown = sorted(set(ours) - {*known, *references})
    if unknown:
        raise InputError(f"networks {unknown}: not in Table {table}; it has {', '.join(known)}")
    if dataset not in DATASETS:
        raise InputError(f"dataset {dataset!r}: choose from {', '.join(DATASETS)}")
    rows = [_baseline_row(label, metrics) for label, metrics in baselines.items()]
    printed = published_table(table).set_index("id")
    for network_id in (*references, *known):
        paper = printed.loc[network_id].to_dict() if network_id in printed.index else {}
        runs, bounds = ours.get(network_id, ()), (intervals or {}).get(network_id, {})
        row = _network_row(network_id, paper, runs, dataset=dataset, intervals=bounds)
        rows.append(row | {"is_reference": network_id in references})
    return pd.DataFrame(rows).reindex(columns=list(DTYPES)).astype(DTYPES)


def networks_table(table: int) -> pd.DataFrame:
    """The networks of a table as built here: streams, parameters and the paper's count, as text.

    `difference` is our count at the paper's input sizes less the printed one.
    """
    printed, rows = published_parameters(), {}
    for network_id in list_networks(check_table(table)):
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
    return count_parameters(_built(network_id)).total


@cache
def _gflops(network_id: str) -> float:
    return count_meta_flops(_built(network_id)) / 1e9


@cache
def _built(network_id: str) -> nn.Module:
    """At the paper's sizes, shapes without values."""
    with torch.device("meta"):
        return create_network(network_id).eval()


def save_table(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV, whole or not at all; missing values are empty, `note` says why.

    Beside it stands where it came from: see `write_result_table`.
    """
    return write_result_table(path, frame)


def read_histories(runs: Mapping[str, Path]) -> pd.DataFrame:
    """The ``history.csv`` of several run folders in one frame, by the column ``network``."""
    paths = {label: Path(run) / "history.csv" for label, run in runs.items()}
    parts = [pd.read_csv(p).assign(network=n) for n, p in paths.items() if p.exists()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def targets_and_probabilities(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """True class indices (n,) and probabilities (n, K) of a run's ``predictions.csv``."""
    targets = predictions["emotion"].map(EMOTIONS.index).to_numpy()
    return targets, predictions[PROBABILITIES].to_numpy()


def check_table(table: int) -> int:
    """The number itself, if networks are in that table.

    Raises
    ------
    InputError
        If it is not 2 to 6.
    """
    if table not in NETWORK_TABLES:
        raise InputError(f"table {table!r}: the networks are in Tables 2 to 6")
    return table


def why_not_compared(support: dict | None, dataset: str) -> str:
    """*untested* and why, unless scores on so many clips an emotion are on the paper's clips."""
    if support is None:
        return "untested: not run"
    if support != PAPER_SUPPORT:
        return f"untested: not the paper's {PAPER_CLIPS} test clips"
    return "" if dataset == "paper" else f"untested: the profile's dataset is {dataset}"


def _baseline_row(label: str, metrics: dict) -> dict:
    reason = metrics.get("left_out", "")
    runs = [] if reason else [metrics]
    return {
        "Model": label,
        **_our_scores(runs, {}),
        "parameters_verdict": "not printed",
        "score_verdict": "not printed",
        "note": f"left out: {reason}" if reason else "; ".join(_not_available(runs)),
        "is_reference": True,
    }


def _network_row(
    network_id: str, paper: dict, runs: Sequence[dict], *, dataset: str, intervals: dict
) -> dict:
    printed = paper.get("Test Accuracy")
    count, paper_count = parameter_total(network_id), paper.get("Parameters")
    label, gflops = find_network(network_id).label, _gflops(network_id)
    row = {"id": network_id, "Model": label, "parameters": count, "gflops": gflops} | paper
    if printed is not None:
        bounds = accuracy_interval(round(printed * PAPER_CLIPS), PAPER_CLIPS)
        row["paper_low"], row["paper_high"] = bounds
    row |= _our_scores(runs, intervals)
    row["parameters_verdict"] = _parameters_verdict(count, paper_count)
    row["score_verdict"] = _score_verdict(row, runs[0]["support"] if runs else None, dataset)
    row["note"] = "; ".join([*_count_note(count, paper_count), *_not_available(runs)])
    return row


def _our_scores(runs: Sequence[dict], intervals: Mapping[str, Sequence | None]) -> dict:
    """Means over the runs; Wilson's interval is that of the mean accuracy on these n clips."""
    if not runs:
        return {}
    n, scores = runs[0]["n"], {"runs": len(runs), "n": runs[0]["n"]}
    bounds = runs[0].get("intervals", {}) if len(runs) == 1 else intervals
    for name in ("accuracy", *SCORES):
        values = [metrics[name] for metrics in runs]
        if None not in values:
            scores |= _over_runs(name, values) | _interval(name, bounds.get(name))
    low, high = accuracy_interval(round(scores["accuracy"] * n), n)
    return scores | {"accuracy_low": low, "accuracy_high": high}


def _over_runs(name: str, values: Sequence[float]) -> dict:
    found = seeds_summary(values)
    return {name: found["mean"]} | {f"{name}_{key}": found[key] for key in ("sd", "min", "max")}


def _interval(name: str, bounds: Sequence[float] | None) -> dict:
    """The bootstrapped one, where there is one."""
    return dict(zip((f"{name}_low", f"{name}_high"), bounds, strict=True)) if bounds else {}


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
    reason = why_not_compared(support, dataset)
    if reason:
        return reason
    return score_verdict(printed, row["accuracy"], (row["accuracy_low"], row["accuracy_high"]))


def _not_available(runs: Sequence[dict]) -> list[str]:
    """Reasons of missing scores, each with the scores it holds for."""
    if not runs:
        return ["not run"]
    names: dict[str, list[str]] = {}
    for score, reason in runs[0].get("not_available", {}).items():
        names.setdefault(reason, []).append(SCORES[score])
    return [f"{', '.join(scores)} n/a: {reason}" for reason, scores in names.items()]
