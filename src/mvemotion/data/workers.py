"""Jobs over processes, such that one that kills its process is named and the others go on."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mvemotion.errors import InputError

Result = TypeVar("Result")


def run_each(
    function: Callable[..., Result],
    jobs: Iterable[tuple],
    *,
    workers: int | None = None,
    initializer: Callable[[], None] | None = None,
) -> Iterator[tuple[tuple, Result | None]]:
    """Call a function once for every job, in parallel.

    Parameters
    ----------
    function : callable
        Importable by name, as its arguments and results must be.
    jobs : iterable of tuple
        The arguments of each call.
    workers : int, optional
        Processes; one a core by default, 0 for none but this one.
    initializer : callable, optional
        Called first in every process.

    Yields
    ------
    job, result
        As they finish. The result is None where a call ended its process, twice: once beside
        others, once alone.

    Raises
    ------
    InputError
        If `workers` is negative, or no process can be started.
    """
    if workers is not None and workers < 0:
        raise InputError(f"{workers} workers: must be 0 (this process only) or more")
    waiting = list(jobs)[::-1]
    if workers == 0:
        yield from ((job, function(*job)) for job in reversed(waiting))
        return
    workers = min(workers or len(os.sched_getaffinity(0)), max(len(waiting), 1))
    while waiting:
        suspects: list[tuple] = []
        with _pool(workers, initializer) as pool:
            yield from _run_together(pool, function, waiting, workers=workers, suspects=suspects)
        for job in suspects:
            with _pool(1, initializer) as pool:
                yield job, _run_alone(pool, function, job)


def _run_together(
    pool, function, waiting: list, *, workers: int, suspects: list
) -> Iterator[tuple]:
    """Work through `waiting`; if a process dies, stop, and leave what was under way in `suspects`.

    No more jobs are handed out than there are processes, so that the suspects are few.
    """
    running: dict[Future, tuple] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                future = pool.submit(function, *waiting[-1])  # or it breaks, and keeps it
                running[future] = waiting.pop()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                yield running.pop(future), result
    except BrokenProcessPool:
        suspects.extend(running.values())


def _run_alone(pool, function: Callable[..., Result], job: tuple) -> Result | None:
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool as error:
        raise no_process_starts() from error
    try:
        return pool.submit(function, *job).result()
    except BrokenProcessPool:
        return None


def no_process_starts() -> InputError:
    """The error of a parent whose new processes end at once."""
    return InputError(
        "no worker process starts; in a script, call under `if __name__ == '__main__':`, "
        "or use 0 workers"
    )


def _pool(workers: int, initializer: Callable[[], None] | None) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would copy locks that threads of torch or OpenCV hold.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(initializer,)
    )


def _start_worker(initializer: Callable[[], None] | None) -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    if initializer:
        initializer()


def end_with_parent() -> None:
    """Leave no process behind, however the parent ends: to run in a thread of its own."""
    multiprocessing.parent_process().join()
    os._exit(1)
