"""Minutes from a fresh clone to its end: set-up, `make replicate`, `make test`.

    .venv/bin/python benchmarks/wall_times.py

Clones what is committed into a temporary folder, and runs each command there once. Set-up downloads
what it installs. `replicate` uses all cores, `test` a process on each. A command that fails is an
error, and nothing is written.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from mvemotion.files import write_json
from mvemotion.provenance import provenance

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("setup", "replicate", "test")
HOW = "minutes by the clock, each command once, in this order, in one fresh clone"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    default = ROOT / "benchmarks" / "results" / "wall_times.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "mvemotion"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        minutes = {target: minutes_of(target, clone) for target in options.targets}
    origin = {"how": HOW, "cores": os.cpu_count(), "provenance": provenance()}
    write_json(options.out, {"minutes": minutes, **origin})
    print(options.out.read_text())


def minutes_of(target: str, clone: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["make", target], cwd=clone, check=True)
    return round((time.perf_counter() - start) / 60, 1)


if __name__ == "__main__":
    main()
