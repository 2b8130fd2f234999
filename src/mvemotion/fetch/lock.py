"""``fetch.lock.json``: what was published, and the SHA-256 of what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mvemotion.errors import DataError, InputError
from mvemotion.fetch.download import RemoteFile
from mvemotion.files import locked, read_json, write_json

LOCK_NAME = "fetch.lock.json"
SCHEMA = 1


@dataclass(frozen=True)
class Listing:
    """What a publication offers.

    `kind` is the source (``zenodo`` or ``sample``), `title` a line for people, `origin` what the
    server said about it, as JSON.
    """

    kind: str
    title: str
    origin: dict
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True)
class Lock:
    """A listing, and ``sha256:...`` of those of its files, by name, that have been verified."""

    listing: Listing
    sha256: dict[str, str] = field(default_factory=dict)


def read_lock(folder: Path, kind: str) -> Lock | None:
    """The lock of a folder; None if it has none.

    Raises
    ------
    InputError
        If the folder holds another source's files.
    DataError
        If it is not a lock file.
    """
    path = Path(folder) / LOCK_NAME
    if not path.exists():
        return None
    found = read_json(path)
    try:
        files = tuple(_remote_file(name, entry) for name, entry in found["files"].items())
        listing = Listing(found["kind"], found["title"], found["origin"], files)
        sha256 = {n: e["sha256"] for n, e in found["files"].items() if e["sha256"]}
        schema = found["schema"]
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: no lock file of this program ({error!r} is off); restore it, or remove it: "
            "files that are there already will be verified, not fetched again"
        ) from error
    if schema != SCHEMA:
        raise DataError(f"{path}: format {schema}, not {SCHEMA}; remove it to have it made anew")
    if listing.kind != kind:
        raise InputError(
            f"{folder}: belongs to `fetch {listing.kind}` ({listing.title}); name another folder"
        )
    return Lock(listing, sha256)


def write_lock(folder: Path, lock: Lock) -> None:
    """Write the lock of a folder."""
    files = {
        file.name: {k: v for k, v in asdict(file).items() if k != "name"}
        | {"sha256": lock.sha256.get(file.name)}
        for file in lock.listing.files
    }
    listing = lock.listing
    value = {
        "schema": SCHEMA,
        "kind": listing.kind,
        "title": listing.title,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "origin": listing.origin,
        "files": files,
    }
    write_json(Path(folder) / LOCK_NAME, value)


def renew(known: Lock | None, listing: Listing, *, update: bool) -> Lock:
    """The lock to go on with, after a look at what the publication lists today.

    Parameters
    ----------
    known : Lock, optional
        Of an earlier run.
    listing : Listing
        Of today.
    update : bool
        True: begin anew, from what is listed today.

    Raises
    ------
    DataError
        If what is listed has changed, unless that is accepted.
    """
    if known is None or update:
        return Lock(listing)
    changes = describe_changes(known.listing.files, listing.files)
    if changes:
        raise DataError(
            f"{listing.title}: changed since it was first fetched ({'; '.join(changes)}); pass "
            "--update to fetch what is listed now, or name another folder"
        )
    return Lock(listing, known.sha256)


def describe_changes(old: tuple[RemoteFile, ...], new: tuple[RemoteFile, ...]) -> list[str]:
    """What differs between two lists of files, in words; addresses do not count."""
    before, after = {f.name: f for f in old}, {f.name: f for f in new}
    changes = [f"{name}: no longer listed" for name in before if name not in after]
    changes += [f"{name}: new" for name in after if name not in before]
    for name in before.keys() & after.keys():
        was, now = before[name], after[name]
        if was.size != now.size:
            changes.append(f"{name}: {was.size} bytes then, {now.size} now")
        elif was.checksum != now.checksum:
            changes.append(f"{name}: {was.checksum} then, {now.checksum} now")
    return sorted(changes)


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other fetches out of it; see `mvemotion.files.locked`."""
    busy = f"{folder}: another fetch is at work there; wait for it, or end it"
    with locked(Path(folder) / ".fetching", busy=busy):
        yield


def _remote_file(name: str, entry: dict) -> RemoteFile:
    return RemoteFile(name, entry["url"], entry["size"], entry["checksum"])
