"""The audit as one page for screen, phone and paper; nothing on it comes from elsewhere."""

from pathlib import Path

import pandas as pd

from mvemotion.audit import page_tables as tables
from mvemotion.audit.claims import FAILS, HOLDS, OPEN, RULE, UNTESTED
from mvemotion.audit.cues import CUES
from mvemotion.audit.findings import Findings, in_short
from mvemotion.audit.page_figures import draw_figures
from mvemotion.audit.shared_sources import ACCEPTED
from mvemotion.audit.shortcuts import FOLDS, KINDS, PERMUTATIONS
from mvemotion.figures import EMOTION_COLOURS
from mvemotion.pages import Image, fill_page
from mvemotion.specs import EMOTIONS

TEMPLATE = Path(__file__).parent / "templates" / "page.html.jinja"
PURE = ("ratio", "share", "correlation", "Hasler-Süsstrunk")  # units that a number can do without
SHEETS_SHOWN = 2  # on the page itself; links lead to the others
STRIP = 120  # units of width of the drawn interval


def write_page(found: Findings, folder: Path, *, sheets: list[Image], grouped: str) -> Path:
    """Write ``index.html`` and its ``figures``.

    Parameters
    ----------
    found : Findings
    folder : Path
    sheets : list of Image
        Contact sheets of the candidates, in `folder`.
    grouped : str
        Where the split by source is, as the reader should see it.
    """
    content = _content(found) | draw_figures(found, folder)
    content |= {"sheets": sheets[:SHEETS_SHOWN], "more_sheets": sheets[SHEETS_SHOWN:]}
    content["grouped"] = grouped
    return fill_page(folder / "index.html", TEMPLATE, content)


def _content(found: Findings) -> dict:
    count = found.verdicts()
    return {
        "name": found.name,
        "usable": len(found.usable),
        "emotions": EMOTIONS,
        "in_short": in_short(found),
        "composition": tables.composition(found),
        "on_clips": tables.on_clips(found),
        "sharing": tables.sharing(found),
        "accepted": ACCEPTED,
        "pairs": tables.pairs(found),
        "pairs_caption": tables.caption_of_part(found.pairs, "candidate pairs", "pairs.csv"),
        "is_store": found.is_store,
        "shortcuts": tables.shortcuts(found),
        "folds": FOLDS,
        "permutations": f"{PERMUTATIONS:,}",
        "kinds": [(kind.label, kind.explained) for kind in KINDS],
        "shapes": tables.shapes(found),
        "rule": RULE,
        "tally": [(verdict, count[verdict]) for verdict in (HOLDS, FAILS, OPEN, UNTESTED)],
        "claims": [_claims(found, emotion) for emotion in EMOTIONS],
        "cues": tables.cues(found),
        "cue_terms": CUES,
        "rules": tables.rules(found),
        "faces": tables.faces(found),
        "made": tables.made(found),
        "flagged": tables.flagged(found),
        "flagged_caption": tables.caption_of_part(found.flags, "flags", "audit.json"),
        "duration": f"{found.duration_s:g}",
        "origin": _origin(found.provenance),
    }


# --- Section 3's claims ---------------------------------------------------------------------------
def _claims(found: Findings, emotion: str) -> dict:
    rows = found.claims[found.claims["emotion"] == emotion]
    is_tested = rows["cue"] != ""
    means = found.means[found.means["emotion"] == emotion].set_index("cue")["mean"]
    return {
        "emotion": emotion,
        "colour": EMOTION_COLOURS[emotion],
        "tested": [_claim(row, means) for row in rows[is_tested].itertuples()],
        "untested": rows[~is_tested][["quote", "note"]].to_dict("records"),
    }


def _claim(row, means: pd.Series) -> dict:
    cue = tables.CUE_BY_NAME[row.cue]
    has_score = pd.notna(row.auc)
    return {
        "quote": row.quote,
        "measure": f"{cue.label}: {row.direction}",
        "note": row.note,
        "found": _found(row, cue, means.get(row.cue)),
        "against": row.against,
        "strip": _strip(row) if has_score else None,
        "interval": has_score and f"{row.auc:.2f} [{row.low:.2f}, {row.high:.2f}]",
        "p": has_score and f"p {row.p:.4f}, adjusted {tables.p_value(row.p_holm)}",
        "few": f"{row.sources:.0f} and {row.other_sources:.0f} sources: too few",
        "verdict": row.verdict,
        "lean": _lean(row),
    }


def _found(row, cue, mean: float) -> str:
    if pd.isna(mean):
        return "no clip"
    place = {1.0: "", 2.0: "second ", 3.0: "third "}.get(row.rank, f"{row.rank:.0f}th ")
    clips = "clip" if row.clips == 1 else "clips"
    value = tables.in_unit(mean, cue)
    unit = "" if cue.unit in PURE else f" {cue.unit}"
    return f"mean {value}{unit}, {place}{row.direction}est of the classes ({row.clips:.0f} {clips})"


def _lean(row) -> str:
    if row.verdict != OPEN or pd.isna(row.auc) or row.low <= 0.5 <= row.high:
        return ""
    return f"leans {'towards it' if row.auc > 0.5 else 'against it'}"


def _strip(row) -> dict:
    words = f"{row.auc:.2f}, 95 % interval {row.low:.2f} to {row.high:.2f}; 0.5 is no difference"
    places = {"low": row.low, "middle": row.auc, "high": row.high}
    return {name: f"{STRIP * value:.1f}" for name, value in places.items()} | {"label": words}


def _origin(facts: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if number)
    return (
        f"Made {facts['time_utc']} from commit {facts['commit'] or 'unknown'}, seed "
        f"{facts['seed']}, Python {facts['python']}, {versions}."
    )
