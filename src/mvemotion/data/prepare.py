"""From a raw folder of clips to a store: parallel, restartable, every failure named."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mvemotion.data.bundle_values import reading_of, survey
from mvemotion.data.bundles import bundle_format, find_bundles, stored_arrays
from mvemotion.data.clip_file import copy_clip, read_row
from mvemotion.data.convert import Options
from mvemotion.data.draw import SHARES, check_shares
from mvemotion.data.ingest import ingest
from mvemotion.data.manifest import to_manifest
from mvemotion.data.prepare_clip import failed_row, prepare_clip, use_one_thread
from mvemotion.data.shards import Shard, check_alike, check_all_done
from mvemotion.data.sources import (
    Source,
    describe_file,
    hash_file,
    holds_videos,
    raw_folder,
    scan,
)
from mvemotion.data.spectrogram_process import spectrogram_process
from mvemotion.data.splits import complete_splits, group_by_name, read_splits, write_splits
from mvemotion.data.store import describe, read_description
from mvemotion.data.store_writer import beginning, close_store, note_origin, open_store
from mvemotion.data.workers import run_each
from mvemotion.errors import ClipError, DataError, InputError
from mvemotion.media.audio import MakeSpectrogram, make_spectrogram
from mvemotion.media.faces import find_detector, parse_policy
from mvemotion.specs import EMOTIONS, PAPER_FORMAT, SPLITS, ClipFormat

DRAWN = "splits/random.csv"  # in a store: the split of clips that came without one


def prepare(
    raw: str | Path,
    store_dir: str | Path,
    *,
    clip_format: ClipFormat = PAPER_FORMAT,
    faces: str = "sampled",
    detector: str = "coarse",
    crop_bars: bool = False,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
    workers: int | None = None,
    shard: Shard | None = None,
    merge: Sequence[str | Path] | None = None,
    strict: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Prepare every clip of a raw folder, or those still missing from the store.

    A clip is either whole in the store or absent, whenever the work is stopped. Started again, it
    goes on with what is missing or changed, and drops what is no longer in the raw folder.

    Parameters
    ----------
    raw : str or Path
        Videos in folders ``<Split>/<Class>/[video/]`` or ``<Class>/``, or a CSV list of them (see
        `mvemotion.data.sources.scan`); or, where there is no video, a folder of the authors'
        arrays (see `mvemotion.data.bundles`), whose sizes and faces are as they are.
    store_dir : str or Path
        The store's folder; made if there is none.
    clip_format : ClipFormat
        Sizes of the arrays.
    faces : str
        In which frames faces are searched: ``"sampled"``, ``"every-K"``, ``"all"`` (as in the
        paper) or ``"none"``.
    detector : str
        ``"coarse"``, ``"quick"`` or ``"plain"``: see `mvemotion.media.faces.DETECTORS`.
    crop_bars : bool
        Cut black bars off the pictures before anything else (assumption 22).
    shares, seed
        Of the split that is drawn for clips without one, by group, and kept in the store's
        ``splits/random.csv``; see `mvemotion.data.draw.assign_splits`. Clips that come later join
        their group, or are drawn around those that are there.
    workers : int, optional
        Processes; one a core by default, 0 for none but this one.
    shard : Shard, optional
        Prepare this share of the clips only. Several machines prepare a share each, at the same
        time, into one store on a disk that they share or into stores of their own.
    merge : sequence of str or Path, optional
        Once every shard is done, finish the store with the clips of these other stores (none, if
        all were prepared into this one). It becomes what one process would have made.
    strict : bool
        True: raise, once everything is done, if any clip cannot be used.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pd.DataFrame
        The manifest, one row a source file (of the shard); `summarize` puts it in words.

    Raises
    ------
    InputError
        If an option is unknown, `store_dir` holds other things than a store, or another process
        is preparing it.
    DataError
        If there is no clip, or a list of clips breaks its rules; if the store, or one to merge, was
        made with other options or from other clips; if a shard is missing; if the disk is full;
        with `strict`, if a clip cannot be used.
    """
    raw, store_dir = Path(raw), Path(store_dir)
    parse_policy(faces)
    find_detector(detector)
    check_shares(shares)
    if raw.is_dir() and not holds_videos(raw):
        if crop_bars:
            raise InputError(f"{raw}: bars are cut off videos, and it holds none; do without")
        if shard or merge is not None:
            raise InputError(f"{raw}: shards are of videos, and it holds none; do without")
        manifest = _prepare_bundles(raw, store_dir, clip_format, progress)
    else:
        options = Options(clip_format, faces, detector, crop_bars)
        manifest = _prepare_videos(
            raw,
            store_dir,
            options,
            draw={"shares": dict(shares), "seed": seed},
            shard=shard,
            merge=None if merge is None else [Path(other) for other in merge],
            workers=workers,
            progress=progress,
        )
    if strict:
        _refuse_failures(manifest)
    return manifest


def _prepare_videos(
    raw: Path,
    store_dir: Path,
    options: Options,
    *,
    draw: dict[str, object],
    shard: Shard | None,
    merge: list[Path] | None,
    workers: int | None,
    progress: bool,
) -> pd.DataFrame:
    sources, raw_dir = scan(raw), raw_folder(raw)
    wanted = describe(options.clip_format, _settings(options))
    if merge is not None:
        check_alike(merge, wanted, draw)
        check_all_done([store_dir, *merge])
    with open_store(store_dir, wanted, sources, shard):
        with beginning(store_dir):
            sources = _with_splits(sources, raw_dir, store_dir, draw)
        if shard:
            shard.begin(store_dir)
            sources = shard.of(sources)
        _take_over(merge or [], sources, raw_dir, store_dir)
        rows = {source.id: _stored_row(store_dir, raw_dir, source) for source in sources}
        jobs = [(source, raw_dir, store_dir, options) for source in sources if not rows[source.id]]
        rows |= _prepare_all(jobs, workers, progress)
        return _end_shard(shard, store_dir, rows) if shard else close_store(store_dir, rows)


def _take_over(stores: list[Path], sources: list[Source], raw_dir: Path, store_dir: Path) -> None:
    """Fill a store with clips of others, if made from the files that are in the raw folder now."""
    for source in sources if stores else ():
        if _stored_row(store_dir, raw_dir, source):
            continue
        found = (other for other in stores if _stored_row(other, raw_dir, source))
        if other := next(found, None):
            copy_clip(other, store_dir, source.id)


def _end_shard(shard: Shard, store_dir: Path, rows: dict[str, dict]) -> pd.DataFrame:
    manifest = to_manifest(rows.values())
    usable = int((manifest["status"] == "ok").sum())
    shard.finish(store_dir, clips=len(manifest), usable=usable)
    return manifest


def _settings(options: Options) -> dict[str, object]:
    """Options as the store keeps them: without `crop_bars`, which older stores lack, if off."""
    settings = {"faces": options.faces, "detector": options.detector}
    return settings | ({"crop_bars": True} if options.crop_bars else {})


def _with_splits(
    sources: list[Source], raw_dir: Path, store_dir: Path, draw: dict[str, object]
) -> list[Source]:
    """Sources with a split each: drawn, and kept in the store, where none is given."""
    if all(source.split for source in sources):
        note_origin(store_dir, raw_dir)
        return sources
    note_origin(store_dir, raw_dir, draw)
    names = group_by_name([s.path for s in sources], [s.emotion for s in sources])
    clips = pd.DataFrame(
        {
            "id": source.id,
            "split": source.split,
            "emotion": source.emotion,
            "group": source.group or name,
        }
        for source, name in zip(sources, names, strict=True)
    )
    path = store_dir / DRAWN
    drawn = complete_splits(clips, read_splits(path) if path.exists() else None, **draw)
    write_splits(path, drawn)
    return [replace(s, split=split) for s, split in zip(sources, drawn["split"], strict=True)]


def _prepare_bundles(
    raw_dir: Path, store_dir: Path, clip_format: ClipFormat, progress: bool
) -> pd.DataFrame:
    bundles = find_bundles(raw_dir)
    begun = read_description(store_dir)
    reading = reading_of(begun) if begun else survey(bundles, progress=progress)
    sizes, arrays = bundle_format(bundles, clip_format), stored_arrays(bundles)
    sources = [source for bundle in bundles for source in bundle.sources]
    with open_store(store_dir, describe(sizes, reading.option(), arrays), sources):
        note_origin(store_dir, raw_dir)
        rows = ingest(bundles, raw_dir, store_dir, reading=reading, progress=progress)
        return close_store(store_dir, rows)


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
    remarks = usable.loc[usable["detail"] != "", "detail"].value_counts()
    lines += [f"{count} used, with a remark: {remark}" for remark, count in remarks.items()]
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
    """Rows of the manifest by id; `jobs` are the first arguments of `prepare_clip`."""
    rows = {}
    with (
        _spectrograms(bool(jobs) and workers != 0) as make_spectrogram,
        tqdm(
            total=len(jobs), desc="prepare", unit="clip", disable=None if progress else True
        ) as bar,
    ):
        jobs = [(*job, make_spectrogram) for job in jobs]
        results = run_each(prepare_clip, jobs, workers=workers, initializer=use_one_thread)
        for (source, raw_dir, *_), row in results:
            rows[source.id] = row or _died(source, raw_dir)
            bar.update()
    return rows


def _spectrograms(are_made_elsewhere: bool) -> AbstractContextManager[MakeSpectrogram]:
    return spectrogram_process() if are_made_elsewhere else nullcontext(make_spectrogram)


def _died(source: Source, raw_dir: Path) -> dict:
    remedy = "out of memory, or a fault in a decoder; replace or remove the file"
    failure = ClipError("worker died", f"the process that decoded it ended, twice: {remedy}")
    return failed_row(describe_file(source, raw_dir), failure)
