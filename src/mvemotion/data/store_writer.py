"""The making of a store: begun or continued by one process at a time, and whole at the end.

Processes that prepare different shards of the clips may share it; none of them makes it whole.
"""

import errno
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from mvemotion.data.clip_file import clip_path
from mvemotion.data.manifest import to_manifest, write_manifest
from mvemotion.data.shards import Shard, differences
from mvemotion.data.sources import Source
from mvemotion.data.store import ORIGIN, read_description
from mvemotion.errors import DataError, InputError
from mvemotion.files import locked, read_json, write_json, write_text

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
PATIENCE_S = 300.0  # for other shards to begin: they look at every source, on a slow disk maybe


@contextmanager
def open_store(
    store_dir: Path, wanted: dict, sources: list[Source], shard: Shard | None = None
) -> Iterator[None]:
    """Begin a store, or continue one that was begun alike, with its folder for this process alone.

    Parameters
    ----------
    store_dir : Path
        The folder; made if there is none.
    wanted : dict
        What `mvemotion.data.store.describe` returns.
    sources : list of Source
        The clips to store.
    shard : Shard, optional
        Share the folder with processes that prepare other shards.

    Raises
    ------
    InputError
        If the folder holds other things than a store, or another process is at work on it.
    DataError
        If the store was begun otherwise or from other clips, or, at any time, the disk is full.
    """
    with _a_full_disk_named(store_dir):
        _refuse_other_things(store_dir)
        store_dir.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.enter_context(_hold(store_dir / ".lock", store_dir, shard, shared=bool(shard)))
            if shard:
                held.enter_context(_hold(shard.file(store_dir, ".lock"), store_dir, shard))
            with beginning(store_dir):
                _begin_or_continue(store_dir, wanted, sources, is_alone=not shard)
            yield


@contextmanager
def beginning(store_dir: Path) -> Iterator[None]:
    """Read and write what all shards share in a store, one after the other."""
    busy = f"{store_dir}: another process has been beginning it for {PATIENCE_S:.0f} s; end it"
    with locked(store_dir / ".beginning", busy=busy, patience_s=PATIENCE_S):
        yield


def close_store(store_dir: Path, rows: Mapping[str, dict]) -> pd.DataFrame:
    """Write the manifest, which makes the store whole, and drop what is not in it."""
    manifest = to_manifest(rows.values())
    usable = set(manifest.loc[manifest["status"] == "ok", "id"])
    for clip_id in set(_stored_ids(store_dir)) - usable:
        clip_path(store_dir, clip_id).unlink()
    write_manifest(store_dir, manifest)
    return manifest


def note_origin(store_dir: Path, raw_dir: Path, draw: Mapping[str, object] | None = None) -> None:
    """Record where the raw clips lie and, the first time, how their split is drawn.

    Raises
    ------
    DataError
        If the split of the store was drawn otherwise.
    """
    path = store_dir / ORIGIN
    before = read_json(path).get("draw") if path.exists() else None
    if draw and before and before != draw:
        raise DataError(
            f"{store_dir}: its split was drawn with {before}, not {dict(draw)}; clips would change "
            "sides: draw it the same way, or prepare into another folder"
        )
    write_json(path, {"raw_dir": str(raw_dir.resolve()), "draw": before or draw})


@contextmanager
def _a_full_disk_named(store_dir: Path) -> Iterator[None]:
    """Say what to do about a full disk, which is no clip's fault and ends the work."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DataError(
            f"{store_dir}: {error.strerror}; every clip prepared so far is kept: free some space "
            "and run the same command again, which continues where it stopped"
        ) from error


def _refuse_other_things(store_dir: Path) -> None:
    others = [p for p in store_dir.glob("*") if not p.name.startswith(".")]
    if others and read_description(store_dir) is None:
        raise InputError(
            f"{store_dir}: not empty, and no store; choose a new folder for the prepared clips"
        )


@contextmanager
def _hold(
    path: Path, store_dir: Path, shard: Shard | None, *, shared: bool = False
) -> Iterator[None]:
    """Hold a lock of the store; the system lets go of it however this process ends."""
    last = path.read_text().strip() if path.exists() else ""
    busy = (
        f"{store_dir}: process {last} is preparing it; wait for its end, or prepare into another "
        "folder"
    )
    with locked(path, busy=busy, shared=shared) as file:
        file.truncate(0)
        place = f" (shard {shard})" if shard else ""
        file.write(f"{os.getpid()} on {socket.gethostname()}{place}\n")
        file.flush()
        yield


def _begin_or_continue(
    store_dir: Path, wanted: dict, sources: list[Source], *, is_alone: bool
) -> None:
    found = read_description(store_dir)
    if found is None:
        write_text(store_dir / "store.json", json.dumps(wanted, indent=2) + "\n")
        return
    if found != wanted:
        raise DataError(
            f"{store_dir}: prepared with {differences(found, wanted)}; prepare into another "
            "folder, or with the same options"
        )
    for leftover in store_dir.rglob(".*.part*") if is_alone else ():
        leftover.unlink(missing_ok=True)
    stored = set(_stored_ids(store_dir))
    if stored and not stored & {source.id for source in sources}:
        raise DataError(
            f"{store_dir}: none of its {len(stored)} clips is in the raw folder; prepare other "
            "clips into another folder"
        )


def _stored_ids(store_dir: Path) -> Iterator[str]:
    clips = store_dir / "clips"
    for path in clips.rglob("*.safetensors"):
        yield path.relative_to(clips).as_posix().removesuffix(".safetensors")
