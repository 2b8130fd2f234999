"""Which clips are audited: those of a raw folder, or the raw files of a store."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mvemotion.data.sources import describe_file, raw_folder, scan
from mvemotion.data.store import Store, read_description
from mvemotion.errors import DataError, InputError
from mvemotion.specs import PAPER_FORMAT

FACES = ("face_frames", "face_searched")


@dataclass(frozen=True)
class Collection:
    """The clips to audit.

    Attributes
    ----------
    name : str
        Of the store or folder.
    clips : pd.DataFrame
        ``id``, ``split`` (empty if it has none), ``emotion``, ``path`` relative to `raw_dir`,
        ``size_bytes``, and ``face_frames`` and ``face_searched``, missing if not known.
    raw_dir : Path
        Where the media files are.
    duration_s : float
        Seconds of each clip that count.
    store : Store or None
        The store that the clips were prepared for.
    """

    name: str
    clips: pd.DataFrame
    raw_dir: Path
    duration_s: float
    store: Store | None


def find_clips(source: Path, raw: Path | None = None) -> Collection:
    """The clips of a store or of a raw folder.

    Parameters
    ----------
    source : Path
        A store, or whatever `mvemotion.data.sources.scan` takes.
    raw : Path, optional
        Where a store's raw files are now.

    Raises
    ------
    InputError
        If `raw` is given though `source` is no store.
    DataError
        If there is no clip, or the store's raw files are not found.
    """
    if read_description(source) is not None:
        return _of_store(Store(source), raw)
    if raw is not None:
        raise InputError(
            f"{source}: no store, so that --raw {raw} has no meaning; give the raw folder alone"
        )
    raw_dir = raw_folder(source)
    rows = [describe_file(clip, raw_dir) for clip in scan(source)]
    clips = pd.DataFrame(rows)[["id", "split", "emotion", "path", "size_bytes"]]
    clips[list(FACES)] = pd.NA
    return Collection(_name(source), clips, raw_dir, PAPER_FORMAT.duration_s, None)


def _of_store(store: Store, raw: Path | None) -> Collection:
    raw_dir = raw or store.raw_dir
    columns = ["id", "split", "emotion", "path", "size_bytes", *FACES]
    clips = store.manifest[columns].reset_index(drop=True)
    if raw_dir is None or not any((raw_dir / path).is_file() for path in clips["path"]):
        where = "is not known" if raw_dir is None else f"are not in {raw_dir}"
        raise DataError(
            f"{store.root}: the audit looks at the clips' own files, and where they lie {where}; "
            "say so with --raw DIR"
        )
    return Collection(_name(store.root), clips, raw_dir, store.clip_format.duration_s, store)


def _name(source: Path) -> str:
    return source.resolve().name
