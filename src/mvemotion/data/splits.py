"""Which clip is for training and which for testing: groups of clips, and files that say so.

Clips cut from one video share its song, singer, set and logo: a network that has learned from one
knows the others. Splits are therefore drawn by group (`mvemotion.data.draw`), and a split file says
for any store which clip belongs where.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from mvemotion.data.draw import SHARES, assign_splits
from mvemotion.data.sources import SUFFIXES
from mvemotion.errors import DataError, InputError
from mvemotion.files import write_bytes
from mvemotion.specs import SPLITS

PREPARED = "prepared"  # name of the split that a store was prepared with

_NUMBER = r"\d+(?:\.\d+)?s?"
_PART = rf"{_NUMBER}[-_ ]+of[-_ ]+{_NUMBER}|{_NUMBER}[-_]{_NUMBER}|part[-_ ]*\d+"
PART = re.compile(rf"[-_ .]+(?:{_PART})$|\s*\((?:{_PART})\)$", re.IGNORECASE)
COUNT = re.compile(rf"[-_ .]*\(\d*\)$|[-_ .]+(?:{_NUMBER}|copy)$", re.IGNORECASE)


def source_name(path_or_stem: str | PurePath) -> str:
    """What the names of clips cut from one video have in common, as far as names tell.

    Everything at the end that counts is dropped: ``-3-of-9``, ``_000090_000120``, ``part 2``,
    ``(4)``, ``_017``, ``- Copy``. That is meant to be too coarse: in the published sample
    ``...FEARR(4)``, ``(5)`` and ``(6)`` are one video and others of such numbers are not, and a
    group too large costs little, where one too small leaks.

    Parameters
    ----------
    path_or_stem : str or PurePath
        The clip's file, or its name without folder and suffix.

    Returns
    -------
    str
        In lower case. A name that is nothing but a number stays as it is.

    Examples
    --------
    >>> source_name("test/Tension/LLT_TENS(6)-7-of-9.mp4")
    'llt_tens'
    >>> source_name("6BYIKEH0RCQ_000090_000120")
    '6byikeh0rcq'
    >>> source_name("14.mp4")
    '14'
    """
    return _strip(_stem(path_or_stem), PART, COUNT)


def group_by_name(paths: Sequence[str | PurePath], emotions: Sequence[str]) -> list[str]:
    """The group of each clip: its `source_name`, where that leaves its class enough groups.

    A class of which all files were numbered at once, ``Sad (1)`` to ``Sad (800)``, would be a
    single group. Where a class has fewer groups than there are splits, only the marks of a cut are
    dropped (``-3-of-9``, ``_000090_000120``, ``part 2``) and plain numbers stay.
    """
    coarse = [source_name(path) for path in paths]
    groups = Counter(emotion for emotion, _ in set(zip(emotions, coarse, strict=True)))
    return [
        name if groups[emotion] >= len(SPLITS) else _strip(_stem(path), PART)
        for path, emotion, name in zip(paths, emotions, coarse, strict=True)
    ]


def _stem(path: str | PurePath) -> str:
    name = PurePath(path).name
    stem, suffix = PurePath(name).stem, PurePath(name).suffix.lower()
    return stem if suffix in SUFFIXES else name


def _strip(stem: str, *endings: re.Pattern) -> str:
    """Drop endings as long as there are any, and anything is left."""
    stem = stem.strip().lower()
    for ending in endings:
        shorter = ending.sub("", stem)
        if shorter and shorter != stem:
            return _strip(shorter, *endings)
    return stem


# --- The draw -------------------------------------------------------------------------------------
def complete_splits(
    clips: pd.DataFrame,
    kept: pd.DataFrame | None = None,
    *,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw the splits that clips lack, around those that they have or had before.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``id``, ``emotion``, ``group`` and ``split``, empty where none is given.
    kept : pd.DataFrame, optional
        The result of an earlier draw: its clips keep their split, and clips that are new join
        those of their group.
    shares, seed
        As for `assign_splits`.

    Returns
    -------
    pd.DataFrame
        ``id``, ``split`` and ``group``, in the order of `clips`.
    """
    table = clips[["id", "split", "group"]].copy()
    known = pd.DataFrame(columns=table.columns) if kept is None else kept
    before = table["id"].map(known.set_index("id")["split"]).fillna("")
    table["split"] = table["split"].where(table["split"] != "", before)
    taken = pd.concat([known, table[table["split"] != ""]])
    placed = dict(taken.sort_values("split", ascending=False)[["group", "split"]].to_numpy())
    drawn = assign_splits(clips["emotion"], table["group"], shares=shares, seed=seed, placed=placed)
    table["split"] = table["split"].where(table["split"] != "", drawn)
    return table


# --- Split files ----------------------------------------------------------------------------------
def read_splits(path: Path) -> pd.DataFrame:
    """Read a split file: CSV with the columns ``id`` and ``split``, and any others.

    Returns
    -------
    pd.DataFrame
        Its columns as text; ``split`` is one of `SPLITS`, or empty: the clip is left out.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column, names an unknown split or an id twice.
    """
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' and Unicode's errors are ValueErrors
        raise DataError(f"{path}: not readable as CSV ({error}); write it again") from error
    missing = [name for name in ("id", "split") if name not in table]
    if missing:
        raise DataError(
            f"{path}: columns {list(table)}; {' and '.join(missing)} missing: `id,split` is needed"
        )
    by_lower = {name.lower(): name for name in ("", *SPLITS)}
    split = table["split"].str.strip().str.lower().map(by_lower)
    for row in np.flatnonzero(split.isna()):
        raise DataError(
            f"{path}, clip {table['id'][row]}: split {table['split'][row]!r}; one of "
            f"{', '.join(SPLITS)} is needed, or nothing to leave the clip out"
        )
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: {_name_some(twice)} more than once; keep one line of each")
    return table.assign(split=split)


def write_splits(path: Path, table: pd.DataFrame) -> Path:
    """Write a split file, whole or not at all.

    Parameters
    ----------
    path : Path
        ``<store>/splits/<name>.csv``, which commands find as ``--splits <name>``, or any other.
    table : pd.DataFrame
        Columns ``id`` and ``split`` (of `SPLITS`, or empty), and any others.

    Raises
    ------
    InputError
        If one of the two is missing, or a split unknown.
    """
    unknown = sorted(set(table.get("split", [])) - {"", *SPLITS})
    if not {"id", "split"} <= set(table) or unknown:
        raise InputError(
            f"{path}: columns {list(table)}, unknown splits {unknown}; `id` and `split` are "
            f"needed, with {', '.join(SPLITS)} or nothing"
        )
    return write_bytes(path, table.to_csv(index=False).encode())


def find_splits(root: Path, splits: str | Path | None) -> Path | None:
    """The split file that a name or path means, None for the store's own split.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if splits is None or splits == PREPARED:
        return None
    named = root / "splits" / f"{splits}.csv"
    for path in (named, Path(splits)):
        if path.is_file():
            return path
    names = sorted(path.stem for path in (root / "splits").glob("*.csv"))
    raise InputError(
        f"splits {str(splits)!r}: neither a file nor {named}; choose from "
        f"{', '.join([PREPARED, *names])}, or give the path of a file"
    )


def relabel(manifest: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A store's manifest with the splits of a split file; clips left out get status ``left out``.

    Raises
    ------
    DataError
        If the file is damaged, names a clip that is not in the store, or not one that is usable.
    """
    table = read_splits(path)
    is_usable = manifest["status"] == "ok"
    unknown = table["id"][~table["id"].isin(manifest["id"])]
    if len(unknown):
        raise DataError(f"{path}: {_name_some(unknown)} not in the store; remove those lines")
    unlisted = manifest["id"][is_usable & ~manifest["id"].isin(table["id"])]
    if len(unlisted):
        raise DataError(
            f"{path}: {_name_some(unlisted)} of the store not listed; add them, with an empty "
            "split to leave them out"
        )
    split = manifest["id"].map(table.set_index("id")["split"])
    is_left_out = is_usable & (split == "")
    return manifest.assign(
        split=split.fillna(manifest["split"]),
        status=manifest["status"].mask(is_left_out, "left out"),
        detail=manifest["detail"].mask(is_left_out, f"no split in {path.name}"),
    )


def _name_some(ids: pd.Series) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"{len(ids)} clip{'s' if len(ids) > 1 else ''} ({', '.join(ids[:5])}{more})"
