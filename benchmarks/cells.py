"""One cell of a benchmark: a process that repeats its step when it is told to.

Only the standard library is imported here, so that an interpreter without mvemotion can use it.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def serve(prepare: Callable[[], Callable], *, ceiling: Callable[[], float] | None = None) -> None:
    """In the child: answer each line of the input with one step's time; at its end, with the peak.

    Parameters
    ----------
    prepare : callable
        Builds everything and returns the step; one step is run to warm up.
    ceiling : callable, optional
        Does a matrix product and returns its operations; run and timed beside every step.
    """
    step = prepare()
    step()
    answer({"ready": True})
    for _ in sys.stdin:
        took = timed(step)
        if ceiling:
            operations = ceiling()
            product = timed(ceiling)
            took["ceiling_gflop_per_s"] = operations / product["processor_s"] / 1e9
        answer(took)
    answer({"peak_mb": peak_mb()})


def timed(step: Callable) -> dict:
    """Seconds by the clock, and of the processor: in all threads, for us and for the kernel."""
    wall, processor = time.perf_counter(), time.process_time()
    step()
    return {
        "processor_s": time.process_time() - processor,
        "wall_s": time.perf_counter() - wall,
    }


def peak_mb() -> float:
    """This process's own peak: `ru_maxrss` is never less than its parent's at the start."""
    return _proc_mb("self/status", "VmHWM")


def available_mb() -> float:
    """Memory that new processes can have."""
    return _proc_mb("meminfo", "MemAvailable")


def _proc_mb(name: str, field: str) -> float:
    lines = Path("/proc", name).read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def answer(values: dict) -> None:
    print(json.dumps(values), file=sys.__stdout__, flush=True)


class TooSlowError(Exception):
    """No first step within the patience."""


class Cell:
    """In the parent: a child process, and what it has answered so far.

    Raises
    ------
    TooSlowError
        If the child has not made its first step within `patience_s`; it is ended.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], *, patience_s: float | None = None
    ):
        self.times: list[dict] = []
        self._child = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._command = command
        self._await_first_step(patience_s)
        self._read()

    def run(self) -> None:
        """One step more."""
        print("step", file=self._child.stdin, flush=True)
        self.times.append(self._read())

    def close(self) -> float:
        """End the child; its peak of resident memory, MB."""
        self._child.stdin.close()
        peak = self._read()["peak_mb"]
        self._child.wait()
        return peak

    def _await_first_step(self, patience_s: float | None) -> None:
        if not select.select([self._child.stdout], [], [], patience_s)[0]:
            self._child.kill()
            self._child.wait()
            raise TooSlowError

    def _read(self) -> dict:
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self._command)}: ended early; run it to see why")
        return json.loads(line)
