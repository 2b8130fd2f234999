"""Archives unpacked without trust: looked through first, then whole or not at all."""

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from mvemotion.errors import DataError
from mvemotion.fetch.names import Names
from mvemotion.files import read_json, write_json

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
OTHER = (".rar", ".7z", ".tar.zst", ".z01", ".001")
MARKER = ".unpacked.json"
MAX_RATIO = 200  # of content to archive; films hardly shrink, arrays of zeros do
SMALL_BYTES = 100_000_000  # content that no ratio makes suspicious
CHUNK_BYTES = 1 << 20
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a way of compression that Python does not know
    UnicodeDecodeError,  # in a name
)


@dataclass(frozen=True)
class Member:
    """One entry of an archive; `kind` is ``file``, ``folder``, or what makes it refused."""

    name: str
    kind: str
    size: int  # bytes, as declared
    open: Callable[[], IO[bytes]]


def content_folders(names: Iterable[str]) -> dict[str, str]:
    """Where each archive among some files is unpacked; other files are left out.

    >>> content_folders(["Train.zip", "arrays.npz", "a.zip", "a.tar.gz"])
    {'Train.zip': 'Train', 'a.zip': 'a.zip content', 'a.tar.gz': 'a.tar.gz content'}
    """
    names = list(names)
    stems = {name: stem for name in names if (stem := _stem(name))}
    taken = Counter(stem.casefold() for stem in [*stems.values(), *names])
    return {
        name: stem if taken[stem.casefold()] == 1 else f"{name} content"
        for name, stem in stems.items()
    }


def refuse_other_kinds(folder: Path, names: Iterable[str]) -> None:
    """Name the archives that must be unpacked by hand, unless that has been done.

    Raises
    ------
    DataError
        If one of `names` is of another kind, and nothing but it bears its name without the suffix.
    """
    for name in names:
        suffix = next((s for s in OTHER if name.lower().endswith(s)), None)
        if suffix is None:
            continue
        content = folder / name[: -len(suffix)]
        if not content.exists():
            raise DataError(
                f"{folder / name}: downloaded and verified, but {suffix} archives are not unpacked "
                f"here, only {', '.join(ZIP + TAR)}; unpack it to {content} with a program for it "
                "(7-Zip, unrar, bsdtar)"
            )


def is_unpacked(folder: Path, sha256: str | None) -> bool:
    """Whether a folder holds every file of the archive with this sum, whole."""
    marker = folder / MARKER
    if sha256 is None or not marker.is_file():
        return False
    found = read_json(marker)
    if not isinstance(found, dict) or found.get("sha256") != sha256:
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in found.get("files", {}).items()
    )


def unpack(
    archive: Path,
    folder: Path,
    *,
    sha256: str,
    advance: Callable[[int], object] = lambda count: None,
) -> None:
    """Unpack an archive to a folder, which appears when it is whole.

    A folder at the top that is named like `folder` is left out. Interrupted, it begins anew.

    Parameters
    ----------
    archive : Path
        ``.zip``, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``.
    folder : Path
        Replaced if this function made it, from whichever archive.
    sha256 : str
        Of the archive; noted in the folder for `is_unpacked`.
    advance : callable
        Told the number of bytes of each chunk written.

    Raises
    ------
    DataError
        If the archive is of another kind, damaged, or encrypted; if a member is no plain file or
        folder, or its name unsafe; if the content is suspiciously large or exceeds the disk; if
        `folder` was made by someone else.
    """
    if folder.exists() and not (folder / MARKER).is_file():
        raise DataError(
            f"{folder}: not made by this program, but {archive.name} is to be unpacked there; move "
            "what is there away, and run the same command again"
        )
    temporary = folder.with_name(f".{folder.name}.unpacking")
    _remove(temporary)
    try:
        with _damage_named(archive):
            sizes = _survey(archive, shutil.disk_usage(folder.parent).free)
            skipped = folder.name if _are_all_below(folder.name, sizes) else ""
            files = _write(archive, temporary, skipped, advance)
        write_json(temporary / MARKER, {"archive": archive.name, "sha256": sha256, "files": files})
        _swap(temporary, folder)
    finally:
        _remove(temporary)


def content_limit(archive_bytes: int, free_bytes: int) -> int:
    """The most bytes that an archive may hold: a bomb holds many times its own size."""
    return min(free_bytes, max(SMALL_BYTES, MAX_RATIO * archive_bytes))


# --- Looking through ------------------------------------------------------------------------------
def _survey(archive: Path, free_bytes: int) -> dict[str, int]:
    """Sizes of all files by path; nothing is written before every member has passed."""
    names, sizes, total = Names(), {}, 0
    limit = content_limit(archive.stat().st_size, free_bytes)
    for member in _members(archive):
        if member.kind not in ("file", "folder"):
            raise DataError(
                f"{archive.name}: {member.name!r} is a {member.kind}; only plain files and folders "
                "are unpacked, and nothing was written: ask the publisher of it"
            )
        if _is_root(member):
            continue
        path = names.add(member.name, is_folder=member.kind == "folder")
        if member.kind == "file":
            sizes[str(path)] = member.size
            total += member.size
        if total > limit:
            raise _too_large(archive, total, free_bytes)
    return sizes


def _too_large(archive: Path, total: int, free_bytes: int) -> DataError:
    found = f"{archive.name}: holds {total:,} bytes or more"
    if total > free_bytes:
        return DataError(
            f"{found}, and {free_bytes:,} are free; free some room, and run the same command again"
        )
    return DataError(
        f"{found} in an archive of {archive.stat().st_size:,}, over {MAX_RATIO} times its size; "
        "refused as a bomb, and nothing was written: ask the publisher of it, or unpack it by hand"
    )


def _members(archive: Path) -> Iterator[Member]:
    return _zip_members(archive) if archive.name.lower().endswith(ZIP) else _tar_members(archive)


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            # Old Windows programs write backslashes, which the format forbids.
            name = info.filename.replace("\\", "/")
            yield Member(name, _zip_kind(info), info.file_size, partial(file.open, info))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "symbolic link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "device"
    if info.flag_bits & 1:
        return "file under a password"
    return "folder" if info.is_dir() else "file"


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as file:
        for info in file:
            yield Member(info.name, _tar_kind(info), info.size, partial(file.extractfile, info))


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isfile():
        return "file"
    kinds = ((info.isdir, "folder"), (info.issym, "symbolic link"), (info.islnk, "hard link"))
    return next((kind for is_kind, kind in kinds if is_kind()), "device")


def _is_root(member: Member) -> bool:
    """``tar -c .`` begins with the folder itself."""
    return member.kind == "folder" and not PurePosixPath(member.name).parts


def _are_all_below(folder: str, paths: Iterable[str]) -> bool:
    return all(path.startswith(f"{folder}/") for path in paths)


# --- Writing --------------------------------------------------------------------------------------
def _write(
    archive: Path, folder: Path, skipped: str, advance: Callable[[int], object]
) -> dict[str, int]:
    """Write every file and folder, without the top folder `skipped`; sizes of the files by path."""
    sizes = {}
    folder.mkdir()
    for member in _members(archive):
        path = PurePosixPath(member.name)
        if skipped and path.parts[:1] == (skipped,):
            path = path.relative_to(skipped)
        if member.kind == "folder":
            (folder / path).mkdir(parents=True, exist_ok=True)
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        sizes[str(path)] = _copy(member, folder / path, advance)
        if sizes[str(path)] != member.size:
            raise EOFError(f"{member.name!r} ends early")
    return sizes


def _copy(member: Member, target: Path, advance: Callable[[int], object]) -> int:
    with member.open() as source, target.open("xb") as out:
        while chunk := source.read(CHUNK_BYTES):
            out.write(chunk)
            advance(len(chunk))
        return out.tell()


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; those of bz2 have no number
        raise DataError(
            f"{archive.name}: damaged, or not of the kind its name says ({error}); if it is whole, "
            "ask the publisher of it"
        ) from error


def _swap(temporary: Path, folder: Path) -> None:
    stale = folder.with_name(f".{folder.name}.stale")
    _remove(stale)
    if folder.exists():
        os.replace(folder, stale)
    os.replace(temporary, folder)
    _remove(stale)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _stem(name: str) -> str | None:
    """The name without the suffix of an archive; None if it is none."""
    suffix = max((s for s in ZIP + TAR if name.lower().endswith(s)), key=len, default=None)
    return name[: -len(suffix)] if suffix and len(name) > len(suffix) else None
