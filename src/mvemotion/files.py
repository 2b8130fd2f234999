"""Files that are either whole or absent: written under another name, then renamed into place."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mvemotion.errors import DataError, InputError
from mvemotion.provenance import cost, provenance

if TYPE_CHECKING:
    import pandas as pd


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Call ``write(temporary_path)``, then rename the result to `path`; make parent folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}-{threading.get_native_id()}"
    temporary = path.with_name(f".{path.stem}.{writer}.part{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write bytes atomically."""
    return write_atomically(path, lambda part: part.write_bytes(content))


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_json(path: Path, value) -> Path:
    """Write indented JSON atomically; NaN is refused, since JSON has none."""
    return write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_table(path: Path, frame: "pd.DataFrame") -> Path:
    """Write a table as CSV atomically, without its index."""
    return write_atomically(path, lambda part: frame.to_csv(part, index=False))


def write_result_table(path: Path, frame: "pd.DataFrame") -> Path:
    """Write a table as CSV atomically, and beside it ``<name>.csv-metadata.json``: its origin.

    Name and form are those of *CSV on the Web*, a W3C recommendation; ``dc:provenance`` is JSON.
    """
    columns = [{"name": str(name), "datatype": _datatype(frame[name])} for name in frame]
    about = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": path.name,
        "tableSchema": {"columns": columns},
        "dc:provenance": json.dumps(provenance() | cost()),
    }
    write_json(path.with_name(f"{path.name}-metadata.json"), about)
    return write_table(path, frame)


def _datatype(column: "pd.Series") -> str:
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
    return kinds.get(column.dtype.kind, "string")


def read_json(path: Path):
    """Read a UTF-8 JSON file.

    Raises
    ------
    DataError
        If it cannot be read as such.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}); remove or restore it") from error


@contextmanager
def locked(path: Path, *, busy: str, patience_s: float = 0.0, shared: bool = False) -> Iterator[IO]:
    """Hold a lock file, which the system lets go when the last process that has it open ends.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made.
    busy : str
        What to say if another process holds it.
    patience_s : float
        How long to wait for that process before saying so.
    shared : bool
        Hold it together with others that share it; keep out, and be kept out by, those that do not.

    Yields
    ------
    file
        Open; a child process that inherits its descriptor holds the lock, too.

    Raises
    ------
    InputError
        If another process holds it, or the disk knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    # A file, not the folder itself: NFS locks nothing that is not open for writing, and shares
    # nothing that is not open for reading.
    with path.open("a+") as file:
        while not _lock(file, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise InputError(busy)
            time.sleep(0.2)
        yield file


def _lock(file: IO, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{path.parent}: cannot be locked ({error.strerror}); name a folder on another disk"
        ) from error
    return True
