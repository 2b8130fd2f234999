"""One file: resumed after any interruption, verified, and only then renamed into place."""

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from mvemotion.errors import DataError
from mvemotion.fetch.checksums import algorithm_of, checksums
from mvemotion.fetch.client import Client, TransientError
from mvemotion.files import read_json, write_json

Advance = Callable[[int], object]


@dataclass(frozen=True)
class RemoteFile:
    """One file of a publication.

    `name` is its path below the folder, ``/`` between parts; `checksum` is as in `checksums`.
    """

    name: str
    url: str
    size: int  # bytes
    checksum: str


class WrongContentError(DataError):
    """Content that is not what the publication lists, and from which nothing can be resumed."""


class Part:
    """What has come of one file: ``<name>.part``, and ``<name>.part.json`` that says of what.

    Parameters
    ----------
    file : RemoteFile
        The file it becomes.
    folder : Path
        The folder that `file.name` is relative to.
    """

    def __init__(self, file: RemoteFile, folder: Path):
        self.file = file
        self.target = Path(folder, file.name)
        self.path = self.target.with_name(f"{self.target.name}.part")
        self._sidecar = self.target.with_name(f"{self.target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes at hand."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str | None:
        """The strong ETag of the answer that began it; a weak one promises no equal bytes."""
        return _strong(self._beginning().get("etag"))

    def usable_bytes(self) -> int:
        """Bytes that can be built upon; 0 if they belong to other content than `file`."""
        is_ours = self._beginning().get("checksum") == self.file.checksum
        return self.size if is_ours and self.size <= self.file.size else 0

    def begin(self, etag: str | None) -> None:
        """Start with nothing, noting what the bytes to come belong to."""
        self.discard()
        write_json(self._sidecar, {**asdict(self.file), "etag": etag})
        self.path.touch()

    def discard(self) -> None:
        """Remove all of it."""
        self.path.unlink(missing_ok=True)
        self._sidecar.unlink(missing_ok=True)

    def put_in_place(self) -> str:
        """Rename it to its target if its checksum is right; returns ``sha256:...``.

        Raises
        ------
        WrongContentError
            If it is not.
        """
        algorithm = algorithm_of(self.file.checksum)
        found = checksums(self.path, {algorithm, "sha256"})
        if found[algorithm] != self.file.checksum:
            raise WrongContentError(
                f"its checksum is {found[algorithm]}, not the listed {self.file.checksum}"
            )
        os.replace(self.path, self.target)
        self._sidecar.unlink(missing_ok=True)
        return found["sha256"]

    def _beginning(self) -> dict:
        """The sidecar; empty if it is unreadable, and the part then of no use."""
        try:
            found = read_json(self._sidecar)
        except DataError:
            return {}
        return found if isinstance(found, dict) else {}


def download(
    file: RemoteFile, folder: Path, client: Client, *, advance: Advance = lambda count: None
) -> str:
    """Download one file to ``folder / file.name``, going on from what an earlier try left.

    A wrong size or checksum discards what came, and it is tried once more.

    Parameters
    ----------
    file : RemoteFile
        What to get.
    folder : Path
        Where to.
    client : Client
        Asks, waits and repeats.
    advance : callable
        Told how many bytes more are at hand; a negative number where some are discarded.

    Returns
    -------
    str
        ``sha256:...`` of the file.

    Raises
    ------
    DownloadError
        If the server cannot be reached or refuses. What has come stays.
    DataError
        If the content is wrong twice.
    """
    part, problem = Part(file, folder), ""
    part.path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            client.persist(lambda: _receive(part, client, advance), part.usable_bytes)
            return part.put_in_place()
        except WrongContentError as error:
            problem = str(error)
            _discard(part, advance)
    raise DataError(
        f"{file.name}: {problem}, and so again at a second try; the publication may have changed: "
        "try later, or see in a browser what stands there now"
    )


# --- One attempt ----------------------------------------------------------------------------------
def _receive(part: Part, client: Client, advance: Advance) -> None:
    """Receive what is missing; whatever ends this, what has come is kept."""
    have, size = part.usable_bytes(), part.file.size
    if have == size and part.path.exists():
        return
    with client.open(part.file.url, _range_headers(part, have), (200, 206, 416)) as response:
        if response.status_code == 200:
            _check_size(part.file, response.headers.get("Content-Length"))
            advance(-have)
            part.begin(response.headers.get("ETag"))
        else:
            _check_continuation(response, part, advance)
        _write(client.chunks(response), part, advance)
    if part.size < size:
        raise TransientError(f"{part.file.name}: {part.size} of {size} bytes came")


def _range_headers(part: Part, have: int) -> dict[str, str]:
    if not have:
        return {}
    return {"Range": f"bytes={have}-"} | ({"If-Range": part.etag} if part.etag else {})


def _check_continuation(response: requests.Response, part: Part, advance: Advance) -> None:
    """Raise TransientError, keeping nothing, unless the answer goes on where the part ends."""
    have, header = part.size, response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", header.strip())
    etag = _strong(response.headers.get("ETag"))
    is_other = part.etag and etag and part.etag != etag
    if response.status_code == 416 or not match or int(match[1]) != have or is_other:
        _discard(part, advance)
        raise TransientError(f"{part.file.name}: the server cannot go on after {have} bytes")
    _check_size(part.file, match[2])


def _check_size(file: RemoteFile, announced: str | None) -> None:
    if announced and announced.isdigit() and int(announced) != file.size:
        raise WrongContentError(f"the server has {announced} bytes, not the listed {file.size}")


def _write(chunks, part: Part, advance: Advance) -> None:
    with part.path.open("ab") as out:
        for chunk in chunks:
            if out.tell() + len(chunk) > part.file.size:
                raise WrongContentError(f"more than the listed {part.file.size} bytes came")
            out.write(chunk)
            out.flush()  # what has arrived survives whatever ends this process
            advance(len(chunk))


def _discard(part: Part, advance: Advance) -> None:
    advance(-part.usable_bytes())
    part.discard()


def _strong(etag: str | None) -> str | None:
    return etag if etag and etag.startswith('"') else None
