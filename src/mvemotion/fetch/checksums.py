"""Checksums as publishers print them: ``md5:...``, ``sha256:...``, ``git-sha1:...``."""

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from mvemotion.errors import DownloadError

HEX_DIGITS = {"md5": 32, "sha256": 64, "sha512": 128, "git-sha1": 40}
CHUNK_BYTES = 1 << 20


def normalize(text: str) -> str:
    """``algorithm:digits`` in lower case; bare 32 digits are MD5, as in Zenodo's older answers.

    >>> normalize("D41D8CD98F00B204E9800998ECF8427E")
    'md5:d41d8cd98f00b204e9800998ecf8427e'

    Raises
    ------
    DownloadError
        If the algorithm is not one of `HEX_DIGITS`, or the digits are not right.
    """
    algorithm, _, digits = text.strip().lower().rpartition(":")
    algorithm = algorithm or "md5"
    if not re.fullmatch(rf"[0-9a-f]{{{HEX_DIGITS.get(algorithm, 0)}}}", digits) or not digits:
        raise DownloadError(
            f"checksum {text!r}: listed, but not one of {', '.join(HEX_DIGITS)} with its number of "
            "hexadecimal digits; download by hand, or look for a newer mvemotion"
        )
    return f"{algorithm}:{digits}"


def algorithm_of(checksum: str) -> str:
    """``md5`` of ``md5:...``."""
    return checksum.partition(":")[0]


def checksum(content: bytes, algorithm: str) -> str:
    """The checksum of some bytes.

    >>> checksum(b"hello\\n", "git-sha1")
    'git-sha1:ce013625030ba8dba906f756967f9e9ca394464a'
    """
    state = _state(algorithm, len(content))
    state.update(content)
    return f"{algorithm}:{state.hexdigest()}"


def checksums(
    path: Path, algorithms: Iterable[str], advance: Callable[[int], object] = lambda count: None
) -> dict[str, str]:
    """The checksums of a file by several algorithms, reading it once.

    Parameters
    ----------
    path : Path
        The file.
    algorithms : iterable of str
        Keys of `HEX_DIGITS`.
    advance : callable
        Told the number of bytes of each chunk.

    Returns
    -------
    dict of str to str
        Such as ``{"md5": "md5:d41d..."}``.
    """
    path = Path(path)
    states = {name: _state(name, path.stat().st_size) for name in algorithms}
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            for state in states.values():
                state.update(chunk)
            advance(len(chunk))
    return {name: f"{name}:{state.hexdigest()}" for name, state in states.items()}


def _state(algorithm: str, size: int):
    """What Git hashes is a header with the size, then the content."""
    if algorithm == "git-sha1":
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.new(algorithm, usedforsecurity=False)
