"""From a raw folder of clips to a store: parallel, restartable, every failure named."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pandas as pd
import torch
from tqdm import tqdm

from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.sources import Source, describe_file, hash_file, scan
from mvemotion.data.store import (
    clip_path,
    describe,
    read_description,
    read_row,
    to_manifest,
    write_clip,
    write_manifest,
)
from mvemotion.data.workers import run_each
from mvemotion.errors import ClipError, DataError, InputError
from mvemotion.files import write_text
from mvemotion.media.faces import find_detector, parse_policy
from mvemotion.specs import EMOTIONS, PAPER_FORMAT, SPLITS, ClipFormat

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def prepare(
    raw_dir: str | Path,
    store_dir: str | Path,
    *,
    clip_format: ClipFormat = PAPER_FORMAT,
    faces: str = "sampled",
    detector: str = "quick",
    workers: int | None = None,
    strict: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Prepare every clip of a raw folder, or those still missing from the store.

    A clip is either whole in the store or absent, whenever the work is stopped. Started again, it
    goes on with what is missing or changed, and drops what is no longer in the raw folder.

    Parameters
    ----------
    raw_dir : str or Path
        ``<Split>/<Class>/[video/]*.mp4``.
    store_dir : str or Path
        The store's folder; made if there is none.
    clip_format : ClipFormat
        Sizes of the arrays.
    faces : str
        In which frames faces are searched: ``"sampled"``, ``"every-K"``, ``"all"`` (as in the
        paper) or ``"none"``.
    detector : str
        ``"quick"`` or ``"plain"``: see `mvemotion.media.faces.DETECTORS`.
    workers : int, optional
        Processes; one a core by default, 0 for none but this one.
    strict : bool
        True: raise, once everything is done, if any clip cannot be used.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pd.DataFrame
        The manifest, one row a source file; `summarize` puts it in words.

    Raises
    ------
    InputError
        If an option is unknown, or `store_dir` holds other things than a store.
    DataError
        If there is no clip; if the store was made with other options or from other clips; if the
        disk is full; with `strict`, if a clip cannot be used.
    """
    raw_dir, store_dir = Path(raw_dir), Path(store_dir)
    options = _options(clip_format, faces, detector)
    sources = scan(raw_dir)
    wanted = describe(clip_format, {"faces": faces, "detector": detector})
    with _a_full_disk_named(store_dir):
        _open_store(store_dir, wanted, sources)
        rows = {source.id: _stored_row(store_dir, raw_dir, source) for source in sources}
        jobs = [(source, raw_dir, store_dir, options) for source in sources if not rows[source.id]]
        rows |= _prepare_all(jobs, workers, progress)
        manifest = to_manifest(rows.values())
        _drop_unused(store_dir, manifest)
        write_manifest(store_dir, manifest)
    if strict:
        _refuse_failures(manifest)
    return manifest


def summarize(manifest: pd.DataFrame) -> str:
    """Counts by split and class, clips without a face, and every failure with its reason."""
    usable = manifest[manifest["status"] == "ok"]
    counts = pd.crosstab(usable["split"], usable["emotion"])
    counts = counts.reindex(index=list(SPLITS), columns=list(EMOTIONS), fill_value=0)
    counts["all"] = counts.sum(axis=1)
    lines = [f"{len(usable)} of {len(manifest)} clips usable", counts.to_string(), _faces(usable)]
    padded_s = usable.loc[usable["padded_s"] > 0, "padded_s"]
    if len(padded_s):
        lines.append(f"{len(padded_s)} padded with silence, by {padded_s.max():.2f} s at most")
    failed = manifest[manifest["status"] != "ok"]
    for reason, group in failed.groupby("status"):
        lines.append(f"{reason}: {len(group)}")
        lines += [f"  {row.path}: {row.detail}" for row in group.itertuples()]
    return "\n".join(lines)


def _faces(usable: pd.DataFrame) -> str:
    searched = usable[usable["face_searched"] > 0]
    if not len(searched):
        return "no face searched"
    without = searched[searched["face_frames"] == 0]
    counts = [f"{n} {emotion}" for emotion, n in without["emotion"].value_counts().items()]
    return f"{len(without)} clips show no face" + (f" ({', '.join(counts)})" if counts else "")


def _options(clip_format: ClipFormat, faces: str, detector: str) -> Options:
    parse_policy(faces)
    find_detector(detector)
    return Options(clip_format, faces, detector)


# --- The store ------------------------------------------------------------------------------------
@contextmanager
def _a_full_disk_named(store_dir: Path) -> Iterator[None]:
    """Say what to do about a full disk, which is no clip's fault and ends the work."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DataError(
            f"{store_dir}: {error.strerror}; every clip prepared so far is kept: free some space "
            "and run the same command again, which continues where it stopped"
        ) from error


def _open_store(store_dir: Path, wanted: dict, sources: list[Source]) -> None:
    """Begin a store, or continue one that was begun alike."""
    found = read_description(store_dir)
    others = [p for p in store_dir.glob("*") if not p.name.startswith(".")]
    if found is None and others:
        raise InputError(
            f"{store_dir}: not empty, and no store; choose a new folder for the prepared clips"
        )
    if found is None:
        content = json.dumps(wanted, indent=2) + "\n"
        write_text(store_dir / "store.json", content)
        return
    if found != wanted:
        raise DataError(
            f"{store_dir}: prepared with {_differences(found, wanted)}; prepare into another "
            "folder, or with the same options"
        )
    for leftover in store_dir.rglob(".*.part*"):
        leftover.unlink(missing_ok=True)
    stored = set(_stored_ids(store_dir))
    if stored and not stored & {source.id for source in sources}:
        raise DataError(
            f"{store_dir}: none of its {len(stored)} clips is in the raw folder; prepare other "
            "clips into another folder"
        )


def _differences(found: dict, wanted: dict) -> str:
    pairs = [
        f"{key}={found[part].get(key)!r} (now {value!r})"
        for part in ("clip_format", "options")
        for key, value in wanted[part].items()
        if found[part].get(key) != value
    ]
    return ", ".join(pairs) or "other settings"


def _stored_ids(store_dir: Path) -> Iterator[str]:
    clips = store_dir / "clips"
    for path in clips.rglob("*.safetensors"):
        yield path.relative_to(clips).as_posix().removesuffix(".safetensors")


def _stored_row(store_dir: Path, raw_dir: Path, source: Source) -> dict | None:
    """The row of a clip that is in the store and still made from the same bytes."""
    now = describe_file(source, raw_dir)
    try:
        row = read_row(store_dir, source.id)
        is_same = row is not None and _is_same_file(row, now, source.path)
    except DataError:  # stored or source file damaged: it is prepared again, and then named
        return None
    return row | now if is_same else None


def _is_same_file(row: dict, now: dict, path: Path) -> bool:
    if row["size_bytes"] != now["size_bytes"]:
        return False
    return row["modified_ns"] == now["modified_ns"] or row["sha256"] == hash_file(path)


def _drop_unused(store_dir: Path, manifest: pd.DataFrame) -> None:
    usable = set(manifest.loc[manifest["status"] == "ok", "id"])
    for clip_id in set(_stored_ids(store_dir)) - usable:
        clip_path(store_dir, clip_id).unlink()


def _refuse_failures(manifest: pd.DataFrame) -> None:
    failed = manifest[manifest["status"] != "ok"]
    if len(failed):
        lines = "".join(f"\n  {r.path}: {r.status}: {r.detail}" for r in failed.itertuples())
        raise DataError(
            f"{len(failed)} of {len(manifest)} clips cannot be used; replace or remove them, or "
            f"prepare without strict:{lines}"
        )


# --- Clips ----------------------------------------------------------------------------------------
def _prepare_all(jobs: list[tuple], workers: int | None, progress: bool) -> dict[str, dict]:
    """Rows of the manifest by id; `jobs` are the arguments of `_prepare_clip`."""
    rows = {}
    results = run_each(_prepare_clip, jobs, workers=workers, initializer=_use_one_thread)
    with tqdm(
        total=len(jobs), desc="prepare", unit="clip", disable=None if progress else True
    ) as bar:
        for (source, raw_dir, *_), row in results:
            rows[source.id] = row or _died(source, raw_dir)
            bar.update()
    return rows


def _use_one_thread() -> None:
    """Clips run in parallel; threads within one would only be in each other's way."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _prepare_clip(source: Source, raw_dir: Path, store_dir: Path, options: Options) -> dict:
    """Convert and store one clip; its row of the manifest, whatever happens to it."""
    row = describe_file(source, raw_dir)
    try:
        row["sha256"] = hash_file(source.path)
        arrays, facts = convert_clip(source.path, options)
    except ClipError as error:
        return _failed(row, error)
    row |= facts | {"status": "ok"}
    write_clip(store_dir, source.id, arrays, row)
    return row


def _failed(row: dict, error: ClipError) -> dict:
    return row | {"status": error.reason, "detail": error.detail}


def _died(source: Source, raw_dir: Path) -> dict:
    remedy = "out of memory, or a fault in a decoder; replace or remove the file"
    failure = ClipError("worker died", f"the process that decoded it ended, twice: {remedy}")
    return _failed(describe_file(source, raw_dir), failure)
