"""One process that makes the spectrograms of all others, so that they need no torch.

Torch alone takes 480 MB of every process that imports it; the others stay far below that without.
A clip's spectrograms are a tenth of its work at most, so that one process keeps up with many.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

import numpy as np

from mvemotion.data.workers import end_with_parent, no_process_starts
from mvemotion.errors import DataError
from mvemotion.media.audio import MakeSpectrogram, make_spectrogram
from mvemotion.specs import ClipFormat

CALLERS = 64  # that may wait to be heard at one time
CORES_A_THREAD = 8  # one thread more for as many; each takes some 60 MB at its peak


@contextmanager
def spectrogram_process() -> Iterator[MakeSpectrogram]:
    """Start the process; gives what `make_spectrogram` is, to be handed to other processes.

    Raises
    ------
    InputError
        If no process can be started.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="mvemotion-") as folder:  # no other user can enter
        address = str(Path(folder, "socket"))
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(address, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            _wait_for(ours)
            yield partial(_ask, address)
        finally:
            process.terminate()
            process.join()


def _wait_for(ready: Connection) -> None:
    try:
        ready.recv()
    except EOFError as error:
        raise no_process_starts() from error


def _ask(
    address: str, waveform: np.ndarray, sample_rate_hz: int, clip_format: ClipFormat
) -> np.ndarray:
    """`make_spectrogram`, in the process that listens at this address."""
    try:
        with Client(address) as connection:
            connection.send((waveform, sample_rate_hz, clip_format))
            answer = connection.recv()
    except (EOFError, OSError) as error:
        raise DataError(
            "the process that makes the spectrograms has ended, perhaps for want of memory; run "
            "the same command again: clips that are done are kept"
        ) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _serve(address: str, ready: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    threading.Thread(target=end_with_parent, daemon=True).start()
    with Listener(address, backlog=CALLERS) as listener:
        ready.send("listening")
        _use_one_thread()  # meanwhile the others decode
        for _ in range(len(os.sched_getaffinity(0)) // CORES_A_THREAD):
            threading.Thread(target=_answer_all, args=(listener,), daemon=True).start()
        _answer_all(listener)


def _use_one_thread() -> None:
    """Clips run in parallel; threads within one would only be in each other's way."""
    import torch

    torch.set_num_threads(1)


def _answer_all(listener: Listener) -> None:
    while True:
        with listener.accept() as connection:
            try:
                _answer(connection)
            except (EOFError, OSError):  # the caller died
                continue


def _answer(connection: Connection) -> None:
    try:
        answer = make_spectrogram(*connection.recv())
    except (MemoryError, RuntimeError, ValueError) as error:  # its caller names the clip
        answer = error
    connection.send(answer)
