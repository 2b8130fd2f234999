"""Minutes from a fresh clone to its end: set-up, `make replicate`, `make test`.

    .venv/bin/python benchmarks/wall_times.py

Clones what is committed into a temporary folder, and runs each command there once, as from a shell
without settings of its own. Set-up downloads all that it installs. `replicate` uses all cores,
`test` a process on each. A command that fails is an error, and nothing is written.
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
SETTINGS = {  # of a shell, or of the make that calls us
    *("PROFILE", "DATA", "RESULTS", "SEEDS", "JOBS", "ONLY", "DEVICE"),
    *("PYTHONPATH", "MAKEFLAGS", "OMP_NUM_THREADS"),
}
WITHOUT_CACHES = {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1"}
HOW = (
    "minutes by the clock, each command once, in this order, in one fresh clone; no package was "
    "kept from an earlier installation"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "benchmarks" / "results" / "wall_times.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "mvemotion"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        origin = provenance() | {"commit": commit_of(clone)}
        minutes = {target: minutes_of(target, clone) for target in TARGETS}
    write_json(options.out, {"minutes": minutes, "how": HOW, "provenance": origin})
    print(options.out.read_text())


def commit_of(clone: Path) -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.check_output(command, cwd=clone, text=True).strip()


def minutes_of(target: str, clone: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    start = time.perf_counter()
    subprocess.run(["make", target], cwd=clone, env=environment | WITHOUT_CACHES, check=True)
    return round((time.perf_counter() - start) / 60, 1)


if __name__ == "__main__":
    main()
