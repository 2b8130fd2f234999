"""``results/tier0``: tables, figure and summary of what follows from the published numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from mvemotion.census import CensusRow, census, summary
from mvemotion.comparisons import smallest_difference, smallest_paired_difference
from mvemotion.figures import plot_confusion, save_figure, set_style
from mvemotion.files import write_json, write_result_table, write_text
from mvemotion.provenance import provenance
from mvemotion.published import NETWORK_TABLES, published_confusions
from mvemotion.recomputation.checks import check_prints
from mvemotion.recomputation.matrices import (
    class_scores,
    confusions_between,
    error_agreements,
    matrix_scores,
)
from mvemotion.recomputation.printed import TEST_CLIPS, printed_differences
from mvemotion.statistics import accuracy_text

TABLES = {
    "matrices": "scores of the six confusion matrices beside the printed ones",
    "classes": "recall, precision and F1 of each emotion",
    "confusions": "pairs of emotions by how often they were taken for one another",
    "agreements": "whether two networks err in the same places",
    "differences": "every two printed accuracies compared",
    "checks": "printed numbers against one another and the authors' outputs",
    "census": "every network's parameters, counted here",
}


def recompute(root: Path) -> str:
    """Write tier 0 under `root`; returns its summary in Markdown.

    Returns
    -------
    str
        What ``summary.md`` holds. Beside it: a CSV for each of `TABLES`, ``confusions.png``, and
        ``tier0.json``, the same with its origin, which the claims ledger reads.
    """
    rows = census()
    tables = recomputed_tables(rows)
    for name, frame in tables.items():
        write_result_table(root / f"{name}.csv", frame)
    _draw(root / "confusions.png")
    text = summarize(tables, rows)
    write_text(root / "summary.md", text)
    records = {name: _records(frame) for name, frame in tables.items()}
    write_json(root / "tier0.json", {"provenance": provenance()} | records)
    return text


def recomputed_tables(rows: Sequence[CensusRow]) -> dict[str, pd.DataFrame]:
    """The tables of `TABLES` by name."""
    gflops = {row.id: row.gflops for row in rows}
    return {
        "matrices": matrix_scores(),
        "classes": class_scores(),
        "confusions": confusions_between(),
        "agreements": error_agreements(),
        "differences": printed_differences(),
        "checks": pd.DataFrame([asdict(check) for check in check_prints(gflops)]),
        "census": pd.DataFrame([asdict(row) for row in rows]),
    }


def summarize(tables: dict[str, pd.DataFrame], rows: Sequence[CensusRow]) -> str:
    """Tier 0 for reading, in Markdown."""
    parts = (
        ["# Tier 0: what follows from the published numbers", ""],
        ["No data and no training: the paper's tables and the authors' six confusion matrices."],
        ["", f"## Six confusion matrices, {TEST_CLIPS} clips each", ""],
        [_scores_table(tables["matrices"]), "", _f1_note(), ""],
        ["## Printed numbers", "", *_check_lines(tables["checks"]), ""],
        [f"## Differences that {TEST_CLIPS} clips can show", ""],
        [*_difference_lines(tables["differences"]), ""],
        ["## Parameters", "", summary(rows).replace("\n", ".\n") + ".", ""],
    )
    return "\n".join(line for part in parts for line in part)


def _scores_table(matrices: pd.DataFrame) -> str:
    shown = pd.DataFrame(
        {
            "network": matrices["id"],
            "checkpoint": matrices["checkpoint"],
            "accuracy": matrices["accuracy"].map("{:.4f}".format),
            "95 %": matrices["low"].map("{:.3f}–".format) + matrices["high"].map("{:.3f}".format),
            "printed": matrices["printed_accuracy"].map(_or_dash),
            "macro F1": matrices["f1_macro"].map("{:.3f}".format),
            "printed F1": matrices["printed_f1"].map(_or_dash),
            "authors' AUC": matrices["authors_auc"].map("{:.3f}".format),
            "printed AUC": matrices["printed_auc"].map(_or_dash),
        }
    )
    return shown.to_markdown(index=False, disable_numparse=True)


def _or_dash(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:g}"


def _f1_note() -> str:
    return (
        "Macro F1 is that of the most probable class. The printed F1 rounds each output and scores "
        "the six as a\nmulti-label indicator (D5): a confusion matrix does not hold it."
    )


def _check_lines(checks: pd.DataFrame) -> list[str]:
    counts = checks["verdict"].value_counts()
    found = ", ".join(f"{counts.get(v, 0)} {v}" for v in ("confirmed", "contradicted"))
    head = f"{len(checks)} checks: {found}, {counts.get('cannot tell', 0)} cannot be told."
    wrong = checks[checks["verdict"] == "contradicted"]
    return [head, "Contradicted:", "", *map(_check_line, wrong.itertuples())]


def _check_line(check) -> str:
    note = f"; {check.note}" if check.note else ""
    return f"- {check.place}: *{check.printed}*, but {check.found}{note}"


def _difference_lines(differences: pd.DataFrame) -> list[str]:
    lines = [_told_apart(differences, number) for number in NETWORK_TABLES]
    never = int((differences["paired"] == "not significant").sum())
    return [
        "The paper does not say which clips each network had right, so that two printed accuracies",
        "can be compared only as if they came from different clips (Newcombe's interval).",
        "",
        *lines,
        f"- All tables, and across them: {_told_apart_count(differences)} of {len(differences)}.",
        f"- {never} of these differ by 5 clips or fewer: never significant, however clips pair.",
        *_reach(),
        f"- The best printed row has {accuracy_text(_best_matrix())}.",
    ]


def _reach() -> list[str]:
    unpaired = smallest_difference(TEST_CLIPS, 0.6)
    paired = smallest_paired_difference(TEST_CLIPS, 0.25)
    return [
        f"- What {TEST_CLIPS} clips find four times in five: {unpaired:.1%} above 0.60 if not",
        f"  paired, {paired:.1%} between networks that disagree on a quarter of the same clips.",
    ]


def _told_apart(differences: pd.DataFrame, number: int) -> str:
    is_here = (differences["table_first"] == number) & (differences["table_second"] == number)
    here = differences[is_here]
    return f"- Table {number}: {_told_apart_count(here)} of {len(here)} pairs can be told apart."


def _told_apart_count(differences: pd.DataFrame) -> int:
    return int((differences["unpaired"] != "cannot tell").sum())


def _best_matrix():
    return max(published_confusions(), key=lambda one: one.accuracy).matrix


def _draw(path: Path) -> None:
    with matplotlib.rc_context():
        set_style()
        figure = Figure(figsize=(14, 10), layout="constrained")
        axes = figure.subplots(2, 3).ravel()
        figure.get_layout_engine().set(h_pad=0.12)
        for ax, one in zip(axes, published_confusions(), strict=True):
            title = f"{one.id}\n{one.checkpoint}\n{accuracy_text(one.matrix)}"
            plot_confusion(one.matrix, ax=ax, title=title)
        title = "The six published confusion matrices (one of them is Figure 5)"
        save_figure(figure, path, title=title)


def _records(frame: pd.DataFrame) -> list[dict]:
    """Rows as JSON has them: missing values are null."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
