"""From the authors' arrays to the clips of a store: restartable, every failure named."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mvemotion.data.bundle_values import Reading, convert_arrays
from mvemotion.data.bundles import Bundle, read_clips
from mvemotion.data.clip_file import read_row, write_clip
from mvemotion.data.sources import describe_file
from mvemotion.errors import ClipError, DataError


def ingest(
    bundles: list[Bundle],
    raw_dir: Path,
    store_dir: Path,
    *,
    reading: Reading,
    progress: bool = True,
) -> dict[str, dict]:
    """Store every bundled clip that is not in the store yet.

    Parameters
    ----------
    bundles : list of Bundle
        What `find_bundles` returns.
    raw_dir, store_dir : Path
        The folder they lie in, and that of the store.
    reading : Reading
        What the numbers mean.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of dict
        Rows of the manifest, by id.

    Raises
    ------
    DataError
        If a file of many clips is damaged, or no longer read as the store's clips were. What was
        stored before stays.
    """
    rows: dict[str, dict] = {}
    total = sum(len(bundle.sources) for bundle in bundles)
    with tqdm(total=total, desc="prepare", unit="clip", disable=None if progress else True) as bar:
        for bundle in bundles:
            for row in _ingest_bundle(bundle, raw_dir, store_dir, reading):
                rows[row["id"]] = row
                bar.update()
    return rows


def _ingest_bundle(
    bundle: Bundle, raw_dir: Path, store_dir: Path, reading: Reading
) -> Iterator[dict]:
    """Rows of one file's clips: those that cannot be used, those stored already, and the rest."""
    missing = {}
    for index, source in enumerate(bundle.sources):
        row = describe_file(source, raw_dir)
        if index in bundle.errors:
            yield row | _fault(bundle.errors[index], bundle, index)
        elif stored := _stored_row(store_dir, row):
            yield stored
        else:
            missing[index] = row
    for index, arrays, facts in _convert_clips(bundle, missing, reading):
        row = missing[index] | facts
        if arrays:
            write_clip(store_dir, row["id"], arrays, row)
        yield row


def _stored_row(store_dir: Path, now: dict) -> dict | None:
    """The row of a clip that is in the store, from the same unchanged file."""
    try:
        row = read_row(store_dir, now["id"])
    except DataError:  # damaged: it is stored again
        return None
    same = ("path", "size_bytes", "modified_ns")
    return row if row and all(row[name] == now[name] for name in same) else None


def _convert_clips(
    bundle: Bundle, indices: Collection[int], reading: Reading
) -> Iterator[tuple[int, dict[str, np.ndarray], dict]]:
    """Position, arrays to store and facts; no arrays of a clip that cannot be used."""
    try:
        for index, arrays in read_clips(bundle, bundle.arrays, indices):
            yield index, *_convert(arrays, reading, bundle, index)
    except ClipError as error:  # damaged, and of one clip
        yield 0, {}, _fault(error, bundle, 0)


def _convert(
    arrays: dict[str, np.ndarray], reading: Reading, bundle: Bundle, index: int
) -> tuple[dict[str, np.ndarray], dict]:
    try:
        stored, facts = convert_arrays(arrays, reading)
    except ClipError as error:
        return {}, _fault(error, bundle, index)
    return stored, facts | {"status": "ok"}


def _fault(error: ClipError, bundle: Bundle, index: int) -> dict[str, str]:
    place = "" if bundle.is_single else f"clip {index}: "
    return {"status": error.reason, "detail": f"{place}{error.detail}"}
