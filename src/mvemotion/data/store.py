"""The prepared clips on disk: written whole or not at all, read at random, with their facts."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mvemotion.data.clip_file import (
    ARRAYS,
    CHANNEL_AXES,
    combine_moments,
    read_layout,
    read_moments,
)
from mvemotion.data.manifest import read_manifest
from mvemotion.data.splits import find_splits, relabel
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json
from mvemotion.specs import EMOTIONS, ClipFormat

VERSION = 1
ORIGIN = "origin.json"  # where the clips came from: no part of what a store is


class Store:
    """A folder of prepared clips.

    ``store.json`` holds the clip format, the class order, the options and, unless clips hold all
    of `ARRAYS`, which they hold; ``manifest.csv`` one row for every source clip, used or not;
    ``clips/<id>.safetensors`` the arrays of one clip.

    Parameters
    ----------
    root : str or Path
        The folder that `prepare` wrote.
    splits : str or Path, optional
        A split file, or the name of one in the store's ``splits`` folder, that says of which split
        each clip is (see `mvemotion.data.splits`); the split it was prepared with if not given.

    Raises
    ------
    DataError
        If there is no finished store, or one of another version or class order.
    InputError
        If there is no such split file.
    """

    def __init__(self, root: str | Path, splits: str | Path | None = None):
        self.root = Path(root)
        description = read_description(self.root)
        if description is None or not (self.root / "manifest.csv").exists():
            raise DataError(
                f"{self.root}: not a finished store (store.json and manifest.csv are needed); "
                "run `mvemotion prepare RAW_DIR STORE`, which continues where it stopped"
            )
        self.clip_format = ClipFormat(**description["clip_format"])
        self.options: dict[str, object] = description["options"]
        self.arrays: tuple[str, ...] = tuple(description.get("arrays", ARRAYS))
        self.splits_file = find_splits(self.root, splits)
        self._layouts: dict[str, dict[str, tuple]] = {}

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """One row a source file, sorted by id; the columns are `manifest.COLUMNS`.

        Raises
        ------
        DataError
            If the manifest is damaged, or the split file does not fit it.
        """
        manifest = read_manifest(self.root)
        return relabel(manifest, self.splits_file) if self.splits_file else manifest

    @property
    def splits(self) -> str | None:
        """The `splits` to open this store with again: a name, an absolute path, or None."""
        if self.splits_file is None:
            return None
        is_named = self.splits_file == self.root / "splits" / self.splits_file.name
        return self.splits_file.stem if is_named else str(self.splits_file.resolve())

    @property
    def raw_dir(self) -> Path | None:
        """The folder that the manifest's paths are relative to; None in stores that lack it."""
        path = self.root / ORIGIN
        return Path(read_json(path)["raw_dir"]) if path.exists() else None

    def clips(self, split: str | None = None) -> pd.DataFrame:
        """The usable clips, of one split or of all: rows of the manifest, numbered from 0."""
        rows = self.manifest[self.manifest["status"] == "ok"]
        if split is not None:
            rows = rows[rows["split"] == split]
        return rows.sort_values("id").reset_index(drop=True)

    def read(self, clip_id: str, arrays: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Map arrays of one clip into memory.

        Parameters
        ----------
        clip_id : str
            An `id` of `clips`.
        arrays : iterable of str, optional
            Names of this store's ``arrays``; all of them if not given.

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
        if clip_id not in self._layouts:
            self._layouts[clip_id] = read_layout(self.root, clip_id)
        layout = self._layouts[clip_id]
        names = self.arrays if arrays is None else tuple(arrays)
        unknown = [name for name in names if name not in layout]
        if unknown:
            raise InputError(f"arrays {unknown}: a clip holds {', '.join(self.arrays)}")
        return {name: np.memmap(mode="c", **layout[name]) for name in names}

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
        moments = [read_moments(self.root, i) for i in ids]
        names = [name for name in CHANNEL_AXES if any(name in clip for clip in moments)]
        return {
            name: combine_moments([m[name] for m in moments if name in m], channelwise)
            for name in names
        }

    def checksum(self) -> str:
        """Sha256 of what was prepared and how: sizes and options, and every usable clip's facts."""
        how = json.dumps([asdict(self.clip_format), self.options], sort_keys=True)
        columns = ["id", "split", "emotion", "sha256"]
        lines = ("\t".join(row) for row in self.clips()[columns].itertuples(index=False))
        return hashlib.sha256("\n".join([how, *lines]).encode()).hexdigest()


def describe(
    clip_format: ClipFormat, options: Mapping[str, object], arrays: Iterable[str] = ARRAYS
) -> dict[str, object]:
    """What ``store.json`` holds: all that must be equal for clips to stand in one store."""
    description = {
        "version": VERSION,
        "clip_format": asdict(clip_format),
        "emotions": list(EMOTIONS),
        "options": dict(options),
    }
    given = set(arrays)
    held = [name for name in ARRAYS if name in given]
    return description if held == list(ARRAYS) else description | {"arrays": held}


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
        if found == (VERSION, EMOTIONS):
            ClipFormat(**description["clip_format"])
            dict(description["options"])
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise DataError(f"{path}: damaged ({error}); prepare into a new folder") from error
    if found != (VERSION, EMOTIONS):
        raise DataError(
            f"{path}: version and classes are {found}, {(VERSION, EMOTIONS)} are needed; "
            "prepare into a new folder"
        )
    return description
