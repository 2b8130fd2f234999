"""Ends with a replication what was started for it, on this machine or another.

    python -m mvemotion.pipeline.leash RESULTS COMMAND...

A replication may be killed without a chance to tidy up. Its processes therefore look for it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from mvemotion.errors import InputError
from mvemotion.files import locked

OWNER = "MVEMOTION_REPLICATION"  # host and process of the replication that one belongs to
LOCK = ".replicating"  # in the results folder: held as long as it is at work
WATCH_S = 0.2
PROBE_S = 5.0  # between looks at the lock, which may lie on a server
GRACE_S = 15.0  # for a process to end when asked to


def owner() -> str:
    """This process, as the value of `OWNER`."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Leash:
    """Whether the replication that this process belongs to is still at work.

    On its own machine its process is looked for. From another machine that cannot be seen, but its
    lock on the results folder can, where the disk's locks reach that far: if it was held before
    and is no longer, the replication has ended. Without `OWNER` nothing is ever let go.

    Parameters
    ----------
    results : Path
        The results folder.
    """

    def __init__(self, results: Path):
        host, _, process = os.environ.get(OWNER, "").partition(":")
        self._process = int(process) if host == socket.gethostname() else None
        self._lock = results / LOCK
        self._sees_lock = bool(host) and self._process is None and self._is_locked()
        self._next_probe = 0.0
        self._was_cut = False

    def is_cut(self) -> bool:
        """Whether it has ended, as far as can be seen here."""
        self._was_cut = self._was_cut or self._is_gone()
        return self._was_cut

    def wait(self, process: subprocess.Popen, how: int = signal.SIGTERM) -> int:
        """Wait for a process, and end it by the signal `how` once the leash is cut."""
        while process.poll() is None and not self.is_cut():
            time.sleep(WATCH_S)
        if process.poll() is None:
            process.send_signal(how)  # once: a second one would disturb its tidying up
        try:
            return process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _is_gone(self) -> bool:
        if self._process is not None:
            return not _exists(self._process)
        if not self._sees_lock or time.monotonic() < self._next_probe:
            return False
        self._next_probe = time.monotonic() + PROBE_S
        return not self._is_locked()

    def _is_locked(self) -> bool:
        try:
            with locked(self._lock, busy="", shared=True):
                return False
        except InputError:
            return True


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # there, and another user's
        return True
    return True


def main(arguments: list[str]) -> int:
    """Run a command as long as the replication is at work; returns its exit code.

    Asked to end, or left alone, it interrupts the command, as Ctrl-C would: Snakemake then takes
    its jobs back from a cluster.
    """
    results, *command = arguments
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    code = Leash(Path(results)).wait(process, signal.SIGINT)
    return code if code >= 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
