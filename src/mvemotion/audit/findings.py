"""What an audit found: its tables, their main points in words, and the files that hold them."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from mvemotion.audit.claims import FAILS, HOLDS, OPEN, RULE, UNTESTED
from mvemotion.audit.health import face_rates
from mvemotion.audit.shared_sources import ACCEPTED
from mvemotion.audit.shortcuts import CROSS_VALIDATION, KINDS
from mvemotion.files import write_bytes, write_json
from mvemotion.specs import EMOTIONS, SPLITS

GOOD, BAD, PLAIN = "good", "bad", "plain"


@dataclass(frozen=True)
class Findings:
    """The tables of one audit.

    Attributes
    ----------
    name : str
        Of the store or folder.
    is_store : bool
    duration_s : float
        Seconds of each clip that were measured.
    clips : pd.DataFrame
        One row a clip: facts, measurements, ``status``, ``group`` and ``shape``.
    flags : pd.DataFrame
        As `mvemotion.audit.health.find_flags`.
    pairs : pd.DataFrame
        As `mvemotion.audit.shared_sources.find_shared_sources`.
    shortcuts : pd.DataFrame
        As `mvemotion.audit.shortcuts.score_shortcuts`.
    means, differences, claims : pd.DataFrame
        As the functions of `mvemotion.audit.claims`.
    provenance : dict
    """

    name: str
    is_store: bool
    duration_s: float
    clips: pd.DataFrame
    flags: pd.DataFrame
    pairs: pd.DataFrame
    shortcuts: pd.DataFrame
    means: pd.DataFrame
    differences: pd.DataFrame
    claims: pd.DataFrame
    provenance: dict

    @cached_property
    def usable(self) -> pd.DataFrame:
        """The clips that decode."""
        return self.clips[self.clips["status"] == "ok"].reset_index(drop=True)

    @cached_property
    def sharing(self) -> pd.DataFrame:
        """By split: ``clips``, and how many share their source with one of another split."""
        splits = self.usable.groupby("group")["split"].nunique()
        is_shared = self.usable["group"].map(splits) > 1
        table = is_shared.groupby(self.usable["split"]).agg(["size", "sum"])
        table.columns = ["clips", "sharing"]
        return table.reindex([name for name in ("", *SPLITS) if name in table.index])

    @cached_property
    def sources(self) -> dict[str, int]:
        """Counts of sources and of the pairs between which one is shared."""
        sure = self.pairs[self.pairs["confidence"] >= ACCEPTED]
        size = self.usable["group"].value_counts()
        splits = self.usable.groupby("group")["split"].nunique()
        return {
            "sources": len(size),
            "of_several_clips": int((size > 1).sum()),
            "crossing_splits": int((splits > 1).sum()),
            "clips_of_several": int(size[size > 1].sum()),
            "candidate_pairs": len(self.pairs),
            "accepted_pairs": len(sure),
            "accepted_pairs_crossing": int(sure["crosses_splits"].sum()),
        }

    @cached_property
    def shapes(self) -> pd.DataFrame:
        """By class, clips with bars: columns ``none``, ``letterbox``, ``pillarbox``, ``both``."""
        table = pd.crosstab(self.usable["emotion"], self.usable["shape"])
        columns = ["none", "letterbox", "pillarbox", "both"]
        return table.reindex(index=list(EMOTIONS), columns=columns, fill_value=0)

    def verdicts(self) -> Counter:
        """How many of Section 3's claims have which verdict."""
        return Counter(self.claims["verdict"])


# --- Words ----------------------------------------------------------------------------------------
def in_short(found: Findings) -> list[tuple[str, str]]:
    """The main points: a tone (``good``, ``bad`` or ``plain``) and a sentence each."""
    return [_files(found), _sources(found), _shortcuts(found), _claims(found)]


def _files(found: Findings) -> tuple[str, str]:
    clips, usable = len(found.clips), len(found.usable)
    flagged = found.flags["id"].nunique()
    most = found.flags["flag"].value_counts().head(3)
    common = ", ".join(f"{name} ({count})" for name, count in most.items())
    text = f"{usable} of {clips} clips decode; {flagged} have something unusual"
    tone = BAD if usable < clips else PLAIN
    return tone, f"{text}, most often {common}." if common else f"{text}."


def _sources(found: Findings) -> tuple[str, str]:
    counts, sharing = found.sources, found.sharing
    text = f"{counted(counts['sources'], 'source')} behind {len(found.usable)} clips"
    if not counts["crossing_splits"]:
        return GOOD, f"{text}; none was found in more than one split."
    parts = [
        f"{row.sharing} of {row.clips} {split} clips"
        for split, row in sharing.iterrows()
        if split and row.sharing
    ]
    stand = "stands" if counts["crossing_splits"] == 1 else "stand"
    return BAD, (
        f"{text}; {counts['crossing_splits']} probably {stand} in more than one split: "
        f"{', '.join(parts)} share theirs with another split."
    )


def percent(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def counted(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shortcuts(found: Findings) -> tuple[str, str]:
    scored = found.shortcuts[found.shortcuts["design"] == CROSS_VALIDATION].set_index("kind")
    labels = {kind.name: kind.label.lower() for kind in KINDS}
    if scored["missing"].any():
        return PLAIN, f"Shortcuts could not be scored: {scored['missing'].iloc[0]}."
    rows = scored.sort_values("accuracy", ascending=False, kind="stable")
    parts = [
        f"{labels[row.Index]} {percent(row.accuracy)} [{percent(row.low)}, {percent(row.high)}]"
        for row in rows.itertuples()
    ]
    tone = BAD if (rows["low"] > rows["chance"]).any() else GOOD
    return tone, (
        "The class of clips of unknown sources, told without looking or listening: right from "
        f"{', from '.join(parts)}; the most frequent class gets {percent(rows['chance'].iloc[0])}."
    )


def _claims(found: Findings) -> tuple[str, str]:
    count = found.verdicts()
    tested = sum(count[verdict] for verdict in (HOLDS, FAILS, OPEN))
    return PLAIN, (
        f"Of {tested} checkable claims of Section 3 on the classes, {count[HOLDS]} hold here, "
        f"{count[FAILS]} {'does' if count[FAILS] == 1 else 'do'} not, and {count[OPEN]} cannot be "
        f"decided with these clips; {count[UNTESTED]} more are not measured."
    )


def claims_on_clips(found: Findings) -> list[dict[str, str]]:
    """What Sections 3 and 5.1 say of the clips as such: quote, found, verdict."""
    return [_distinct(found), _unseen(found), _repeated(found), _with_face(found)]


def _distinct(found: Findings) -> dict[str, str]:
    by_group = found.usable.groupby("group")["split"].agg(set)
    row = {"quote": "the training and testing samples were taken from distinct sources"}
    known, tested = SPLITS[0], SPLITS[-1]
    if not {known, tested} <= set(found.usable["split"]):
        return row | {"found": f"no clips in both {known} and {tested}", "verdict": OPEN}
    counts = {other: sum({known, other} <= splits for splits in by_group) for other in SPLITS[1:]}
    parts = [f"{counted(count, 'source')} in {known} and {s}" for s, count in counts.items()]
    is_mixed = counts[tested] > 0
    verdict = FAILS if is_mixed else OPEN if any(counts.values()) else HOLDS
    return row | {"found": ", ".join(parts), "verdict": verdict}


def _unseen(found: Findings) -> dict[str, str]:
    row = {"quote": "were never used in the training process"}
    known, tested = SPLITS[0], SPLITS[-1]
    if not {known, tested} <= set(found.usable["split"]):
        return row | {"found": f"no clips in both {known} and {tested}", "verdict": OPEN}
    pairs = found.pairs[found.pairs["kind"].isin(("duplicate", "overlap"))]
    sides = map(set, zip(pairs["split_a"], pairs["split_b"], strict=True))
    count = sum(both == {known, tested} for both in sides)
    text = f"{counted(count, 'pair')} of clips in {known} and {tested} with the same seconds"
    return row | {"found": text, "verdict": FAILS if count else HOLDS}


def _repeated(found: Findings) -> dict[str, str]:
    clips, several = len(found.usable), found.sources["clips_of_several"]
    return {
        "quote": "Most samples were not repeated from a single music video",
        "found": f"{several} of {clips} clips share their source with another clip",
        "verdict": HOLDS if several <= clips / 2 else FAILS,
    }


def _with_face(found: Findings) -> dict[str, str]:
    row = {"quote": "We chose music videos that contained at least one face"}
    searched = found.usable[found.usable["face_searched"].fillna(0) > 0]
    if not len(searched):
        return row | {"found": "faces were not searched: audit a store", "verdict": UNTESTED}
    without = int((searched["face_frames"] == 0).sum())
    text = f"{without} of {len(searched)} clips show none in the frames searched"
    return row | {"found": text, "verdict": OPEN if without else HOLDS}


# --- Files ----------------------------------------------------------------------------------------
def write_findings(found: Findings, folder: Path) -> None:
    """``audit.json`` with all numbers, ``clips.csv`` and ``pairs.csv``."""
    for name in ("clips", "pairs"):
        write_bytes(folder / f"{name}.csv", getattr(found, name).to_csv(index=False).encode())
    tables = ("flags", "pairs", "shortcuts", "means", "differences", "claims")
    content = {
        "name": found.name,
        "in_short": [sentence for _, sentence in in_short(found)],
        "clips": len(found.clips),
        "decodable": len(found.usable),
        "sources": found.sources,
        "sharing": _records(found.sharing.reset_index()),
        "claims_on_clips": claims_on_clips(found),
        "shapes": _records(found.shapes.reset_index()),
        "faces": _records(face_rates(found.usable).reset_index()),
        "rule": RULE,
        **{name: _records(getattr(found, name)) for name in tables},
        "provenance": found.provenance,
    }
    write_json(folder / "audit.json", content)


def _records(table: pd.DataFrame) -> list[dict]:
    """Rows as JSON has them; what is missing is null."""
    return json.loads(table.to_json(orient="records", double_precision=12))
