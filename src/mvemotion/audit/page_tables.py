"""The audit's tables as words, ready to be set."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mvemotion.audit.cues import CUE_BY_NAME, CUES, Cue
from mvemotion.audit.findings import Findings, claims_on_clips, percent
from mvemotion.audit.health import RULES, UNUSABLE, face_rates
from mvemotion.audit.shortcuts import KINDS
from mvemotion.specs import EMOTIONS, SPLITS

MOST_ROWS = 40  # of a long table; all are in the files beside the page
FEW_KINDS = 4  # of encoders, sizes ...; the others are counted together

__all__ = ["CUE_BY_NAME", "Table"]


@dataclass(frozen=True)
class Table:
    """Headings, rows of text, and which columns are numbers."""

    columns: tuple[str, ...]
    rows: list[tuple]
    is_number: tuple[bool, ...]


def _table(rows: list[dict], words: tuple[str, ...]) -> Table:
    """A table of equal dicts; the columns not in `words` are numbers."""
    columns = tuple(rows[0]) if rows else ()
    is_number = tuple(name not in words for name in columns)
    return Table(columns, [tuple(row.values()) for row in rows], is_number)


def in_unit(value: float, cue: Cue) -> str:
    """A mean as a reader wants it: three digits, and the unit where it is short."""
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(value), 1e-3)))))
    return f"{value:,.{min(digits, 3)}f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p-value to two digits, or that it is very small."""
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}"


def caption_of_part(table: pd.DataFrame, what: str, file: str) -> str:
    """A caption that says how much of a long table is shown."""
    if len(table) <= MOST_ROWS:
        return f"All {len(table)} {what}"
    return f"The first {MOST_ROWS} of {len(table):,} {what}; all are in {file}"


# --- Clips ----------------------------------------------------------------------------------------
def composition(found: Findings) -> Table:
    """Clips by class and split."""
    count = pd.crosstab(found.usable["emotion"], found.usable["split"])
    count = count.reindex(list(EMOTIONS), fill_value=0)
    count = count[[name for name in (*SPLITS, "") if name in count]]
    count = count.rename(columns={"": "no split"}).assign(All=count.sum(axis=1))
    count.loc["All"] = count.sum()
    return _table([{"Class": name} | row.to_dict() for name, row in count.iterrows()], ("Class",))


def on_clips(found: Findings) -> Table:
    """What Section 3 says of the clips as such."""
    rows = [
        {"The paper": f"“{row['quote']}”", "The clips": row["found"], "Verdict": row["verdict"]}
        for row in claims_on_clips(found)
    ]
    return _table(rows, ("The paper", "The clips", "Verdict"))


def sharing(found: Findings) -> Table:
    """By split, clips that share a source with another split."""
    rows = [
        {
            "Split": split,
            "Clips": row.clips,
            "Sharing": row.sharing,
            "Share": percent(row.sharing / row.clips),
        }
        for split, row in found.sharing.iterrows()
        if split
    ]
    return _table(rows if len(rows) > 1 else [], ("Split",))


def pairs(found: Findings) -> Table:
    """The surest candidates, those that cross splits first."""
    order = ["crosses_splits", "confidence"]
    first = found.pairs.sort_values(order, ascending=False, kind="stable").head(MOST_ROWS)
    rows = [
        {
            "Clips": f"{row.id_a}\n{row.id_b}",
            "What": row.kind,
            "Splits": "two" if row.crosses_splits else "one",
            "Confidence": f"{row.confidence:.2f}",
        }
        for row in first.itertuples()
    ]
    return _table(rows, ("Clips", "What", "Splits"))


# --- Shortcuts ------------------------------------------------------------------------------------
def shortcuts(found: Findings) -> Table:
    """Every score."""
    labels = {kind.name: kind.label for kind in KINDS}
    rows = []
    for row in found.shortcuts.itertuples():
        cells = {"Given alone": labels[row.kind], "Asked": row.design}
        if row.missing:
            numbers = {"Right": "–", "Accuracy": "–", "Most frequent class": "–", "p": "–"}
            rows.append(cells | numbers | {"Relies most on": row.missing})
            continue
        interval = f"{percent(row.accuracy)} [{percent(row.low)}, {percent(row.high)}]"
        numbers = {"Right": f"{row.hits:.0f} of {row.n:.0f}", "Accuracy": interval}
        numbers |= {"Most frequent class": percent(row.chance), "p": p_value(row.p)}
        named = [feature.replace("_", " ") for feature in row.features]
        rows.append(cells | numbers | {"Relies most on": ", ".join(named)})
    return _table(rows, ("Given alone", "Asked", "Relies most on"))


def shapes(found: Findings) -> Table:
    """Black bars by class."""
    names = {"none": "None", "letterbox": "Above and below", "pillarbox": "Left and right"}
    table = found.shapes.rename(columns=names | {"both": "All around"})
    clips = table.sum(axis=1)
    rows = [
        {"Class": emotion}
        | row.to_dict()
        | {"With bars": _share(clips[emotion] - row["None"], clips[emotion])}
        for emotion, row in table.iterrows()
    ]
    return _table(rows, ("Class",))


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"


# --- Cues -----------------------------------------------------------------------------------------
def cues(found: Findings) -> Table:
    """Mean of each cue in each class."""
    means = found.means.pivot(index="cue", columns="emotion", values="mean")
    tests = found.differences.set_index("cue")
    rows = []
    for cue in CUES:
        values = means.loc[cue.name]
        cells = {e: "–" if pd.isna(values[e]) else in_unit(values[e], cue) for e in EMOTIONS}
        share = tests.loc[cue.name, "epsilon_squared"]
        cells["Explained"] = "–" if pd.isna(share) else percent(share)
        cells["p, adjusted"] = p_value(tests.loc[cue.name, "p_holm"])
        rows.append({"Cue": f"{cue.label} ({cue.unit})"} | cells)
    return _table(rows, ("Cue",))


# --- Health ---------------------------------------------------------------------------------------
def rules(found: Findings) -> Table:
    """Every rule, and how many clips of each class break it."""
    explained = {UNUSABLE: "the file has no decodable picture or sound"}
    explained |= {rule.name: rule.explained for rule in RULES}
    count = pd.crosstab(found.flags["flag"], found.flags["emotion"])
    count = count.reindex(index=list(explained), columns=list(EMOTIONS), fill_value=0)
    rows = [
        {"Unusual": f"{name}\n{explained[name]}"} | row.to_dict() | {"All": int(row.sum())}
        for name, row in count.iterrows()
    ]
    return _table(rows, ("Unusual",))


def faces(found: Findings) -> Table:
    """Faces by class; no row where none were searched."""
    rates = face_rates(found.usable)
    rows = [
        {
            "Class": emotion,
            "Clips searched": rates["clips"][emotion],
            "Without a face": rates["without_face"][emotion],
            "Frames that show one": percent(rates["rate"][emotion]),
        }
        for emotion in EMOTIONS
        if emotion in rates.index
    ]
    return _table(rows, ("Class",))


def made(found: Findings) -> Table:
    """The commonest formats."""
    clips = found.usable
    facts = {
        "Encoder": clips["encoder"].replace("", "not said"),
        "Video codec": clips["video_codec"] + " " + clips["video_profile"],
        "Picture": _text(clips["width"]) + " × " + _text(clips["height"]),
        "Pictures a second": clips["fps"].map("{:.4g}".format),
        "Audio codec": clips["audio_codec"],
        "Audio": _text(clips["audio_rate_hz"])
        + " Hz, "
        + clips["audio_channels"].map({1: "mono", 2: "stereo"}).fillna("more channels"),
        "Duration (s)": clips["duration_s"].round().map("{:.0f}".format),
    }
    rows = [{"Fact": name, "Clips": _commonest(values)} for name, values in facts.items()]
    return _table(rows, ("Fact", "Clips"))


def _text(numbers: pd.Series) -> pd.Series:
    return numbers.astype("Int64").astype("str")


def _commonest(values: pd.Series) -> str:
    count = values.value_counts()
    named = [f"{value} ({number})" for value, number in count.head(FEW_KINDS).items()]
    rest = int(count.iloc[FEW_KINDS:].sum())
    return ", ".join(named + ([f"others ({rest})"] if rest else []))


def flagged(found: Findings) -> Table:
    """The first of the unusual clips."""
    rows = [
        {"Clip": row.id, "Unusual": row.flag, "Found": row.found}
        for row in found.flags.head(MOST_ROWS).itertuples()
    ]
    return _table(rows, ("Clip", "Unusual", "Found"))
