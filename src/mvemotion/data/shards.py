"""Shares of one dataset that several machines prepare, and their coming together."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mvemotion.data.sources import Source
from mvemotion.data.store import ORIGIN, read_description
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json, write_json

MARKS = ".shards"  # in a store: a mark for every shard that is done, and its lock


@dataclass(frozen=True)
class Shard:
    """One of `count` shares of the clips, `number` from 1; which one a clip is in, its id decides.

    Parameters
    ----------
    number, count : int

    Raises
    ------
    InputError
        Unless 1 <= number <= count.
    """

    number: int
    count: int

    def __post_init__(self):
        if not 1 <= self.number <= self.count:
            raise InputError(f"shard {self}: the first of N is 1/N and the last N/N")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, clip_id: str) -> bool:
        """Whether a clip is in this share: by a hash, so that other clips play no part in it."""
        digest = hashlib.sha256(clip_id.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    def of(self, sources: Sequence[Source]) -> list[Source]:
        """Those of the clips that are in this share."""
        return [source for source in sources if self.holds(source.id)]

    def file(self, store_dir: Path, suffix: str) -> Path:
        """A file of this shard's own in a store."""
        return store_dir / MARKS / f"{self.number}-of-{self.count}{suffix}"

    def begin(self, store_dir: Path) -> None:
        """Take back the mark of an earlier time."""
        self.file(store_dir, ".json").unlink(missing_ok=True)

    def finish(self, store_dir: Path, *, clips: int, usable: int) -> None:
        """Leave a mark that this share is done."""
        write_json(self.file(store_dir, ".json"), {"clips": clips, "usable": usable})


def parse_shard(text: str) -> Shard:
    """Read ``2/4``.

    Raises
    ------
    InputError
        If it is anything else.
    """
    number, _, count = text.partition("/")
    try:
        return Shard(int(number), int(count))
    except ValueError as error:
        raise InputError(f"shard {text!r}: two whole numbers are needed, as in 2/4") from error


def check_all_done(stores: Sequence[Path]) -> None:
    """Raise DataError, with the missing ones named, unless every shard is done in some store."""
    done: dict[int, set[int]] = defaultdict(set)
    for mark in (mark for store in stores for mark in (store / MARKS).glob("*-of-*.json")):
        number, _, count = mark.stem.partition("-of-")
        done[int(count)].add(int(number))
    if any(len(numbers) == count for count, numbers in done.items()):
        return
    places = ", ".join(map(str, stores))
    if not done:
        raise DataError(f"{places}: no shard has been prepared there; begin with --shard 1/N")
    missing = [
        str(Shard(number, count))
        for count, numbers in sorted(done.items())
        for number in sorted(set(range(1, count + 1)) - numbers)
    ]
    raise DataError(
        f"{places}: shards {', '.join(missing)} are missing or unfinished; prepare each with "
        "--shard, then merge again"
    )


def check_alike(stores: Sequence[Path], wanted: dict, draw: dict | None) -> None:
    """Raise DataError unless every store was prepared with the same sizes, options and draw.

    Parameters
    ----------
    stores : sequence of Path
    wanted : dict
        What `mvemotion.data.store.describe` returns.
    draw : dict, optional
        How the split is drawn, where it is.
    """
    for store in stores:
        found = read_description(store)
        if found is None:
            raise DataError(f"{store}: no store; name folders that --shard was prepared into")
        if found != wanted:
            raise DataError(
                f"{store}: prepared with {differences(found, wanted)}; shards of one store must "
                "have the same sizes and options: prepare it again"
            )
        path = store / ORIGIN
        drawn = read_json(path).get("draw") if path.exists() else None
        if draw and drawn and drawn != draw:
            raise DataError(f"{store}: its split was drawn with {drawn}, not {draw}; choose one")


def differences(found: dict, wanted: dict) -> str:
    """What differs between two descriptions of stores, in words."""
    pairs = [
        f"{key}={found[part].get(key)!r} (now {wanted[part].get(key)!r})"
        for part in ("clip_format", "options")
        for key in found[part] | wanted[part]
        if found[part].get(key) != wanted[part].get(key)
    ]
    return ", ".join(pairs) or "other settings"
