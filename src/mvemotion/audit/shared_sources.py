"""Clips cut from one video: which they are, and a split that keeps them together."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import PurePath

import numpy as np
import pandas as pd
from tqdm import tqdm

from mvemotion.audit.evidence import REPEAT, Likeness, compare
from mvemotion.audit.fingerprints import Fingerprint
from mvemotion.audit.neighbours import find_alike, find_equal_pictures
from mvemotion.data.draw import assign_splits
from mvemotion.data.splits import PART
from mvemotion.errors import InputError

LISTED, ACCEPTED, CERTAIN = 0.3, 0.5, 0.99  # confidence from which a pair is listed, linked, sure
SUPPORT = 0.5  # share of the pairs between two groups that must be linked to join them

COLUMNS = {  # of the table of pairs
    "id_a": "str",
    "id_b": "str",
    "split_a": "str",
    "split_b": "str",
    "crosses_splits": "bool",
    "kind": "str",  # "duplicate", "overlap", "same source" or "name only"
    "confidence": "float64",
    "shares_name": "bool",
    "colours": "float64",  # this and what follows: as in `evidence.Likeness` and `evidence.Run`
    "spectrum": "float64",
    "equal_pictures": "int64",
    "sound_run": "float64",
    "lag_s": "float64",
    "overlap_s": "float64",
}


# --- Pairs ----------------------------------------------------------------------------------------
def find_shared_sources(
    clips: pd.DataFrame,
    prints: Mapping[str, Fingerprint],
    *,
    least: float = LISTED,
    progress: bool = False,
) -> pd.DataFrame:
    """Pairs of clips that probably come from one video, with the evidence.

    Clips alike in colours and spectrum are looked up rather than all pairs compared, and so are
    clips with an equal picture or name; pictures and sound of these candidates are then compared
    in detail. Labels and splits take no part.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``id``, ``split`` and ``path``, in any order of rows.
    prints : mapping of str to Fingerprint
        By id. Clips without one are in no pair.
    least : float
        Confidence from which a pair is listed; a pair of one name always is.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    pd.DataFrame
        The columns of `COLUMNS`, one row a pair, surest first. The confidence is the probability
        of one source: prior odds are 1 to the number of other clips (that is, one mate a clip on
        average), or even where names agree. ``duplicate``: the same seconds throughout;
        ``overlap``: some of the same seconds; ``name only``: nothing but the name speaks for it.

    Raises
    ------
    InputError
        If an id is there twice.
    """
    known = _with_prints(clips, prints)
    entries = [prints[clip_id] for clip_id in known["id"]]
    odds = 1 / max(len(entries) - 1, 1)
    least_weight = -np.log(odds) - REPEAT  # what one more piece of evidence would make even
    found = (find_alike(entries, least_weight=least_weight), find_equal_pictures(entries))
    named = _pairs_of_one_name(known["path"])
    pairs = sorted(named.union(*(map(tuple, each.pairs.tolist()) for each in found)))
    rows = []
    for a, b in tqdm(pairs, "compare", unit="pair", disable=None if progress else True):
        likeness = compare(entries[a], entries[b])
        evidence = _weigh(likeness, odds=odds, shares_name=(a, b) in named)
        rows.append(_name(known, a, b) | evidence | _measures(likeness))
    table = _to_table(rows)
    return table[(table["confidence"] >= least) | table["shares_name"]].reset_index(drop=True)


def _with_prints(clips: pd.DataFrame, prints: Mapping[str, Fingerprint]) -> pd.DataFrame:
    twice = clips["id"][clips["id"].duplicated()].tolist()
    if twice:
        raise InputError(f"clips {twice[:5]}: more than once; give each clip one row")
    return clips[clips["id"].isin(list(prints))].sort_values("id").reset_index(drop=True)


def _pairs_of_one_name(paths: pd.Series) -> set[tuple[int, int]]:
    """Pairs of which the names are equal but for a mark of the cut, such as ``-3-of-9``."""
    stems = [PurePath(path).stem.lower() for path in paths]
    names = pd.Series([PART.sub("", stem) for stem in stems])
    is_cut = (names != stems).groupby(names).transform("any")
    members = names[is_cut].groupby(names[is_cut]).groups.values()
    return {pair for group in members for pair in combinations(sorted(group), 2)}


def _weigh(likeness: Likeness, *, odds: float, shares_name: bool) -> dict[str, object]:
    """What is made of the evidence: kind and confidence."""
    weight = likeness.weight
    if likeness.is_duplicate or likeness.overlap_s:
        kind = "duplicate" if likeness.is_duplicate else "overlap"
        return {"kind": kind, "confidence": 1.0, "shares_name": shares_name}
    prior = 1.0 if shares_name else odds
    kind = "name only" if shares_name and weight <= 0 else "same source"
    confidence = 1 / (1 + np.exp(-weight) / prior) if weight > 0 or shares_name else 0.0
    return {"kind": kind, "confidence": confidence, "shares_name": shares_name}


def _name(clips: pd.DataFrame, a: int, b: int) -> dict[str, object]:
    split_a, split_b = clips["split"].iloc[[a, b]]
    return {
        "id_a": clips["id"].iloc[a],
        "id_b": clips["id"].iloc[b],
        "split_a": split_a,
        "split_b": split_b,
        "crosses_splits": split_a != split_b,
    }


def _measures(likeness: Likeness) -> dict[str, float]:
    return {
        "colours": likeness.colours,
        "spectrum": likeness.spectrum,
        "equal_pictures": likeness.equal_pictures,
        "sound_run": likeness.run.agreement,
        "lag_s": likeness.run.lag_s,
        "overlap_s": likeness.overlap_s,
    }


def _to_table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)
    order = ["confidence", "id_a", "id_b"]
    return table.sort_values(order, ascending=[False, True, True], ignore_index=True)


# --- Groups and splits ----------------------------------------------------------------------------
def source_groups(
    clips: pd.DataFrame, pairs: pd.DataFrame, *, accepted: float = ACCEPTED
) -> pd.Series:
    """Clips of one source under one name.

    Pairs are taken surest first. A sure one joins the groups of its clips; another does so only if
    at least half of the pairs between the two groups are accepted, so that one weak link does not
    chain sources together.

    Parameters
    ----------
    clips : pd.DataFrame
        Column ``id``.
    pairs : pd.DataFrame
        What `find_shared_sources` returns; rows that the eye has found wrong may be dropped.
    accepted : float
        Confidence from which a pair counts.

    Returns
    -------
    pd.Series
        Name of the group, that of its first clip, by id and in the order of `clips`.
    """
    links = pairs[pairs["confidence"] >= accepted]
    links = links.sort_values(["confidence", "id_a", "id_b"], ascending=[False, True, True])
    columns = (links[name].tolist() for name in ("id_a", "id_b", "confidence"))
    linked = {frozenset(pair) for pair in zip(links["id_a"], links["id_b"], strict=True)}
    group = {clip_id: frozenset([clip_id]) for clip_id in clips["id"]}
    for a, b, confidence in zip(*columns, strict=True):
        if group[a] is group[b] or not _may_join(group[a], group[b], confidence, linked):
            continue
        joined = group[a] | group[b]
        group |= dict.fromkeys(joined, joined)
    return pd.Series({clip_id: min(group[clip_id]) for clip_id in clips["id"]}, name="group")


def _may_join(a: frozenset, b: frozenset, confidence: float, linked: set[frozenset]) -> bool:
    support = sum(frozenset(pair) in linked for pair in product(a, b))
    return confidence >= CERTAIN or support >= SUPPORT * len(a) * len(b)


def regroup(
    clips: pd.DataFrame,
    groups: pd.Series,
    *,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw splits anew such that none shares a source with another.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``id``, ``split`` and ``emotion``.
    groups : pd.Series
        What `source_groups` returns.
    shares : mapping, optional
        Split to its share of the clips; by default as they are now.
    seed : int
        Another seed, another draw.

    Returns
    -------
    pd.DataFrame
        ``id``, ``split`` and ``group``, as `mvemotion.data.splits.write_splits` takes them.
    """
    if shares is None:
        shares = clips["split"].value_counts(normalize=True).to_dict()
    names = groups.loc[clips["id"]].tolist()
    splits = assign_splits(clips["emotion"], names, shares=shares, seed=seed)
    return pd.DataFrame({"id": clips["id"].tolist(), "split": splits, "group": names})
