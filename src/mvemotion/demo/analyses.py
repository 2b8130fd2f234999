"""What users brought and what was made of it: bounded in number, size and age, gone at exit."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mvemotion.demo.jobs import Job, Line
from mvemotion.demo.uploads import MB, Limits, RefusedError
from mvemotion.errors import InputError
from mvemotion.files import locked

PREFIX = "mvemotion-demo-"


@contextmanager
def session_folder() -> Iterator[Path]:
    """A temporary folder of this process; what a killed one has left is removed, too."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_left(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))  # readable by its owner alone
    try:
        with locked(folder / "lock", busy=f"{folder}: just made, but in use; start again"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left(folder: Path) -> None:
    with suppress(OSError, InputError):  # of another user, or in use
        if folder.lstat().st_uid == os.getuid():
            with locked(folder / "lock", busy="in use"):
                shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Analysis:
    """One recording, its job and its results, in a folder of its own.

    Attributes
    ----------
    name : str
        What the user called it; for showing alone.
    folder : Path
        Named by the server, by chance.
    media_type : str
        Of the recording.
    scenes : sequence of str
        The emotions that an example was drawn from, one after another.
    job : Job or None
        None while it is uploaded.
    whys : dict
        Jobs of explanations, by window and emotion.
    """

    name: str
    folder: Path
    media_type: str = "application/octet-stream"
    scenes: Sequence[str] = ()
    job: Job | None = None
    whys: dict[tuple[int, str], Job] = field(default_factory=dict)
    touched_s: float = field(default_factory=time.monotonic)
    size: int = 0  # bytes, once all is there

    @property
    def id(self) -> str:
        """Long and drawn by chance: who knows it may see the results."""
        return self.folder.name

    @property
    def recording(self) -> Path:
        """The video, under a name of ours."""
        return self.folder / "recording"

    @property
    def is_active(self) -> bool:
        """Whether it is uploaded, waits, or is worked on."""
        return self.job is None or not self.job.has_ended


class Shelf:
    """All analyses of a session. Used from one thread alone: the server's.

    Parameters
    ----------
    root : Path
        Their folder.
    limits : Limits
    line : Line
        Where their jobs wait.
    """

    def __init__(self, root: Path, limits: Limits, line: Line):
        self._root, self._limits, self._line = root, limits, line
        self._analyses: dict[str, Analysis] = {}

    def add(self, name: str, **facts) -> Analysis:
        """A new analysis with an empty folder.

        Raises
        ------
        RefusedError
            503 if too many are active.
        """
        self.sweep()
        active = sum(analysis.is_active for analysis in self._analyses.values())
        if active >= self._limits.waiting:
            raise RefusedError(503, f"{active} are waiting already; try again in some minutes")
        folder = self._root / secrets.token_urlsafe(16)
        folder.mkdir()
        self._analyses[folder.name] = analysis = Analysis(name, folder, **facts)
        return analysis

    def find(self, key: str) -> Analysis:
        """The analysis of this id, which is then known to be looked at.

        Raises
        ------
        RefusedError
            404 if there is none, or no longer.
        """
        if key not in self._analyses:
            raise RefusedError(
                404,
                f"no such result; they are kept for {self._limits.kept_s / 3600:g} hours, and not "
                "beyond the demo's end; send the file again",
            )
        self._analyses[key].touched_s = time.monotonic()
        return self._analyses[key]

    def remove(self, analysis: Analysis) -> None:
        """Forget an analysis, end its jobs, delete its files."""
        self._analyses.pop(analysis.id, None)
        for job in filter(None, (analysis.job, *analysis.whys.values())):
            self._line.leave(job)
        shutil.rmtree(analysis.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what nobody waits for, what is too old, and the oldest of what is too much."""
        now_s = time.monotonic()
        for analysis in list(self._analyses.values()):
            silence_s = now_s - analysis.touched_s
            is_waiting = analysis.job is not None and analysis.is_active
            if silence_s > (self._limits.silence_s if is_waiting else self._limits.kept_s):
                self.remove(analysis)
        self._remove_surplus()
        self._remove_strays()

    def _remove_surplus(self) -> None:
        ended = [analysis for analysis in self._analyses.values() if not analysis.is_active]
        ended.sort(key=lambda analysis: analysis.touched_s, reverse=True)
        size = 0
        for number, analysis in enumerate(ended):
            size += analysis.size
            if number >= self._limits.kept or size > self._limits.kept_mb * MB:
                self.remove(analysis)

    def _remove_strays(self) -> None:
        """Folders that a job wrote to before it noticed that it was cancelled."""
        for folder in self._root.iterdir():
            if folder.is_dir() and folder.name not in self._analyses:
                shutil.rmtree(folder, ignore_errors=True)
