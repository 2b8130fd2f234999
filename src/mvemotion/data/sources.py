"""Finding the labelled clips of a raw folder: ``<Split>/<Class>/[video/]*.mp4``."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mvemotion.errors import ClipError, DataError
from mvemotion.specs import EMOTIONS, SPLITS

SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".3gp",
)
IGNORED_FOLDERS = ("audio", "hdf5")  # derived files of the published sample


@dataclass(frozen=True)
class Source:
    """One labelled media file.

    `id` names it in the store, as ``Train/Excited/14``: its path without ``video/`` and ``.mp4``,
    in characters that every file system takes.
    """

    id: str
    split: str
    emotion: str
    path: Path


def scan(raw_dir: str | Path) -> list[Source]:
    """Every media file under ``<Split>/<Class>/``, sorted by id.

    Split and class names may differ in case from `SPLITS` and `EMOTIONS`, in nothing else. Hidden
    files, ``audio`` and ``hdf5`` folders and files without a media extension are passed over.

    Parameters
    ----------
    raw_dir : str or Path
        The folder that holds the split folders.

    Returns
    -------
    list of Source
        With unique ids, which depend on nothing but the files' names. Only where two files would
        share one, a few digits derived from the path are appended to both.

    Raises
    ------
    DataError
        If there is no such clip, or a folder of clips has a name that is no split or class.
    """
    raw_dir = Path(raw_dir)
    if not raw_dir.is_dir():
        raise DataError(f"{raw_dir}: no such folder; {_expected()}")
    found = [
        _source(raw_dir, path, split, emotion)
        for split, split_dir in _named_folders(raw_dir, SPLITS)
        for emotion, class_dir in _named_folders(split_dir, EMOTIONS)
        for path in _media_files(class_dir)
    ]
    if not found:
        names = sorted(p.name for p in raw_dir.iterdir())[:8]
        raise DataError(f"{raw_dir}: no clip found among {names or 'nothing'}; {_expected()}")
    return sorted(_with_unique_ids(found, raw_dir), key=lambda source: source.id)


def describe_file(source: Source, raw_dir: Path) -> dict[str, object]:
    """The manifest's columns that are known without opening the file."""
    status = source.path.stat()
    return {
        "id": source.id,
        "split": source.split,
        "emotion": source.emotion,
        "path": source.path.relative_to(raw_dir).as_posix(),
        "size_bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
    }


def hash_file(path: Path) -> str:
    """Sha256 of a file's content, in hexadecimal.

    Raises
    ------
    ClipError
        ``unreadable`` if the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        found = error.strerror or str(error)
        raise ClipError("unreadable", f"{found}; make it readable, or replace it") from error


def _expected() -> str:
    return (
        f"clips must lie in <Split>/<Class>/ or <Split>/<Class>/video/, with splits "
        f"{', '.join(SPLITS)} and classes {', '.join(EMOTIONS)}; check the folder"
    )


def _named_folders(parent: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    by_lower = {name.lower(): name for name in names}
    for folder in sorted(p for p in parent.iterdir() if p.is_dir() and _is_visible(p)):
        if folder.name.lower() in by_lower:
            yield by_lower[folder.name.lower()], folder
        elif any(_media_files(folder)):
            raise DataError(
                f"{folder}: holds clips, but {folder.name!r} is none of {', '.join(names)}; "
                "rename the folder or move it away"
            )


def _media_files(folder: Path) -> Iterator[Path]:
    for path in sorted(p for p in folder.iterdir() if _is_visible(p)):
        if path.is_dir() and path.name.lower() not in IGNORED_FOLDERS:
            yield from _media_files(path)
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            yield path


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _source(raw_dir: Path, path: Path, split: str, emotion: str) -> Source:
    parts = list(path.relative_to(raw_dir).parts[2:])
    if parts[0].lower() == "video":
        parts = parts[1:]
    if path.suffix.lower() == ".mp4":
        parts[-1] = path.stem
    return Source("/".join([split, emotion, *map(_safe, parts)]), split, emotion, path)


def _safe(name: str) -> str:
    """Letters, digits and ``_ . ( ) + -`` stay; every run of others becomes one underscore."""
    return re.sub(r"[^\w.()+-]+", "_", unicodedata.normalize("NFC", name)).rstrip(".") or "_"


def _with_unique_ids(sources: list[Source], raw_dir: Path) -> Iterator[Source]:
    count = Counter(source.id.lower() for source in sources)  # some file systems ignore case
    for source in sources:
        if count[source.id.lower()] == 1:
            yield source
            continue
        digest = hashlib.sha256(source.path.relative_to(raw_dir).as_posix().encode()).hexdigest()
        yield replace(source, id=f"{source.id}-{digest[:8]}")
