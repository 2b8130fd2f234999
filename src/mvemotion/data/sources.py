"""Finding the labelled clips of a raw folder, or of a list of files."""

import csv
import hashlib
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mvemotion.errors import ClipError, DataError
from mvemotion.specs import EMOTIONS, SPLITS

LIST_NAME = "videos.csv"
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
DEPTH = 3  # levels at which the split folders are looked for


@dataclass(frozen=True)
class Source:
    """One labelled media file.

    `id` names it in the store, as ``Train/Excited/14``: its path without ``video/`` and ``.mp4``,
    in characters that every file system takes. `split` and `group` are empty where not given.
    """

    id: str
    split: str
    emotion: str
    path: Path
    group: str = ""  # clips of one source video share it


def scan(raw: str | Path) -> list[Source]:
    """Every labelled clip of a raw folder or list, sorted by id.

    Parameters
    ----------
    raw : str or Path
        One of

        - a folder of ``<Split>/<Class>/[video/]*``, the dataset's layout, also if that begins a
          level or two below, as unpacked archives leave it;
        - a folder of ``<Class>/[video/]*``;
        - a CSV file with the columns ``path`` (absolute, or relative to the file's folder) and
          ``label`` (one of `EMOTIONS`), optionally ``split`` and ``group`` (clips of one source
          video share it), or a folder with such a file under the name ``videos.csv``.

        Names of splits and classes may differ in case from `SPLITS` and `EMOTIONS`, in nothing
        else. In folders, hidden files, folders ``audio`` and ``hdf5`` and files without a media
        extension are passed over.

    Returns
    -------
    list of Source
        With unique ids, which depend on nothing but the files' names. Only where two files would
        share one, a few digits derived from the path are appended to both.

    Raises
    ------
    DataError
        If there is no such clip, a folder of clips has a name that is no split or class, or a
        line of the list breaks its rules.
    """
    folder, video_list = raw_folder(raw), find_list(raw)
    found = list(_listed(video_list, folder) if video_list else _laid_out(folder))
    if not found:
        names = sorted(p.name for p in folder.iterdir())[:8]
        raise DataError(f"{raw}: no clip found among {names or 'nothing'}; {_expected()}")
    return sorted(_with_unique_ids(found, folder), key=lambda source: source.id)


def raw_folder(raw: str | Path) -> Path:
    """The folder, as an absolute path, that clips lie in or that a list's paths are relative to."""
    path = Path(os.path.abspath(raw))
    return path.parent if path.is_file() else path


def find_list(raw: str | Path) -> Path | None:
    """The CSV file that lists the clips, None for a folder without one."""
    return next((p for p in (Path(raw), Path(raw) / LIST_NAME) if p.is_file()), None)


def holds_videos(raw: str | Path) -> bool:
    """Whether there is a list of clips, or a media file in the folder."""
    return find_list(raw) is not None or any(_media_files(Path(raw)))


def describe_file(source: Source, raw_dir: Path) -> dict[str, object]:
    """The manifest's columns that are known without opening the file.

    Its size and time are None where there is no such file.
    """
    status = source.path.stat() if source.path.exists() else None
    return {
        "id": source.id,
        "split": source.split,
        "emotion": source.emotion,
        "path": _relative(source.path, raw_dir).as_posix(),
        "size_bytes": status.st_size if status else None,
        "modified_ns": status.st_mtime_ns if status else None,
    }


def hash_file(path: Path) -> str:
    """Sha256 of a file's content, in hexadecimal.

    Raises
    ------
    ClipError
        ``missing`` if there is no such file, ``unreadable`` if it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        found = f"no file {path}"
        raise ClipError("missing", f"{found}; put it there, or mend its path") from error
    except OSError as error:
        found = error.strerror or str(error)
        raise ClipError("unreadable", f"{found}; make it readable, or replace it") from error


# --- Folders --------------------------------------------------------------------------------------
def _expected() -> str:
    return (
        "clips must lie in <Split>/<Class>/, <Split>/<Class>/video/ or <Class>/, or be listed in a "
        f"CSV file; splits are {', '.join(SPLITS)} and classes {', '.join(EMOTIONS)}"
    )


def _laid_out(folder: Path) -> Iterator[Source]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder or file; {_expected()}")
    names = _folder_names(folder)
    if not names & _by_lower(SPLITS).keys() and names & _by_lower(EMOTIONS).keys():
        yield from _in_classes(folder, "")
        return
    for root in _roots(folder):
        for split, split_dir in _named_folders(root, SPLITS):
            yield from _in_classes(split_dir, split)


def _roots(folder: Path) -> list[Path]:
    """Where the split folders lie: here, or nearest below, as unpacked archives leave them."""
    level = [folder]
    for _ in range(DEPTH):
        found = [place for place in level if _folder_names(place) & _by_lower(SPLITS).keys()]
        if found:
            return found
        level = [p for place in level for p in sorted(place.iterdir()) if _is_folder(p)]
    return [folder]


def _folder_names(folder: Path) -> set[str]:
    return {p.name.lower() for p in folder.iterdir() if _is_folder(p)}


def _is_folder(path: Path) -> bool:
    return path.is_dir() and _is_visible(path)


def _in_classes(parent: Path, split: str) -> Iterator[Source]:
    for emotion, class_dir in _named_folders(parent, EMOTIONS):
        for path in _media_files(class_dir):
            parts = path.relative_to(class_dir).parts
            parts = parts[1:] if parts[0].lower() == "video" else parts
            yield Source(_id(split, emotion, *parts), split, emotion, path)


def _named_folders(parent: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    by_lower = _by_lower(names)
    for folder in sorted(p for p in parent.iterdir() if _is_folder(p)):
        if folder.name.lower() in by_lower:
            yield by_lower[folder.name.lower()], folder
        elif any(_media_files(folder)):
            raise DataError(
                f"{folder}: holds clips, but {folder.name!r} is none of {', '.join(names)}; "
                "rename the folder or move it away"
            )


def _by_lower(names: tuple[str, ...]) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _media_files(folder: Path) -> Iterator[Path]:
    for path in sorted(p for p in folder.iterdir() if _is_visible(p)):
        if path.is_dir() and path.name.lower() not in IGNORED_FOLDERS:
            yield from _media_files(path)
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            yield path


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".")


# --- Lists ----------------------------------------------------------------------------------------
def _listed(video_list: Path, folder: Path) -> list[Source]:
    rows = _read_rows(video_list)
    problems = list(_problems(rows, folder))
    if problems:
        more = [f"and {len(problems) - 5} more lines"] if len(problems) > 5 else []
        raise DataError(f"{video_list}: " + "\n  ".join([*problems[:5], *more]))
    sources = [_listed_source(row, folder) for _, row in rows]
    if sources and not any(source.path.is_file() for source in sources):
        raise DataError(
            f"{video_list}: none of its {len(sources)} files exists, such as {sources[0].path}; "
            "paths must be absolute or relative to the list's folder"
        )
    return sources


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a list with their numbers; values that a line lacks are empty."""
    content = path.read_bytes()
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip().lower() for name in reader.fieldnames or []]
        reader.fieldnames = header
        missing = [name for name in ("path", "label") if header.count(name) != 1]
        if missing:
            raise DataError(
                f"{path}, line 1: columns {header}; one {' and one '.join(missing)} is needed, "
                "and commas between them"
            )
        rows = [(reader.line_num, {k: _text(v) for k, v in row.items()}) for row in reader]
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02X} is not UTF-8"
        raise DataError(f"{path}, line {line}: {found}; save the list as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.reader.line_num}: {error}; mend the line") from error
    return [(line, row) for line, row in rows if any(row.values())]


def _text(value: str | list[str] | None) -> str:
    return value.strip() if isinstance(value, str) else ",".join(value or [])


def _problems(rows: list[tuple[int, dict[str, str]]], folder: Path) -> Iterator[str]:
    lines: dict[Path, int] = {}
    for line, row in rows:
        first = lines.setdefault(_place(row, folder), line)
        again = f"path {row['path']!r} stands in line {first} too; keep one"
        problem = _problem(row) or (again if first != line else "")
        if problem:
            yield f"line {line}: {problem}"


def _problem(row: dict[str, str]) -> str:
    """What is wrong with a line of a list, empty if nothing."""
    if row.get(None):
        return f"{row[None]!r} stands beyond the last column; quote values that hold a comma"
    if not row["path"]:
        return "path is empty; a file is needed"
    if row["label"].lower() not in _by_lower(EMOTIONS):
        return f"label {row['label']!r} is none of {', '.join(EMOTIONS)}"
    if row.get("split", "").lower() not in _by_lower(("", *SPLITS)):
        return f"split {row['split']!r} is none of {', '.join(SPLITS)}, nor empty"
    return ""


def _place(row: dict[str, str], folder: Path) -> Path:
    return Path(os.path.normpath(folder / row["path"]))


def _listed_source(row: dict[str, str], folder: Path) -> Source:
    emotion = _by_lower(EMOTIONS)[row["label"].lower()]
    split = _by_lower(("", *SPLITS))[row.get("split", "").lower()]
    path = _place(row, folder)
    relative = _relative(path, folder)
    parts = [path.name] if relative.is_absolute() else relative.parts
    inner = [part for part in parts[:-1] if part.lower() not in (emotion.lower(), "video")]
    return Source(_id("", emotion, *inner, parts[-1]), split, emotion, path, row.get("group", ""))


# --- Ids ------------------------------------------------------------------------------------------
def _id(split: str, emotion: str, *parts: str) -> str:
    """The id of a clip; an empty split is left out."""
    folders, name = parts[:-1], Path(parts[-1])
    last = name.stem if name.suffix.lower() == ".mp4" else name.name
    return "/".join([*([split] if split else []), emotion, *map(safe_name, [*folders, last])])


def safe_name(name: str) -> str:
    """Letters, digits and ``_ . ( ) + -`` stay; every run of others becomes one underscore."""
    return re.sub(r"[^\w.()+-]+", "_", unicodedata.normalize("NFC", name)).rstrip(".") or "_"


def _relative(path: Path, folder: Path) -> Path:
    """A path below the folder as relative to it, any other as it is."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _with_unique_ids(sources: list[Source], raw_dir: Path) -> Iterator[Source]:
    count = Counter(source.id.lower() for source in sources)  # some file systems ignore case
    for source in sources:
        if count[source.id.lower()] == 1:
            yield source
            continue
        digest = hashlib.sha256(_relative(source.path, raw_dir).as_posix().encode()).hexdigest()
        yield replace(source, id=f"{source.id}-{digest[:8]}")
