"""Names that strangers gave to files, and may not choose where they go."""

import re
import unicodedata
from pathlib import PurePosixPath

from mvemotion.errors import DataError

MAX_NAMES = 1_000_000


def safe_path(name: str) -> PurePosixPath:
    """The relative path that a name means.

    Raises
    ------
    DataError
        If it is absolute, names a drive, climbs with ``..``, holds control characters, or is empty.
    """
    path = PurePosixPath(name)
    problem = None
    if path.is_absolute() or "\\" in name or re.match(r"[A-Za-z]:", name):
        problem = "absolute, with a drive or with a backslash"
    elif ".." in path.parts:
        problem = "climbing with '..'"
    elif any(unicodedata.category(character) == "Cc" for character in name):
        problem = "with control characters"
    elif not path.parts:
        problem = "empty"
    if problem:
        raise DataError(
            f"{name!r}: a name {problem}; only names below the folder are allowed, and nothing was "
            "written: ask the publisher of the data"
        )
    return path


class Names:
    """The files and folders of one tree, no two of which differ in case alone."""

    def __init__(self):
        self._spelling: dict[str, str] = {}
        self._files: set[str] = set()

    def add(self, name: str, *, is_folder: bool = False) -> PurePosixPath:
        """The safe path of one more name.

        Raises
        ------
        DataError
            If `safe_path` refuses it, a file of that name is there already, or one of its folders
            differs from another's in case (or in how its characters are composed) alone.
        """
        path = safe_path(name)
        folders = [str(parent) for parent in path.parents[:-1]]
        for folder in [*folders, str(path)] if is_folder else folders:
            self._spell(folder, name)
            if folder in self._files:
                raise _clash(name, folder)
        if not is_folder:
            if _fold(str(path)) in self._spelling:
                raise _clash(name, self._spelling[_fold(str(path))])
            self._spell(str(path), name)
            self._files.add(str(path))
        if len(self._spelling) > MAX_NAMES:
            raise DataError(f"more than {MAX_NAMES:,} names; refused: ask the publisher of it")
        return path

    def _spell(self, path: str, name: str) -> None:
        known = self._spelling.setdefault(_fold(path), path)
        if known != path:
            raise _clash(name, known)


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _clash(name: str, other: str) -> DataError:
    return DataError(
        f"{name!r}: the same name as {other!r}, or different in case alone; on some disks one "
        "would overwrite the other, and nothing was written: ask the publisher of the data"
    )
