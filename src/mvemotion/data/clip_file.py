"""The file of one prepared clip: its arrays, their moments and its row of the manifest."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from mvemotion.errors import DataError, InputError
from mvemotion.files import write_atomically, write_bytes

ARRAYS = ("music", "music_slow", "music_fast", "video", "face", "face_source")
CHANNEL_AXES = {"music": 0, "music_slow": 0, "music_fast": 0, "video": 3, "face": 3}
DTYPES = {"F16": np.float16, "U8": np.uint8, "I32": np.int32}


def clip_path(root: Path, clip_id: str) -> Path:
    """Where the arrays of a clip lie."""
    return root / "clips" / f"{clip_id}.safetensors"


def write_clip(root: Path, clip_id: str, arrays: dict[str, np.ndarray], row: dict) -> None:
    """Write one clip, whole or not at all.

    Its manifest row and the moments of its arrays travel in the same file, so that the manifest
    can be made again and statistics need no pixel.

    Parameters
    ----------
    root : Path
        The store.
    clip_id : str
        Its name in the store.
    arrays : dict of np.ndarray
        Some of `ARRAYS`, or all; ``face`` and ``face_source`` together or not at all.
    row : dict
        Its row of the manifest, JSON values.

    Raises
    ------
    InputError
        If an array is none of `ARRAYS`, or there is none.
    """
    is_known = bool(arrays) and set(arrays) <= set(ARRAYS)
    if not is_known or ("face" in arrays) != ("face_source" in arrays):
        raise InputError(
            f"clip {clip_id}: arrays {sorted(arrays)}; give some of {', '.join(ARRAYS)}, "
            "the last two together"
        )
    metadata = {"row": json.dumps(row), "moments": json.dumps(_moments(arrays))}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(clip_path(root, clip_id), _in_order(save(contiguous, metadata)))


def copy_clip(source_root: Path, root: Path, clip_id: str) -> None:
    """Take over a clip of another store, its content checked; linked where one disk has both.

    Raises
    ------
    DataError
        If its arrays are not what they were when it was written. Nothing is left then.
    """

    def copy(part: Path) -> None:
        try:
            os.link(clip_path(source_root, clip_id), part)
        except OSError:  # another disk, or one without links
            shutil.copyfile(clip_path(source_root, clip_id), part)
        _check_content(part)

    write_atomically(clip_path(root, clip_id), copy)


def read_row(root: Path, clip_id: str) -> dict | None:
    """The manifest row that a clip's file carries, None if the clip is not in the store."""
    path = clip_path(root, clip_id)
    return json.loads(_metadata(path)["row"]) if path.exists() else None


def read_moments(root: Path, clip_id: str) -> dict[str, dict]:
    """Count, mean and mean of squares of every channel of a clip's arrays, by array name."""
    return json.loads(_metadata(clip_path(root, clip_id))["moments"])


def read_layout(root: Path, clip_id: str) -> dict[str, dict]:
    """How to map each array of a clip, by name: arguments of `np.memmap`.

    Raises
    ------
    DataError
        If there is no such clip, or its file is damaged.
    """
    return _layout(clip_path(root, clip_id))


def _layout(path: Path) -> dict[str, dict]:
    header, start = _header(path)
    return {
        name: {
            "filename": path,
            "dtype": DTYPES[entry["dtype"]],
            "shape": tuple(entry["shape"]),
            "offset": start + entry["data_offsets"][0],
        }
        for name, entry in header.items()
        if name != "__metadata__"
    }


def combine_moments(moments: list[dict], channelwise: bool) -> tuple:
    """Mean and standard deviation of one array over clips, as `Store.statistics` gives them.

    Parameters
    ----------
    moments : list of dict
        The array's entry in `read_moments` of every clip.
    channelwise : bool
        True: float64 arrays (C,) instead of floats.
    """
    weights = np.array([m["count"] for m in moments], dtype=np.float64)
    mean = np.average([m["mean"] for m in moments], axis=0, weights=weights)
    square = np.average([m["square"] for m in moments], axis=0, weights=weights)
    if not channelwise:  # channels of one array have equal counts
        mean, square = mean.mean(), square.mean()
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    return (mean, deviation) if channelwise else (float(mean), float(deviation))


def _header(path: Path) -> tuple[dict, int]:
    """Header of a safetensors file, and the offset at which its data begin."""
    try:
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(start - 8))
        ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
        if path.stat().st_size != start + max(ends):
            raise ValueError(f"{path.stat().st_size} bytes, not {start + max(ends)}")
        return header, start
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such clip in the store; its ids are in the manifest, or run "
            "`mvemotion prepare` again"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}); run `mvemotion prepare` again") from error


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its header sorted: the library's order changes by chance."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return b"".join([len(header).to_bytes(8, "little"), header, memoryview(content)[start:]])


def _metadata(path: Path) -> dict[str, str]:
    return _header(path)[0]["__metadata__"]


def _check_content(path: Path) -> None:
    """Raise DataError unless the arrays have the moments that were written with them."""
    arrays = {name: np.memmap(mode="r", **layout) for name, layout in _layout(path).items()}
    if _moments(arrays) != json.loads(_metadata(path)["moments"]):
        raise DataError(f"{path}: its arrays have changed since they were written; copy it again")


def _moments(arrays: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Per channel: count, mean and mean of squares; none of a face that is not there."""
    has_face = "face" in arrays and bool((arrays["face_source"] >= 0).all())
    names = [name for name in CHANNEL_AXES if name in arrays and (name != "face" or has_face)]
    return {name: _channel_moments(arrays[name], CHANNEL_AXES[name]) for name in names}


def _channel_moments(array: np.ndarray, axis: int) -> dict[str, object]:
    values = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).astype(np.float64)
    squares = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return {"count": values.shape[1], "mean": values.mean(1).tolist(), "square": squares.tolist()}
