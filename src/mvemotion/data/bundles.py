"""Finding the authors' processed arrays: NPZ or HDF5 files of one clip or of many.

Files are recognised by what they hold, never by their names: ``melphase`` (M, L, 2),
``video3D_fast`` and ``face_fast`` (H, W, T, 3), ``video3D_slow`` (H, W, slow T, 3) and ``target``
(K,), with a first axis over clips where a file holds many.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mvemotion.data.array_files import StoredArray, kind_of, list_arrays, open_arrays
from mvemotion.data.bundle_labels import SPLIT_WORDS, Place, label_clips
from mvemotion.data.bundle_shapes import AXES, STORED_AS, check_arrays, sizes_of
from mvemotion.data.sources import Source
from mvemotion.errors import ClipError, DataError, InputError
from mvemotion.specs import EMOTIONS, PAPER_FORMAT, ClipFormat

EXPECTED = (
    "expected are videos, or NPZ or HDF5 files with arrays melphase (128, 1292, 2), video3D_fast "
    "and face_fast (128, 128, 64, 3), one or more of them, for one clip or with a first axis over "
    f"clips, and target, one-hot in the order {', '.join(EMOTIONS)}, or a folder for each class"
)


@dataclass(frozen=True)
class Bundle:
    """The clips of one file (or of one group of an HDF5 file)."""

    path: Path
    arrays: dict[str, StoredArray]  # by the authors' names, without the target
    is_single: bool  # one clip; else the first axis is over clips
    sources: tuple[Source, ...]  # of its clips, in the file's order
    errors: dict[int, ClipError]  # by position: why that clip cannot be used

    def layout(self) -> dict[str, tuple[int, ...]]:
        """Shapes of one clip's arrays, by the authors' names."""
        return {n: a.shape if self.is_single else a.shape[1:] for n, a in self.arrays.items()}


def find_bundles(raw_dir: str | Path) -> list[Bundle]:
    """Every file below a folder that holds clips as the authors' arrays.

    Split and class come from a folder's or file's name (``test/Sad/14.h5``, ``mv_test_db.npz``),
    the class otherwise from the target.

    Parameters
    ----------
    raw_dir : str or Path
        Searched with its subfolders, but for hidden ones.

    Returns
    -------
    list of Bundle
        In the order of their paths; all usable clips have the same arrays and shapes.

    Raises
    ------
    DataError
        If there is none: with what was found. If a file of many clips is damaged, is not laid out
        as expected or like the others, or does not say its split.
    """
    raw_dir = Path(raw_dir)
    found = [bundle for path in _files(raw_dir) for bundle in _bundles_of(path, raw_dir)]
    if not any(bundle.arrays for bundle in found):
        raise DataError(f"{raw_dir}: no clip found among {_inventory(raw_dir)}; {EXPECTED}")
    return _with_one_layout(_with_unique_ids(found, raw_dir))


def read_clips(
    bundle: Bundle, arrays: Mapping[str, StoredArray], indices: Collection[int]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Read some clips of a bundle, one after another.

    Parameters
    ----------
    bundle : Bundle
    arrays : mapping of str to StoredArray
        Some of its ``arrays``.
    indices : collection of int
        Positions of the clips, in any order; they come in the file's. Those between are passed
        over, those after the last are not touched.

    Yields
    ------
    index : int
    clip : dict of np.ndarray
        Without the axis over clips.

    Raises
    ------
    ClipError
        ``unreadable`` if the file is damaged, and of one clip.
    DataError
        If it is damaged, and of many.
    """
    if not indices or not arrays:
        return
    try:
        with open_arrays(bundle.path, arrays, whole=bundle.is_single) as readers:
            for index in range(max(indices) + 1):
                if index in indices:
                    yield index, {name: reader.read() for name, reader in readers.items()}
                else:
                    for reader in readers.values():
                        reader.skip()
    except ClipError as error:
        if bundle.is_single:
            raise
        raise DataError(
            f"{bundle.path}: {error}; clips stored so far are kept, and the same command goes on"
        ) from error


def stored_arrays(bundles: list[Bundle]) -> set[str]:
    """Names of `mvemotion.data.clip_file.ARRAYS` that these clips give."""
    names = {STORED_AS[name] for b in bundles for name in b.arrays if name in STORED_AS}
    return names | ({"face_source"} if "face" in names else set())


def bundle_format(bundles: list[Bundle], clip_format: ClipFormat = PAPER_FORMAT) -> ClipFormat:
    """The sizes of bundled clips.

    Parameters
    ----------
    bundles : list of Bundle
        What `find_bundles` returns.
    clip_format : ClipFormat
        Says what the arrays cannot, such as C3D's input. If it is not the paper's, it must fit.

    Raises
    ------
    InputError
        If `clip_format` was chosen and does not fit the arrays.
    """
    layout = next(bundle.layout() for bundle in bundles if bundle.arrays)
    sizes = sizes_of(layout, clip_format)
    found = replace(clip_format, **sizes)
    if clip_format not in (PAPER_FORMAT, found):
        wanted = {name: getattr(clip_format, name) for name in sizes}
        raise InputError(
            f"the arrays have {sizes}, not {wanted}, and cannot be resized; leave the profile away"
        )
    return found


# --- What a folder holds --------------------------------------------------------------------------
def _files(raw_dir: Path) -> Iterator[Path]:
    for path in sorted(raw_dir.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(raw_dir).parts)
        if path.is_file() and not is_hidden:
            yield path


def _inventory(raw_dir: Path) -> str:
    """Files by extension with a few names, and the arrays of the first NPZ and HDF5 files."""
    files = list(_files(raw_dir))
    lines = []
    for suffix, count in Counter(path.suffix.lower() for path in files).most_common(8):
        names = [p.relative_to(raw_dir).as_posix() for p in files if p.suffix.lower() == suffix][:3]
        lines.append(f"{count} {suffix or 'without extension'} ({', '.join(names)})")
    lines += [text for path in files[:200] if (text := _contents(path))][:5]
    return "; ".join(lines) or "nothing"


def _contents(path: Path) -> str:
    """What an NPZ or HDF5 file holds, in words; "" for any other."""
    try:
        if not kind_of(path):
            return ""
        groups = list_arrays(path).values()
    except ClipError as error:
        return f"{path.name}: {error}"
    names = [f"{name} {array}" for group in groups for name, array in group.items()]
    return f"{path.name} holds {', '.join(names[:8]) or 'no array'}"


def _bundles_of(path: Path, raw_dir: Path) -> Iterator[Bundle]:
    """The bundles of one file; a file of one clip that is damaged is kept with its error."""
    try:
        if not kind_of(path):
            return
        groups = list_arrays(path)
    except ClipError as error:
        yield _failed(Place.of(path, "", raw_dir), error)
        return
    for group, arrays in groups.items():
        if STORED_AS.keys() & arrays.keys():
            place = Place.of(path, group, raw_dir)
            try:
                yield _describe(place, arrays)
            except ClipError as error:
                yield _failed(place, error)


# --- What a file holds ----------------------------------------------------------------------------
def _failed(place: Place, error: ClipError) -> Bundle:
    """A clip that cannot be used, if the file is one in its class folder; else the error."""
    if not (place.split and place.emotion):
        raise DataError(f"{place.path}: {error}") from error
    return Bundle(place.path, {}, True, (place.source(place.emotion),), {0: error})


def _describe(place: Place, members: dict[str, StoredArray]) -> Bundle:
    """Check the arrays of one group and label its clips."""
    if not place.split:
        raise ClipError(
            "no split",
            "bundled clips do not say which were cut from one video, so no split can be drawn: put "
            f"one of the words {', '.join(SPLIT_WORDS)} into the name of the file or a folder",
        )
    arrays = {name: members[name] for name in AXES if name in members}
    count = check_arrays(arrays)
    emotions, errors = label_clips(place, members.get("target"), count or 1)
    numbers = [None] if count is None else range(count)
    sources = (place.source(e, number) for e, number in zip(emotions, numbers, strict=True))
    return Bundle(place.path, arrays, count is None, tuple(sources), errors)


# --- What all files share -------------------------------------------------------------------------
def _with_unique_ids(bundles: list[Bundle], raw_dir: Path) -> list[Bundle]:
    """Where clips of two files would share an id, a few digits of the path tell them apart."""
    count = Counter(source.id.lower() for bundle in bundles for source in bundle.sources)
    return [
        _with_digits(bundle, raw_dir)
        if any(count[source.id.lower()] > 1 for source in bundle.sources)
        else bundle
        for bundle in bundles
    ]


def _with_digits(bundle: Bundle, raw_dir: Path) -> Bundle:
    members = [array.member for array in bundle.arrays.values()]
    place = "\n".join([bundle.path.relative_to(raw_dir).as_posix(), *members])
    digits = hashlib.sha256(place.encode()).hexdigest()[:8]
    sources = (replace(source, id=f"{source.id}-{digits}") for source in bundle.sources)
    return replace(bundle, sources=tuple(sources))


def _with_one_layout(bundles: list[Bundle]) -> list[Bundle]:
    """Bundles of the layout that most clips have; of others only lone clips, as unusable."""
    count: Counter = Counter()
    for bundle in bundles:
        if bundle.arrays:
            count[_in_words(bundle)] += len(bundle.sources)
    usual = count.most_common(1)[0][0]
    return [b if not b.arrays or _in_words(b) == usual else _deviant(b, usual) for b in bundles]


def _deviant(bundle: Bundle, usual: str) -> Bundle:
    found = f"holds {_in_words(bundle)}, but most clips {usual}"
    error = ClipError("other arrays", f"{found}; all of a store must be alike")
    if not bundle.is_single:
        raise DataError(
            f"{bundle.path}: {error}; move it away and prepare it into a store of its own"
        )
    return replace(bundle, arrays={}, errors={0: error})


def _in_words(bundle: Bundle) -> str:
    """The arrays that a store takes from each clip, with their shapes."""
    return ", ".join(f"{n} {shape}" for n, shape in bundle.layout().items() if n in STORED_AS)
