"""A folder brought to hold what a publication lists: what is there stays, the rest is fetched."""

import errno
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue

from tqdm import tqdm

from mvemotion.errors import DataError
from mvemotion.fetch.archives import content_folders, is_unpacked, refuse_other_kinds, unpack
from mvemotion.fetch.checksums import algorithm_of, checksums
from mvemotion.fetch.client import Client
from mvemotion.fetch.download import Part, RemoteFile, download
from mvemotion.fetch.lock import LOCK_NAME, Listing, Lock, write_lock
from mvemotion.fetch.names import Names

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GRACE_S = 2.0  # for threads to stand still after an error, or Ctrl-C
LONGEST_TABLE = 25  # of files one by one; more are counted by folder


def fetch_files(
    lock: Lock,
    folder: Path,
    client: Client,
    *,
    workers: int = 1,
    progress: bool = True,
) -> Lock:
    """Fetch what a folder lacks of a listing, unpack its archives, and keep its lock file.

    Parameters
    ----------
    lock : Lock
        What to have, and what is known of it.
    folder : Path
        Where to; made by the caller.
    client : Client
        Asks, waits and repeats; of no use afterwards.
    workers : int
        Files at a time.
    progress : bool
        Print what will be done and show progress bars.

    Returns
    -------
    Lock
        With every file verified.

    Raises
    ------
    DownloadError
        If a file cannot be had now.
    DataError
        If a name is unsafe, the disk too small, content wrong, or an archive not unpackable.
    """
    listing = lock.listing
    _check_names(listing.files)
    with _a_full_disk_named(folder):
        verified = _verified(lock, folder, progress)
        missing = [file for file in listing.files if file.name not in verified]
        if progress:
            print(describe(listing, verified, folder), flush=True)
        _refuse_small_disk(listing, verified, folder)
        lock = _note(lock, verified, folder)
        done = _download_all(missing, folder, client, workers=workers, progress=progress)
        for file, sha256 in done:
            lock = _note(lock, {file.name: sha256}, folder)
        _unpack_all(lock, folder, progress)
    return lock


def describe(listing: Listing, verified: dict[str, str], folder: Path) -> str:
    """Names and sizes of the files, what is to be fetched, and the room for it."""
    files = listing.files
    to_fetch = _bytes_to_fetch(listing, verified, folder)
    to_unpack = _bytes_to_unpack(listing, verified, folder)
    work = f"{_size(to_fetch)} to fetch" if to_fetch else "nothing to fetch"
    work += f", at least {_size(to_unpack)} to unpack" if to_unpack else ""
    room = f"{_size(shutil.disk_usage(folder).free)} free at {folder}"
    summary = f"{_number(len(files))}, {_size(_total(files))}; {work}; {room}"
    return "\n".join([listing.title, *_table(files), summary])


def _note(lock: Lock, sums: dict[str, str], folder: Path) -> Lock:
    """Write what has been verified; a publisher's MD5 can be forged, the lock's SHA-256 not."""
    for name, sha256 in sums.items():
        known = lock.sha256.get(name, sha256)
        if known != sha256:
            raise DataError(
                f"{name}: its checksum is {sha256}, and was {known} when it was first fetched, "
                "though the publisher lists no change; pass --update to accept it"
            )
    lock = replace(lock, sha256=lock.sha256 | sums)
    write_lock(folder, lock)
    return lock


# --- Before ---------------------------------------------------------------------------------------
def _check_names(files: Iterable[RemoteFile]) -> None:
    names = Names()
    names.add(LOCK_NAME)
    for file in files:
        names.add(file.name)
        names.add(f"{file.name}.part")
        names.add(f"{file.name}.part.json")


def _verified(lock: Lock, folder: Path, progress: bool) -> dict[str, str]:
    """``sha256:...`` of the files that are there, with the listed size and checksum."""
    there = [
        file
        for file in lock.listing.files
        if (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
    ]
    verified = {}
    with _bar("verify", _total(there), progress and bool(there)) as advance:
        for file in there:
            algorithm = algorithm_of(file.checksum)
            found = checksums(folder / file.name, {algorithm, "sha256"}, advance)
            known = lock.sha256.get(file.name, found["sha256"])
            if found[algorithm] == file.checksum and found["sha256"] == known:
                verified[file.name] = found["sha256"]
    return verified


def _refuse_small_disk(listing: Listing, verified: dict[str, str], folder: Path) -> None:
    needed = _bytes_to_fetch(listing, verified, folder)
    needed += _bytes_to_unpack(listing, verified, folder)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: {_size(free)} free, at least {_size(needed)} needed; free some, or name a "
            "folder on a larger disk"
        )


def _bytes_to_fetch(listing: Listing, verified: dict[str, str], folder: Path) -> int:
    missing = [file for file in listing.files if file.name not in verified]
    return _total(missing) - sum(Part(file, folder).usable_bytes() for file in missing)


def _bytes_to_unpack(listing: Listing, verified: dict[str, str], folder: Path) -> int:
    """What archives hold is taken for as large as they are; `unpack` looks again, exactly."""
    sizes = {file.name: file.size for file in listing.files}
    return sum(
        sizes[name]
        for name, content in content_folders(sizes).items()
        if not is_unpacked(folder / content, verified.get(name))
    )


# --- Downloads ------------------------------------------------------------------------------------
def _download_all(
    files: list[RemoteFile], folder: Path, client: Client, *, workers: int, progress: bool
) -> Iterator[tuple[RemoteFile, str]]:
    """Every file with its ``sha256:...``, as they are done; the first fault ends all."""
    if not files:
        return
    at_hand = sum(Part(file, folder).usable_bytes() for file in files)
    with _bar("fetch", _total(files), progress, initial=at_hand) as advance:

        def fetch(file: RemoteFile) -> str:
            return download(file, folder, client, advance=advance)

        yield from _in_threads(fetch, files, workers, stop=client.stop)


def _in_threads(
    function: Callable[[RemoteFile], str],
    files: list[RemoteFile],
    workers: int,
    *,
    stop: Callable[[], None],
) -> Iterator[tuple[RemoteFile, str]]:
    """Call a function for every file; the first error is raised once the other threads stand still.

    A pool of `concurrent.futures` would keep Ctrl-C waiting for a server that has fallen silent;
    these threads are then left behind after `GRACE_S`, since what they do survives even kill -9.
    """
    waiting, done = SimpleQueue(), SimpleQueue()
    for file in files:
        waiting.put(file)

    def work() -> None:
        while not waiting.empty():
            try:
                file = waiting.get_nowait()
            except Empty:  # another thread was quicker
                return
            try:
                done.put((file, function(file), None))
            except BaseException as error:
                done.put((file, None, error))

    threads = [threading.Thread(target=work, daemon=True) for _ in files[:workers]]
    for thread in threads:
        thread.start()
    try:
        for _ in files:
            file, result, error = done.get()
            if error is not None:
                raise error
            yield file, result
    finally:
        stop()
        _join(threads)


def _join(threads: list[threading.Thread]) -> None:
    """Wait for threads, so that a second fetch does not meet them at the same files."""
    deadline = time.monotonic() + GRACE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _unpack_all(lock: Lock, folder: Path, progress: bool) -> None:
    names = [file.name for file in lock.listing.files]
    for name, content in content_folders(names).items():
        if not is_unpacked(folder / content, lock.sha256[name]):
            with _bar(f"unpack {name}", None, progress) as advance:
                unpack(folder / name, folder / content, sha256=lock.sha256[name], advance=advance)
    refuse_other_kinds(folder, names)


# --- Said and shown -------------------------------------------------------------------------------
@contextmanager
def _a_full_disk_named(folder: Path) -> Iterator[None]:
    """Say what to do about a disk that fills up in spite of the look beforehand."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DataError(
            f"{folder}: {error.strerror}; free some room there, and run the same command again to "
            "go on, or name a folder on another disk"
        ) from error


@contextmanager
def _bar(
    label: str, total: int | None, shown: bool, *, initial: int = 0
) -> Iterator[Callable[[int], None]]:
    """A progress bar in bytes; yields what advances it, from any thread."""
    guard = threading.Lock()
    with tqdm(
        total=total,
        desc=label,
        initial=initial,
        unit="B",
        unit_scale=True,
        disable=None if shown else True,
        file=sys.stderr,
    ) as bar:

        def advance(count: int) -> None:
            with guard:
                bar.update(count)

        yield advance


def _table(files: tuple[RemoteFile, ...]) -> list[str]:
    if len(files) <= LONGEST_TABLE:
        rows = [(file.name, _size(file.size)) for file in files]
    else:
        count, size = Counter(), Counter()
        for file in files:
            parent = str(PurePosixPath(file.name).parent)
            count[parent] += 1
            size[parent] += file.size
        rows = [(f"{name} ({_number(n)})", _size(size[name])) for name, n in count.items()]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:{width}s}  {size:>8s}" for name, size in rows]


def _total(files: Iterable[RemoteFile]) -> int:
    return sum(file.size for file in files)


def _size(count: float) -> str:
    units = iter(("B", "kB", "MB", "GB", "TB", "PB", "EB"))
    unit = next(units)
    while count >= 999.95 and unit != "EB":
        count, unit = count / 1000, next(units)
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def _number(files: int) -> str:
    return f"{files} file" if files == 1 else f"{files} files"
