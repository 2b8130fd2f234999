"""Tables 2-6 for reading: text, Markdown and HTML, with notes on what is missing and why."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from mvemotion.reporting.tables import check_table
from mvemotion.specs import list_networks

TABLE_STYLES = {
    "": "font-size: 85%",
    "caption": "caption-side: top; text-align: left; font-weight: bold; padding: 4px",
    "th": "text-align: left; vertical-align: bottom; padding: 2px 4px",
    "td": "text-align: right; padding: 2px 4px; white-space: nowrap",
    "td.col0": "text-align: left; white-space: normal; min-width: 11em",
}
HEADING_STYLE = {"font-style": "italic", "border-top": "1px solid #bbb", "padding-top": "6px"}
REFERENCE, OF_PAPER = "Reference, not in the paper", "The paper's networks"
VERDICT_COLOURS = {"matches": "#009E73", "close": "#B07500", "differs": "#D55E00"}


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of `compare_table` as text, under the headings Paper, Ours and Verdict.

    What is missing is a word: *not run*, *n/a* (a class is absent from the split) or, in the
    paper's columns, a dash. Where there are references, they and the paper's rows stand under a
    line each that says so.
    """
    references, others = (frame[frame["is_reference"] == wanted] for wanted in (True, False))
    groups = {REFERENCE: references, OF_PAPER: others} if len(references) else {"": others}
    rows = []
    for heading, group in groups.items():
        shown = [_readable_row(row) for row in group.to_dict("records")]
        rows += [{("", "Model"): heading}] * bool(heading) + shown
    text = pd.DataFrame(rows).fillna("")
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
    is_heading = text[("", "Model")].isin((REFERENCE, OF_PAPER))
    heading = pd.IndexSlice[is_heading[is_heading].index, :]
    styler = styler.set_properties(subset=heading, **HEADING_STYLE)
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
    known = list_networks(check_table(table))
    missing = [row for row in known if row not in rows]
    run = len(known) - len(missing)
    count = (run or "none") if missing else "all"
    text = f"Table {table}: {count} of its {len(known)} networks {'is' if run == 1 else 'are'} run"
    return f"{text} here; not run: {', '.join(missing)}." if missing else f"{text} here."


def _readable_row(row: dict) -> dict:
    is_run = not pd.isna(row["n"])
    missing = "n/a" if is_run else ""
    not_run = "left out" if row["note"].startswith("left out") else "not run"
    bounds = f"{row['accuracy_low']:.3f}–{row['accuracy_high']:.3f}" if is_run else ""
    return {
        ("", "Model"): row["Model"],
        ("Paper", "accuracy"): _number(row["Test Accuracy"], ".4f"),
        ("Paper", "F1"): _number(row["F1-Score"], ".2f"),
        ("Paper", "AUC"): _number(row["ROC AUC Score"], ".3f"),
        ("Paper", "parameters"): _number(row["Parameters"], ","),
        ("Ours", "parameters"): _number(row["parameters"], ","),
        ("Ours", "GFLOP"): _number(row["gflops"], ".1f"),
        ("Ours", "accuracy"): _mean(row, "accuracy", not_run),
        ("Ours", "95 % interval"): bounds,
        ("Ours", "F1 (authors')"): _mean(row, "f1_rounded", missing),
        ("Ours", "macro F1"): _mean(row, "f1_macro", missing),
        ("Ours", "AUC"): _mean(row, "auc", missing),
        ("Ours", "n"): _number(row["n"], "d", ""),
        ("Verdict", "parameters"): _verdict(row["parameters_verdict"]),
        ("Verdict", "score"): _verdict(row["score_verdict"]),
    }


def _mean(row: dict, name: str, missing: str) -> str:
    """The score, with its standard deviation where it is a mean over several runs."""
    spread = f" ± {row[f'{name}_sd']:.3f}" if row[f"{name}_sd"] >= 0 else ""
    return _number(row[name], ".3f", missing) + spread


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
    several = frame.loc[frame["runs"] > 1]
    for runs, models in several.groupby("runs")["Model"]:
        rows[f"mean ± standard deviation over {runs} runs"] = list(models)
    return [f"{note} ({_listed(models, len(frame))})" for note, models in rows.items()]


def _listed(models: list[str], total: int) -> str:
    return f"{len(models)} of {total} rows" if len(models) > 2 else ", ".join(models)


def _verdict_colour(verdict: str) -> str:
    return f"color: {VERDICT_COLOURS.get(verdict, '#666')}"
