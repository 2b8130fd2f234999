"""The prepared clips on disk: written whole or not at all, read at random, with their facts."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save

from mvemotion.errors import DataError, InputError
from mvemotion.files import write_bytes
from mvemotion.specs import EMOTIONS, ClipFormat

VERSION = 1
ARRAYS = ("music", "music_slow", "music_fast", "video", "face", "face_source")
CHANNEL_AXES = {"music": 0, "music_slow": 0, "music_fast": 0, "video": 3, "face": 3}
DTYPES = {"F16": np.float16, "U8": np.uint8, "I32": np.int32}

COLUMNS = {  # of the manifest, one row a source file
    "id": "str",
    "split": "str",
    "emotion": "str",
    "path": "str",  # relative to the raw folder
    "status": "str",  # "ok", or the reason why the clip is not in the store
    "detail": "str",
    "sha256": "str",
    "size_bytes": "Int64",
    "modified_ns": "Int64",
    "duration_s": "float64",
    "container": "str",
    "encoder": "str",
    "video_codec": "str",
    "video_profile": "str",
    "fps": "float64",
    "width": "Int64",
    "height": "Int64",
    "video_frames": "Int64",  # that decode within the clip
    "keyframes": "Int64",
    "video_start_s": "float64",
    "video_bit_rate": "Int64",
    "audio_codec": "str",
    "audio_rate_hz": "Int64",
    "audio_channels": "Int64",
    "audio_bit_rate": "Int64",
    "audio_start_s": "float64",
    "audio_s": "float64",  # used, of the format's duration
    "padded_s": "float64",
    "face_frames": "Int64",  # searched frames that show a face
    "face_searched": "Int64",
}


class Store:
    """A folder of prepared clips.

    ``store.json`` holds the clip format, the class order and the options; ``manifest.csv`` one row
    for every source file, used or not; ``clips/<id>.safetensors`` the arrays of one clip.

    Parameters
    ----------
    root : str or Path
        The folder that `prepare` wrote.

    Raises
    ------
    DataError
        If there is no finished store, or one of another version or class order.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        description = read_description(self.root)
        if description is None or not (self.root / "manifest.csv").exists():
            raise DataError(
                f"{self.root}: not a finished store (store.json and manifest.csv are needed); "
                "run `mvemotion prepare RAW_DIR STORE`, which continues where it stopped"
            )
        self.clip_format = ClipFormat(**description["clip_format"])
        self.options: dict[str, object] = description["options"]
        self._layouts: dict[str, dict[str, tuple]] = {}

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """One row a source file, sorted by id; the columns are `COLUMNS`."""
        return read_manifest(self.root)

    def clips(self, split: str | None = None) -> pd.DataFrame:
        """The usable clips, of one split or of all: rows of the manifest, numbered from 0."""
        rows = self.manifest[self.manifest["status"] == "ok"]
        if split is not None:
            rows = rows[rows["split"] == split]
        return rows.sort_values("id").reset_index(drop=True)

    def read(self, clip_id: str, arrays: Iterable[str] = ARRAYS) -> dict[str, np.ndarray]:
        """Map arrays of one clip into memory.

        Parameters
        ----------
        clip_id : str
            An `id` of `clips`.
        arrays : iterable of str
            Names of `ARRAYS`.

        Returns
        -------
        dict of np.ndarray
            ``music``, ``music_slow``, ``music_fast``: float16 (2, M, L); ``video``, ``face``: uint8
            (H, W, T, 3); ``face_source``: int32 (T,). Pages are read when touched; writing to an
            array changes this process's copy only.

        Raises
        ------
        DataError
            If the store has no such clip.
        InputError
            If there is no such array.
        """
        path = clip_path(self.root, clip_id)
        if clip_id not in self._layouts:
            self._layouts[clip_id] = _layout(path)
        layout = self._layouts[clip_id]
        unknown = [name for name in arrays if name not in layout]
        if unknown:
            raise InputError(f"arrays {unknown}: a clip holds {', '.join(ARRAYS)}")
        return {name: np.memmap(path, mode="c", **layout[name]) for name in arrays}

    def statistics(self, split: str, *, channelwise: bool = False) -> dict[str, tuple]:
        """Mean and standard deviation of every array over the clips of a split.

        The paper standardises each array as a whole. Clips without a face are left out of the
        face's statistics; an array that no clip has is left out of the result.

        Parameters
        ----------
        split : str
            The training split, unless the authors' use of the split at hand is wanted.
        channelwise : bool
            True: one value a channel instead of one an array.

        Returns
        -------
        dict
            Array name to (mean, standard deviation): floats, or float64 arrays (C,).

        Raises
        ------
        DataError
            If the split has no clip.
        """
        ids = self.clips(split)["id"]
        if not len(ids):
            raise DataError(f"{self.root}: no clip in split {split!r}; statistics need one")
        moments = [json.loads(_metadata(clip_path(self.root, i))["moments"]) for i in ids]
        names = [name for name in CHANNEL_AXES if any(name in clip for clip in moments)]
        return {
            name: _combine([m[name] for m in moments if name in m], channelwise) for name in names
        }

    def checksum(self) -> str:
        """Sha256 of what was prepared and how: sizes and options, and every usable clip's facts."""
        how = json.dumps([asdict(self.clip_format), self.options], sort_keys=True)
        columns = ["id", "split", "emotion", "sha256"]
        lines = ("\t".join(row) for row in self.clips()[columns].itertuples(index=False))
        return hashlib.sha256("\n".join([how, *lines]).encode()).hexdigest()


def describe(clip_format: ClipFormat, options: Mapping[str, object]) -> dict[str, object]:
    """What ``store.json`` holds: all that must be equal for clips to stand in one store."""
    return {
        "version": VERSION,
        "clip_format": asdict(clip_format),
        "emotions": list(EMOTIONS),
        "options": dict(options),
    }


def read_description(root: Path) -> dict | None:
    """The content of ``store.json``, None if there is none.

    Raises
    ------
    DataError
        If it is damaged, or of another version or class order.
    """
    path = root / "store.json"
    if not path.exists():
        return None
    try:
        description = json.loads(path.read_text())
        found = description["version"], tuple(description["emotions"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error}); prepare into a new folder") from error
    if found != (VERSION, EMOTIONS):
        raise DataError(
            f"{path}: version and classes are {found}, {(VERSION, EMOTIONS)} are needed; "
            "prepare into a new folder"
        )
    return description


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
        All of `ARRAYS`.
    row : dict
        Its row of the manifest, JSON values.

    Raises
    ------
    InputError
        If the arrays are not those of `ARRAYS`.
    """
    if set(arrays) != set(ARRAYS):
        raise InputError(f"clip {clip_id}: arrays {sorted(arrays)}; {', '.join(ARRAYS)} are needed")
    metadata = {"row": json.dumps(row), "moments": json.dumps(_moments(arrays))}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(clip_path(root, clip_id), save(contiguous, metadata))


def read_row(root: Path, clip_id: str) -> dict | None:
    """The manifest row that a clip's file carries, None if the clip is not in the store."""
    path = clip_path(root, clip_id)
    return json.loads(_metadata(path)["row"]) if path.exists() else None


def to_manifest(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows of facts as a table with the columns and types of `COLUMNS`, sorted by id."""
    table = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    text = [name for name, kind in COLUMNS.items() if kind == "str"]
    table[text] = table[text].fillna("")
    return table.astype(COLUMNS).sort_values("id").reset_index(drop=True)


def read_manifest(root: Path) -> pd.DataFrame:
    """Read ``manifest.csv``; empty text stays text, empty numbers are missing."""
    table = pd.read_csv(root / "manifest.csv", dtype="str", keep_default_na=False)
    for name, kind in COLUMNS.items():
        if kind != "str":
            table[name] = pd.to_numeric(table[name]).astype(kind)
    return table


def write_manifest(root: Path, manifest: pd.DataFrame) -> None:
    """Write ``manifest.csv``, whole or not at all."""
    write_bytes(root / "manifest.csv", manifest.to_csv(index=False).encode())


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


def _metadata(path: Path) -> dict[str, str]:
    return _header(path)[0]["__metadata__"]


def _layout(path: Path) -> dict[str, dict]:
    """How to map each array of a clip: arguments of `np.memmap`."""
    header, start = _header(path)
    return {
        name: {
            "dtype": DTYPES[entry["dtype"]],
            "shape": tuple(entry["shape"]),
            "offset": start + entry["data_offsets"][0],
        }
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _moments(arrays: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Per channel: count, mean and mean of squares; none of a face that is not there."""
    has_face = bool((arrays["face_source"] >= 0).all())
    names = [name for name in CHANNEL_AXES if name != "face" or has_face]
    return {name: _channel_moments(arrays[name], CHANNEL_AXES[name]) for name in names}


def _channel_moments(array: np.ndarray, axis: int) -> dict[str, object]:
    values = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).astype(np.float64)
    squares = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return {"count": values.shape[1], "mean": values.mean(1).tolist(), "square": squares.tolist()}


def _combine(moments: list[dict], channelwise: bool) -> tuple:
    weights = np.array([m["count"] for m in moments], dtype=np.float64)
    mean = np.average([m["mean"] for m in moments], axis=0, weights=weights)
    square = np.average([m["square"] for m in moments], axis=0, weights=weights)
    if not channelwise:  # channels of one array have equal counts
        mean, square = mean.mean(), square.mean()
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    return (mean, deviation) if channelwise else (float(mean), float(deviation))
