"""All that the audit measures of each clip, once: a small file a clip, kept between runs."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tqdm import tqdm

from mvemotion.audit.borders import measure_borders
from mvemotion.audit.cues import measure_cues
from mvemotion.audit.fingerprints import Fingerprint, fingerprint
from mvemotion.audit.health import measure_health
from mvemotion.audit.signals import read_signals
from mvemotion.data.workers import run_each
from mvemotion.errors import ClipError
from mvemotion.files import write_bytes
from mvemotion.media.sampling import frame_indices

Prints = dict[str, Fingerprint]

FILM = "film"  # name of the pictures among the arrays that are kept of a clip
SHOWN = 8  # pictures of a film

# A change in any of these may change what is measured.
_CODE = (
    *("audit/borders.py", "audit/cues.py", "audit/fingerprints.py", "audit/health.py"),
    *("audit/measurements.py", "audit/signals.py", "media/bars.py"),
)


@dataclass(frozen=True)
class _Job:
    id: str
    path: Path
    duration_s: float
    kept: Path  # where its measurements are


def measure_all(
    clips: pd.DataFrame,
    raw_dir: Path,
    folder: Path,
    *,
    duration_s: float,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[pd.DataFrame, Prints]:
    """Measure every clip that is new or changed since it was last measured.

    Parameters
    ----------
    clips : pd.DataFrame
        ``id``, ``path`` (relative to `raw_dir`) and any other columns.
    raw_dir : Path
    folder : Path
        Where the measurements are kept; whatever else it holds of clips that are gone is removed.
    duration_s : float
        Seconds of each clip to measure.
    workers : int, optional
        Processes; one a core by default, 0 for none but this one.
    progress : bool
        Show a progress bar.

    Returns
    -------
    table : pd.DataFrame
        `clips` with ``status`` (``"ok"``, or why the clip cannot be measured), ``detail``, the
        container's facts and every measurement.
    prints : dict
        By id, the fingerprint of each clip that could be measured.
    """
    jobs = [
        _Job(clip.id, raw_dir / clip.path, duration_s, _kept(folder, clip.id))
        for clip in clips.itertuples()
    ]
    keys = {job: _key(job) for job in jobs}  # now: a file that changes from here on counts as old
    _tidy(folder, {job.kept for job in jobs})
    missing = [(job, key) for job, key in keys.items() if _read(job, key) is None]
    died = _measure_missing(missing, workers, progress)
    found = {job.id: died.get(job.id) or _read(job, key) for job, key in keys.items()}
    rows = pd.DataFrame([found[clip_id][0] for clip_id in clips["id"]], index=clips.index)
    prints = {clip_id: arrays for clip_id, (row, arrays) in found.items() if row["status"] == "ok"}
    return pd.concat([clips.drop(columns=rows.columns, errors="ignore"), rows], axis=1), prints


def _measure_missing(jobs: list[tuple], workers: int | None, progress: bool) -> dict[str, tuple]:
    """Measure clips into their files; failures that no file can hold, by id."""
    died = {}
    results = run_each(_measure, jobs, workers=workers, initializer=_use_one_thread)
    with tqdm(
        total=len(jobs), desc="audit", unit="clip", disable=None if progress else True
    ) as bar:
        for (job, _), is_done in results:
            if not is_done:
                remedy = "out of memory, or a fault in a decoder; replace or remove the file"
                detail = f"the process that decoded it ended, twice: {remedy}"
                died[job.id] = ({"status": "worker died", "detail": detail}, {})
            bar.update()
    return died


def _use_one_thread() -> None:
    """Clips run in parallel; threads within one would only be in each other's way."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _measure(job: _Job, key: str) -> bool:
    """Measure one clip into its file, whatever happens to it."""
    try:
        row, arrays = measure_clip(job.path, job.duration_s)
    except ClipError as error:
        row, arrays = {"status": error.reason, "detail": error.detail}, {}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(job.kept, save(contiguous, {"key": key, "row": json.dumps(row)}))
    return True


def measure_clip(path: Path, duration_s: float) -> tuple[dict, dict[str, np.ndarray]]:
    """Facts and measurements of one clip, and its fingerprint.

    Raises
    ------
    ClipError
        If it cannot be decoded.
    """
    signals = read_signals(path, duration_s=duration_s)
    row = {"status": "ok", "detail": ""} | signals.facts
    row |= measure_health(signals) | measure_borders(signals.frames) | measure_cues(signals)
    return row, fingerprint(signals) | {FILM: _film(signals.frames)}


def _film(frames: np.ndarray) -> np.ndarray:
    """A few pictures side by side, as the bytes of a JPEG: uint8 (n,)."""
    chosen = frames[frame_indices(len(frames), SHOWN)]
    strip = np.concatenate(list(chosen), axis=1)[:, :, ::-1]
    return cv2.imencode(".jpg", strip, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].ravel()


def read_film(folder: Path, clip_id: str) -> np.ndarray | None:
    """Pictures of a measured clip, to be looked at: uint8 RGB (8, H, W, 3), None without any."""
    try:
        with safe_open(_kept(folder, clip_id), "np") as file:
            strip = cv2.imdecode(file.get_tensor(FILM), cv2.IMREAD_COLOR_RGB)
    except (OSError, SafetensorError):
        return None
    return np.stack(np.split(strip, SHOWN, axis=1))


# --- Files ----------------------------------------------------------------------------------------
def _kept(folder: Path, clip_id: str) -> Path:
    return folder / f"{clip_id}.safetensors"


def _key(job: _Job) -> str:
    """Equal as long as measuring again would give the same."""
    try:
        status = job.path.stat()
        found = [status.st_size, status.st_mtime_ns]
    except OSError:
        found = []
    return json.dumps([_code_version(), job.path.name, *found, job.duration_s])


@cache
def _code_version() -> str:
    package = Path(__file__).parents[1]
    content = b"".join((package / name).read_bytes() for name in _CODE)
    return hashlib.sha256(content).hexdigest()[:16]


def _read(job: _Job, key: str) -> tuple[dict, dict[str, np.ndarray]] | None:
    """Row and fingerprint of a clip; None if it has to be measured."""
    try:
        with safe_open(job.kept, "np") as file:
            metadata = file.metadata()
            if metadata["key"] != key:
                return None
            row = json.loads(metadata["row"])
            names = [name for name in file.keys() if name != FILM]  # noqa: SIM118
            return row, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError):
        return None


def _tidy(folder: Path, kept: set[Path]) -> None:
    """Remove what clips that are gone, and work that was interrupted, left behind."""
    for path in [*folder.rglob("*.safetensors"), *folder.rglob(".*.part*")]:
        if path not in kept:
            path.unlink(missing_ok=True)
