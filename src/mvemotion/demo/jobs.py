"""Work in line: one job at a time, first come, first served."""

import errno
import logging
import threading
from collections import deque
from collections.abc import Callable

from mvemotion.errors import MvemotionError

LOGGER = logging.getLogger(__name__)


class CancelledError(Exception):
    """Raised inside a job that nobody waits for any more."""


class FullError(MvemotionError):
    """The line is as long as it may be."""


class Job:
    """One piece of work; the worker writes it, anyone reads it.

    Parameters
    ----------
    work : callable
        ``work(job) -> result``; it should call `report` often, which is where a job is cancelled.

    Attributes
    ----------
    state : str
        ``"queued"``, ``"working"``, then ``"done"``, ``"failed"`` or ``"cancelled"``.
    stage : str
        What is being done.
    done, total : int
        How far it is.
    error : str
        Why it failed, in words for the user.
    result : object
        What `work` returned.
    """

    def __init__(self, work: Callable[["Job"], object]):
        self.state, self.stage, self.done, self.total = "queued", "", 0, 0
        self.error, self.result = "", None
        self._work = work
        self._is_cancelled = threading.Event()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in ("queued", "working")

    def report(self, stage: str, done: int, total: int) -> None:
        """Say how far the work is.

        Raises
        ------
        CancelledError
            If nobody waits for it any more.
        """
        if self._is_cancelled.is_set():
            raise CancelledError
        self.stage, self.done, self.total = stage, done, total

    def cancel(self) -> None:
        """Ask for the end; work that has begun ends at its next report."""
        self._is_cancelled.set()

    def begin(self) -> None:
        """Say that it is worked on, or, if nobody waits for it any more, that it is cancelled."""
        self.state = "cancelled" if self._is_cancelled.is_set() else "working"

    def carry_out(self) -> None:
        """Do the work that has begun; whatever goes wrong is kept in `state` and `error`."""
        if self.state == "cancelled":
            return
        try:
            self.result = self._work(self)
            self.state = "done"
        except CancelledError:
            self.state = "cancelled"
        except Exception as error:  # the worker must live on, whatever a file does to a decoder
            self.error = in_words(error)
            self.state = "failed"


def in_words(error: Exception) -> str:
    """What a user is told of an error; those that are not theirs to mend go to the terminal."""
    if isinstance(error, MvemotionError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk of the computer that runs this page is full; free some space, try again"
    LOGGER.error("a job failed", exc_info=error)
    return f"an error that should not happen ({type(error).__name__}); the terminal says more"


class Line:
    """Jobs in line before one worker, a thread of its own.

    Parameters
    ----------
    longest : int
        Jobs at a time, the one at work included.
    """

    def __init__(self, longest: int):
        self._longest = longest
        self._jobs: deque[Job] = deque()  # the one at work stays first
        self._changed = threading.Condition()
        self._is_open = True
        self._worker = threading.Thread(target=self._serve, name="demo worker", daemon=True)
        self._worker.start()

    def join(self, job: Job) -> Job:
        """Put a job last.

        Raises
        ------
        FullError
            If the line is full.
        """
        with self._changed:
            if len(self._jobs) >= self._longest:
                raise FullError(f"{len(self._jobs)} are waiting already; try again in some minutes")
            self._jobs.append(job)
            self._changed.notify()
        return job

    def ahead(self, job: Job) -> int:
        """How many come before a job, the one at work included."""
        with self._changed:
            return self._jobs.index(job) if job in self._jobs else 0

    def leave(self, job: Job) -> None:
        """Take a job out of the line, or end it soon if it has begun."""
        job.cancel()
        with self._changed:
            if job.state == "queued" and job in self._jobs:
                self._jobs.remove(job)
                job.state = "cancelled"

    def close(self, patience_s: float = 5.0) -> None:
        """End all jobs and the worker; waits for the job at work to notice, but not for ever."""
        with self._changed:
            self._is_open = False
            for job in self._jobs:
                job.cancel()
            self._changed.notify()
        self._worker.join(patience_s)

    def _serve(self) -> None:
        while job := self._next():
            job.carry_out()
            with self._changed:
                self._jobs.remove(job)

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or not self._is_open)
            if not self._jobs:
                return None
            self._jobs[0].begin()  # from here on, `leave` leaves it in line
            return self._jobs[0]
