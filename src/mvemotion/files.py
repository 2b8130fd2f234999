"""Files that are either whole or absent: written under another name, then renamed into place."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mvemotion.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Call ``write(temporary_path)``, then rename the result to `path`; make parent folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
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
