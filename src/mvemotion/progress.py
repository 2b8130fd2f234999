"""What the jobs of a replication tell while they work, and its display for a person.

Every job appends lines of JSON to one journal, from whichever process or machine it runs on; the
display reads them.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

STARTED, STEP, DONE, FAILED = "started", "step", "done", "failed"


@dataclass(frozen=True)
class Journal:
    """A file of events, one JSON object a line: ``job``, ``event``, ``text`` and ``time``."""

    path: Path

    def write(self, job: str, event: str, text: str = "") -> None:
        """Append one event as a whole, whoever else does, and from whichever machine."""
        entry = {"time": round(time.time(), 1), "job": job, "event": event, "text": text[:1000]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # appending is not atomic on network disks
            os.write(descriptor, (json.dumps(entry) + "\n").encode())
        finally:
            os.close(descriptor)

    def follow(self) -> Iterator[dict | None]:
        """Events from now on, without end; None whenever there is none yet."""
        self.path.touch()
        with self.path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            rest = b""
            while True:
                rest += file.read()
                *lines, rest = rest.split(b"\n")
                yield from map(json.loads, lines)
                yield None


@dataclass
class Display:
    """A line for each finished job, and a bar that says what is at work.

    Parameters
    ----------
    total : int
        Jobs to come; may be set later.
    """

    total: int = 0
    failed: list[str] = field(default_factory=list)
    finished: int = 0
    _working: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self._bar = tqdm(total=self.total or None, unit="job", disable=None, dynamic_ncols=True)

    def show(self, entry: dict) -> None:
        """Take in one event."""
        job, event, text = entry["job"], entry["event"], entry["text"]
        if event in (STARTED, STEP):
            self._working[job] = text
        else:
            self._finish(job, text, is_good=event == DONE)
        works = (" ".join(filter(None, pair)) for pair in self._working.items())
        self._bar.set_postfix_str("; ".join(works), refresh=True)

    def expect(self, total: int) -> None:
        """Say how many jobs there are."""
        self.total = self._bar.total = total

    def close(self) -> None:
        """Remove the bar; the lines stay."""
        self._bar.leave = False
        self._bar.close()

    def _finish(self, job: str, text: str, *, is_good: bool) -> None:
        self._working.pop(job, None)
        self.finished += 1
        if not is_good:
            self.failed.append(job)
        width = len(str(self.total))
        place = f"[{self.finished:{width}d}/{self.total}]" if self.total else f"[{self.finished}]"
        tqdm.write(f"{place} {job:36s} {text if is_good else 'FAILED: ' + text}")
        self._bar.update(1)
