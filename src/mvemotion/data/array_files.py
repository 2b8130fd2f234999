"""NPZ and HDF5 files as named arrays that are read one clip after another, never whole.

Nothing is ever unpickled, and links out of an HDF5 file are not followed.
"""

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import h5py
import numpy as np
from numpy.lib import format as npy

from mvemotion.errors import ClipError

# All that zipfile, its decoders, NumPy and h5py raise on a file that they cannot make sense of.
FAILURES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError, TypeError),
)
NPY_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
CHUNK_CACHE_BYTES = 64 * 2**20  # an HDF5 chunk may span clips; it is decoded once, not for each
SKIP_BYTES = 2**20


@dataclass(frozen=True)
class StoredArray:
    """What a file's header says of one of its arrays."""

    member: str  # its name in the file
    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool = False  # first axis fastest: cannot be read clip by clip

    def __str__(self) -> str:
        return f"{self.dtype.name} {self.shape}"


def kind_of(path: Path) -> str:
    """``"npz"``, ``"hdf5"`` or ``""``, by the file's content.

    Raises
    ------
    ClipError
        ``unreadable`` if it cannot be opened.
    """
    with _failures_named():
        with path.open("rb") as file:
            start = file.read(30)
            if start.startswith(b"PK\x03\x04") and len(start) == 30:
                first_member = file.read(int.from_bytes(start[26:28], "little"))
                return "npz" if first_member.endswith(b".npy") else ""
        return "hdf5" if h5py.is_hdf5(path) else ""


def list_arrays(path: Path) -> dict[str, dict[str, StoredArray]]:
    """The arrays of an NPZ or HDF5 file, by group (NPZ has one, named ``""``) and name.

    Raises
    ------
    ClipError
        ``unreadable`` if the file is damaged.
    """
    with _failures_named():
        return _list_hdf5(path) if kind_of(path) == "hdf5" else {"": _list_npz(path)}


@contextmanager
def open_arrays(
    path: Path, arrays: Mapping[str, StoredArray], *, whole: bool
) -> Iterator[dict[str, "ClipReader"]]:
    """Readers of some arrays of a file, side by side.

    Parameters
    ----------
    path : Path
        An NPZ or HDF5 file.
    arrays : mapping of str to StoredArray
        Some of `list_arrays`, by any name.
    whole : bool
        True: the first `ClipReader.read` gives the whole array; False: each gives the next entry
        along the first axis.

    Raises
    ------
    ClipError
        ``unreadable`` if the file cannot be opened.
    """
    with ExitStack() as stack:
        with _failures_named():
            if kind_of(path) == "hdf5":
                options = {"rdcc_nbytes": CHUNK_CACHE_BYTES, "rdcc_nslots": 100_003}
                file = stack.enter_context(h5py.File(path, "r", **options))
                readers = {n: _Hdf5Reader(file[a.member], whole) for n, a in arrays.items()}
            else:
                file = stack.enter_context(zipfile.ZipFile(path))
                streams = {n: stack.enter_context(file.open(a.member)) for n, a in arrays.items()}
                readers = {n: _NpzReader(streams[n], a, whole) for n, a in arrays.items()}
        yield readers


class ClipReader:
    """Reads one array from front to back, a clip at a time."""

    def read(self) -> np.ndarray:
        """The next clip.

        Raises
        ------
        ClipError
            ``unreadable`` if the file is damaged there.
        """
        raise NotImplementedError

    def skip(self) -> None:
        """Pass over the next clip.

        Raises
        ------
        ClipError
            ``unreadable`` if the file is damaged there.
        """
        raise NotImplementedError


class _NpzReader(ClipReader):
    """A member of a zip archive; its last clip is not read before all its checksum is right."""

    def __init__(self, stream: IO[bytes], array: StoredArray, whole: bool):
        _read_npy_header(stream)
        self._stream, self._dtype = stream, array.dtype
        self._shape = array.shape if whole else array.shape[1:]
        self._order = "F" if array.is_fortran else "C"
        self._size = math.prod(self._shape) * array.dtype.itemsize

    def read(self) -> np.ndarray:
        with _failures_named():
            content = self._stream.read(self._size)
            return np.frombuffer(content, self._dtype).reshape(self._shape, order=self._order)

    def skip(self) -> None:
        with _failures_named():
            for start in range(0, self._size, SKIP_BYTES):
                self._stream.read(min(SKIP_BYTES, self._size - start))


class _Hdf5Reader(ClipReader):
    def __init__(self, dataset: h5py.Dataset, whole: bool):
        self._dataset, self._whole, self._next = dataset, whole, 0

    def read(self) -> np.ndarray:
        with _failures_named():
            place = () if self._whole else self._next
            self._next += 1
            return np.asarray(self._dataset[place])

    def skip(self) -> None:
        self._next += 1


def _list_npz(path: Path) -> dict[str, StoredArray]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        return {PurePosixPath(m.filename).stem: _npz_array(archive, m) for m in members}


def _npz_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredArray:
    with archive.open(member) as stream:
        shape, is_fortran, dtype = _read_npy_header(stream)
        found = member.file_size - stream.tell()
    needed = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and found != needed:
        raise ValueError(f"{member.filename} has {found} bytes for {dtype} {shape}, not {needed}")
    return StoredArray(member.filename, shape, dtype, is_fortran and len(shape) > 1)


def _read_npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(stream)
    if version not in NPY_HEADERS:
        raise ValueError(f"array header of version {version}")
    return NPY_HEADERS[version](stream)


def _list_hdf5(path: Path) -> dict[str, dict[str, StoredArray]]:
    groups: dict[str, dict[str, StoredArray]] = {}

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            group, _, leaf = name.rpartition("/")
            groups.setdefault(group, {})[leaf] = StoredArray(name, item.shape, item.dtype)

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return groups


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        found = f"{type(error).__name__}: {error}"
        raise ClipError("unreadable", f"{found}; fetch or copy the file again") from error
