"""Where a result came from: commit, versions, hardware, time and memory."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    *("mvemotion", "torch", "torchvision", "torchaudio", "lightning-fabric", "numpy"),
    *("scipy", "scikit-learn", "statsmodels", "pandas", "matplotlib", "safetensors", "h5py"),
    *("av", "soxr", "librosa", "opencv-python-headless"),
)


MEASURED = ("--", ".", ":(exclude)benchmarks/results")  # what a measured program is made of
WORK = "MVEMOTION_WORK"  # JSON in the environment: what work the process is a part of
_BEGUN = time.monotonic()


def provenance() -> dict:
    """Commit, versions, machine and time, as a JSON-ready dict.

    In a notebook that a replication runs also ``work``: its profile and that one's hash, the
    checksum of the clips, first seed, all seeds, and the device that computed.
    """
    work = os.environ.get(WORK)
    return ({"work": json.loads(work)} if work else {}) | {
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git_commit(),
        "python": sys.version.split()[0],
        "versions": {name: _version(name) for name in LIBRARIES} | _ffmpeg(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
    }


def cost() -> dict[str, float]:
    """Seconds that this process has taken so far, and its `peak_memory`."""
    return {"process_seconds": round(time.monotonic() - _BEGUN, 1)} | peak_memory()


def git_commit() -> str | None:
    """Commit of the checkout that holds this package, with ``-dirty`` where it has changes.

    Results that a benchmark has just written are no changes of what it measures.
    """
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changes = _git(checkout, "status", "--porcelain", "--untracked-files=no", *MEASURED)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changes else commit


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def peak_memory() -> dict[str, float]:
    """Largest resident set of this process in its whole life, and of its GPU tensors; MB."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    peak = {"process_peak_memory_mb": round(resident, 1)}
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        peak["gpu_peak_memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return peak


def _ffmpeg() -> dict[str, str]:
    """The version of FFmpeg inside PyAV, where this process has decoded anything."""
    av = sys.modules.get("av")
    return {"ffmpeg": av.ffmpeg_version_info} if av else {}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
