"""The embedded default dataset: short music videos drawn and composed from known factors.

`synthesize` writes real MP4 files in the folders of the published dataset, and ``factors.csv``
with everything that each clip was made from. The same seed gives the same frames and samples on
every machine (the encoder's bytes may differ between its versions).
"""

import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import pandas as pd
from tqdm import tqdm

from mvemotion.data.synthetic.factors import RULES, Factors, draw_factors
from mvemotion.data.synthetic.movie import digest, read_digest, render, write_clip, write_film
from mvemotion.data.synthetic.picture import plan_shots
from mvemotion.data.workers import run_each
from mvemotion.errors import DataError, InputError
from mvemotion.files import write_atomically
from mvemotion.specs import EMOTIONS, SPLITS

__all__ = [
    "RULES",
    "Factors",
    "draw_factors",
    "plan_shots",
    "render",
    "synthesize",
    "write_clip",
    "write_film",
]

CLIPS_PER_CLASS = {"Train": 4, "Validation": 2, "test": 2}
FEW_CLIPS = 8  # starting processes would take longer than drawing them


def synthesize(
    out_dir: str | os.PathLike,
    *,
    clips_per_class: Mapping[str, int] = CLIPS_PER_CLASS,
    duration_s: float = 6.0,
    size: tuple[int, int] = (320, 180),
    fps: int = 25,
    seed: int = 0,
    difficulty: float = 0.5,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Write a synthetic dataset of labelled music videos.

    Files are ``<split>/<class>/video/<name>.mp4`` and ``factors.csv``, one row per clip. Clips
    that are already there are kept, so that a run that was stopped goes on where it was, and a
    larger dataset contains the smaller one.

    Parameters
    ----------
    out_dir : path
        Folder to write; made if needed.
    clips_per_class : mapping of str to int
        Clips in each class of each split. Splits left out get none.
    duration_s, size, fps, seed, difficulty
        As in `draw_factors`.
    workers : int, optional
        Processes, 0 for none but this one. By default one a core, and none for a few clips.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        The rows of ``factors.csv``: `path` (relative to `out_dir`) and the fields of `Factors`.

    Raises
    ------
    InputError
        If an argument is out of its range.
    DataError
        If the folder holds a clip of the same name that was made with other settings, or a
        worker process died.
    """
    options = {"duration_s": duration_s, "size": size, "fps": fps}
    options |= {"seed": seed, "difficulty": difficulty}
    clips = _draw_all(clips_per_class, options)
    folder = Path(out_dir)
    paths = [folder / _place(factors) for factors in clips]
    missing = [job for job in zip(paths, clips, strict=True) if not _is_done(*job)]
    for leftover in folder.rglob(".*.part*"):  # of a process that was killed
        leftover.unlink(missing_ok=True)
    table = _write_table(folder, clips)  # first: whatever comes, no clip lacks its row
    _write_clips(missing, workers, progress)
    return table


def _draw_all(clips_per_class: Mapping[str, int], options: dict) -> list[Factors]:
    for split, count in clips_per_class.items():
        if split not in SPLITS or count < 0:
            raise InputError(
                f"clips_per_class {split!r}: {count}; give each of {', '.join(SPLITS)} 0 or more"
            )
    if not any(clips_per_class.values()):
        raise InputError(f"clips_per_class {dict(clips_per_class)}: no clip in it; ask for some")
    return [
        draw_factors(emotion, split, index, **options)
        for split in SPLITS
        for emotion in EMOTIONS
        for index in range(clips_per_class.get(split, 0))
    ]


def _place(factors: Factors) -> Path:
    return Path(factors.split, factors.emotion, "video", f"{factors.name}.mp4")


def _is_done(path: Path, factors: Factors) -> bool:
    """Whether this very clip is there; a damaged file counts as missing."""
    found = read_digest(path) if path.exists() else None
    if found not in (None, digest(factors)):
        raise DataError(
            f"{path}: made with other settings than the ones asked for; clips of one folder share "
            "duration, size, fps, seed and difficulty: choose another folder or delete this one"
        )
    return found is not None


def _write_clips(jobs: list[tuple[Path, Factors]], workers: int | None, progress: bool) -> None:
    """Draw and encode what is missing; the clips whose process died are named at the end."""
    if workers is None and len(jobs) < FEW_CLIPS:
        workers = 0
    results = run_each(write_clip, jobs, workers=workers, initializer=_use_one_thread)
    died = []
    with tqdm(
        total=len(jobs), desc="synthesize", unit="clip", disable=None if progress else True
    ) as bar:
        for (path, _), written in results:
            died += [] if written else [str(path)]
            bar.update()
    if died:
        raise DataError(
            f"{', '.join(died)}: the process that drew it ended, twice, perhaps for want of "
            "memory; run the same command again, with fewer workers: whole clips are kept"
        )


def _use_one_thread() -> None:
    """Clips are drawn in parallel; threads within one would only be in each other's way."""
    cv2.setNumThreads(1)


def _write_table(folder: Path, clips: list[Factors]) -> pd.DataFrame:
    """Write ``factors.csv``; rows of other clips that are in the folder stay."""
    table = pd.DataFrame([{"path": _place(c).as_posix(), **c.to_row()} for c in clips])
    path = folder / "factors.csv"
    if path.exists():
        old = pd.read_csv(path, keep_default_na=False)
        others = old[~old["path"].isin(table["path"])]
        is_there = [(folder / other).exists() for other in others["path"]]
        table = pd.concat([table, others[is_there]], ignore_index=True)
    write_atomically(path, lambda part: table.to_csv(part, index=False))
    return table
