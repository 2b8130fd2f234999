"""The audit from beginning to end: find the clips, measure, judge, write it all down."""

from pathlib import Path

import pandas as pd

from mvemotion.audit.borders import frame_shapes
from mvemotion.audit.claims import differences, judge_claims, means_by_class
from mvemotion.audit.collection import Collection, find_clips
from mvemotion.audit.contact_sheet import PAIRS_A_SHEET, draw_contact_sheets
from mvemotion.audit.findings import Findings, write_findings
from mvemotion.audit.health import find_flags
from mvemotion.audit.measurements import measure_all, read_film
from mvemotion.audit.page import write_page
from mvemotion.audit.shared_sources import find_shared_sources, regroup, source_groups
from mvemotion.audit.shortcuts import score_shortcuts
from mvemotion.data.draw import SHARES
from mvemotion.data.splits import write_splits
from mvemotion.errors import DataError, InputError
from mvemotion.pages import Image, show_picture
from mvemotion.paths import results_dir
from mvemotion.provenance import provenance

GROUPED = "grouped.csv"
MEASUREMENTS = "measurements"


def audit(
    source: str | Path,
    out_dir: str | Path | None = None,
    *,
    raw: str | Path | None = None,
    rejected: str | Path | None = None,
    sheets: int = 20,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Findings, Path]:
    """Measure every clip of a dataset and say what is wrong with it.

    Measurements are kept, one small file a clip: started again, only clips that are new or changed
    are decoded, whenever the work was stopped.

    Parameters
    ----------
    source : str or Path
        A store, or any raw folder that `mvemotion.data.prepare.prepare` takes.
    out_dir : str or Path, optional
        Where ``index.html``, ``audit.json``, ``clips.csv``, ``pairs.csv``, figures and contact
        sheets go; ``audit`` in a store, ``results/audit/<name>`` for a raw folder.
    raw : str or Path, optional
        Where a store's raw files are, if not where it was prepared from.
    rejected : str or Path, optional
        A CSV with columns ``id_a`` and ``id_b``: candidates of ``pairs.csv`` that the eye has
        found to be of different sources.
    sheets : int
        Contact sheets to draw at most, of six pairs each; those that cross splits come first.
    seed : int
        Of folds, forests, permutations, bootstraps and the new split.
    workers : int, optional
        Processes that decode; one a core by default, 0 for none but this one.
    progress : bool
        Show progress bars.

    Returns
    -------
    findings : Findings
    out_dir : Path
        The page is ``index.html`` in it. The source-grouped split is ``splits/grouped.csv`` in a
        store, ``grouped.csv`` here for a raw folder.

    Raises
    ------
    InputError
        If `raw` is given for a raw folder, or `rejected` is no such table.
    DataError
        If there is no clip, none decodes, or the store's raw files are not found.
    """
    source = Path(source)
    collection = find_clips(source, Path(raw) if raw else None)
    out_dir = Path(out_dir) if out_dir else _default_folder(source, collection)
    found = examine(
        collection,
        out_dir / MEASUREMENTS,
        rejected=rejected,
        seed=seed,
        workers=workers,
        progress=progress,
    )
    grouped = _write_grouped(found, collection, out_dir, seed)
    write_findings(found, out_dir)
    write_page(found, out_dir, sheets=_sheets(found, out_dir, sheets), grouped=grouped)
    return found, out_dir


def examine(
    collection: Collection,
    kept: Path,
    *,
    rejected: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Findings:
    """Measure and judge, without writing more than the measurements.

    Parameters
    ----------
    collection : Collection
        What `mvemotion.audit.collection.find_clips` returns.
    kept : Path
        Folder of the measurements.
    rejected, seed, workers, progress
        As for `audit`.

    Raises
    ------
    InputError
        If `rejected` is no such table.
    DataError
        If no clip decodes.
    """
    clips, prints = measure_all(
        collection.clips,
        collection.raw_dir,
        kept,
        duration_s=collection.duration_s,
        workers=workers,
        progress=progress,
    )
    _refuse_none(clips, collection.raw_dir)
    pairs = _drop_rejected(find_shared_sources(clips, prints, progress=progress), rejected)
    return _judge(collection, clips, pairs, seed=seed)


def _default_folder(source: Path, collection: Collection) -> Path:
    return source / "audit" if collection.store else results_dir() / "audit" / collection.name


def _refuse_none(clips: pd.DataFrame, raw_dir: Path) -> None:
    if not (clips["status"] == "ok").any():
        first = clips.iloc[0]
        raise DataError(
            f"{raw_dir}: none of {len(clips)} clips decodes (the first: {first['status']}: "
            f"{first['detail']}); check the folder"
        )


def _drop_rejected(pairs: pd.DataFrame, path: str | Path | None) -> pd.DataFrame:
    if path is None:
        return pairs
    try:
        table = pd.read_csv(path, dtype="str")[["id_a", "id_b"]]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: {error}; a CSV with the columns id_a and id_b of pairs.csv is needed"
        ) from error
    wrong = {frozenset(pair) for pair in table.to_numpy().tolist()}
    both = zip(pairs["id_a"], pairs["id_b"], strict=True)
    return pairs[[frozenset(pair) not in wrong for pair in both]].reset_index(drop=True)


def _judge(
    collection: Collection, clips: pd.DataFrame, pairs: pd.DataFrame, *, seed: int
) -> Findings:
    groups = source_groups(clips, pairs)
    clips = clips.assign(group=clips["id"].map(groups), shape=frame_shapes(clips))
    usable = clips[clips["status"] == "ok"].reset_index(drop=True)
    return Findings(
        name=collection.name,
        is_store=collection.store is not None,
        duration_s=collection.duration_s,
        clips=clips,
        flags=find_flags(clips),
        pairs=pairs,
        shortcuts=score_shortcuts(usable, groups, seed=seed),
        means=means_by_class(usable, groups, seed=seed),
        differences=differences(usable, groups),
        claims=judge_claims(usable, groups, seed=seed),
        provenance=provenance() | {"seed": seed} | _store_facts(collection),
    )


def _store_facts(collection: Collection) -> dict[str, str]:
    """Which prepared clips these are the files of, if any."""
    return {"store_checksum": collection.store.checksum()} if collection.store else {}


def _write_grouped(found: Findings, collection: Collection, out_dir: Path, seed: int) -> str:
    """A split of all clips that the store uses, or that decode, with each source in one place.

    Returns its path: relative to the store, or to the page.
    """
    clips, folder = found.usable, out_dir
    if collection.store:
        stored = collection.store.clips()["id"]
        clips, folder = (
            found.clips[found.clips["id"].isin(stored)],
            collection.store.root / "splits",
        )
    groups = clips.set_index("id")["group"]
    shares = SHARES if (clips["split"] == "").any() else None
    write_splits(folder / GROUPED, regroup(clips, groups, shares=shares, seed=seed))
    return f"splits/{GROUPED}" if collection.store else GROUPED


def _sheets(found: Findings, folder: Path, most: int) -> list[Image]:
    """Contact sheets of the candidates, those that cross splits first."""
    order = ["crosses_splits", "confidence"]
    pairs = found.pairs.sort_values(order, ascending=False, kind="stable")
    shown = pairs.head(most * PAIRS_A_SHEET)
    paths = draw_contact_sheets(
        shown,
        folder / "sheets",
        read_frames=lambda clip_id: read_film(folder / MEASUREMENTS, clip_id),
    )
    return [_sheet(folder, path, shown, number) for number, path in enumerate(paths)]


def _sheet(folder: Path, path: Path, pairs: pd.DataFrame, number: int) -> Image:
    first = number * PAIRS_A_SHEET
    rows = pairs.iloc[first : first + PAIRS_A_SHEET]
    named = [f"{row.id_a} and {row.id_b}, {row.confidence:.2f}" for row in rows.itertuples()]
    words = "Pictures of each pair of candidates, one clip above the other, with the confidence: "
    caption = f"Candidates {first + 1} to {first + len(rows)} of {len(pairs)}."
    return show_picture(folder, path, alt=f"{words}{'; '.join(named)}.", caption=caption)
