"""Split, class and name of bundled clips: from the path of their file, and from its target."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mvemotion.data.array_files import StoredArray, open_arrays
from mvemotion.data.sources import Source, safe_name
from mvemotion.errors import ClipError
from mvemotion.specs import EMOTIONS

SPLIT_WORDS = {
    **{"train": "Train", "training": "Train"},
    **{"val": "Validation", "valid": "Validation", "validation": "Validation"},
    **{"test": "test", "testing": "test"},
}


@dataclass(frozen=True)
class Place:
    """What the path of a file, and of a group within it, says of the clips there."""

    path: Path
    split: str  # "": not said, or contradictory
    emotion: str  # "": not said
    name: str

    @classmethod
    def of(cls, path: Path, group: str, raw_dir: Path) -> "Place":
        """Read split and class from the names of folders, file and groups.

        A whole name that is a split counts before a word of one, the outermost first:
        ``test/Sad/training_day.h5`` is of the test split, as is ``mv_test_db.npz``.
        """
        inner = [part for part in group.split("/") if part]
        parts = [*path.relative_to(raw_dir).parts[:-1], path.stem, *inner]
        emotions = {name.lower(): name for name in EMOTIONS}
        named = [emotions[part.lower()] for part in parts if part.lower() in emotions]
        name = safe_name("-".join([path.stem, *inner]))
        return cls(path, _split(parts), next(iter(named), ""), name)

    def source(self, emotion: str, index: int | None = None) -> Source:
        """A clip of the file; `index` is its position if it holds many."""
        name = self.name if index is None else f"{self.name}-{index:05d}"
        clip_id = f"{self.split}/{emotion or 'unlabelled'}/{name}"
        return Source(clip_id, self.split, emotion, self.path)


def label_clips(
    place: Place, target: StoredArray | None, count: int
) -> tuple[list[str], dict[int, ClipError]]:
    """The class of every clip of a file, and why some cannot be used.

    Parameters
    ----------
    place : Place
        Of the file.
    target : StoredArray or None
        One-hot (count, K), or class numbers (count,); for one clip (K,) or ().
    count : int
        Clips in the file.

    Returns
    -------
    emotions : list of str
        In the file's order; "" where it is not known.
    errors : dict of int to ClipError
        ``no class`` or ``two classes``, by position.

    Raises
    ------
    ClipError
        ``no class`` if neither says one, ``other arrays`` if the target is not as above.
    """
    if target is None and not place.emotion:
        raise ClipError("no class", "no target, and no folder is named as a class; add one of them")
    if target is None:
        return [place.emotion] * count, {}
    labels = _read_target(place.path, target, count)
    problems = {i: _problem(label, place.emotion) for i, label in enumerate(labels)}
    errors = {i: problem for i, problem in problems.items() if problem}
    return [place.emotion or label for label in labels], errors


def _split(parts: list[str]) -> str:
    whole = [SPLIT_WORDS[part.lower()] for part in parts if part.lower() in SPLIT_WORDS]
    words = {word for part in parts for word in re.split(r"[^a-z]+", part.lower())}
    named = set(whole[:1]) or {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return named.pop() if len(named) == 1 else ""


def _read_target(path: Path, target: StoredArray, count: int) -> list[str]:
    width, left_over = divmod(math.prod(target.shape), count)
    if target.dtype.kind not in "uifb" or left_over or width not in (1, len(EMOTIONS)):
        raise ClipError(
            "other arrays",
            f"target {target} for {count} clips; ({count}, {len(EMOTIONS)}) one-hot or ({count},) "
            "class numbers are needed",
        )
    with open_arrays(path, {"target": target}, whole=True) as readers:
        values = readers["target"].read().reshape(count, width)
    return _numbered(values[:, 0]) if width == 1 else [_one_hot(row) for row in values]


def _numbered(numbers: np.ndarray) -> list[str]:
    strange = sorted(set(numbers.tolist()) - set(range(len(EMOTIONS))))
    if strange:
        raise ClipError(
            "other arrays",
            f"target holds the class numbers {strange[:6]}; 0 to {len(EMOTIONS) - 1} are needed, "
            f"for {', '.join(EMOTIONS)}",
        )
    return [EMOTIONS[int(number)] for number in numbers]


def _one_hot(row: np.ndarray) -> str:
    is_one_hot = np.isin(row, (0, 1)).all() and np.count_nonzero(row) == 1
    return EMOTIONS[int(row.argmax())] if is_one_hot else ""


def _problem(label: str, folder: str) -> ClipError | None:
    if not label:
        return ClipError("no class", "its row of target is not one-hot; mend it")
    if folder and label != folder:
        found = f"target says {label}, the path {folder}"
        return ClipError("two classes", f"{found}; mend the target, or move the file")
    return None
