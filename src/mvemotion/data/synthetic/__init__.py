"""The embedded default dataset: short music videos drawn and composed from known factors.

`synthesize` writes real MP4 files in the folders of the published dataset, and ``factors.csv``
with everything that each clip was made from. The same seed gives the same frames and samples on
every machine (the encoder's bytes may differ between its versions).
"""

import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mvemotion.data.synthetic.factors import RULES, Factors, draw_factors
from mvemotion.data.synthetic.movie import digest, read_digest, render, write_clip
from mvemotion.data.synthetic.picture import plan_shots
from mvemotion.errors import DataError, InputError
from mvemotion.specs import EMOTIONS, SPLITS

__all__ = ["RULES", "Factors", "draw_factors", "plan_shots", "render", "synthesize", "write_clip"]

CLIPS_PER_CLASS = {"Train": 4, "Validation": 2, "test": 2}


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
        Processes; by default one per processor that this process may use.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    pandas.DataFrame
        The rows of ``factors.csv``: `path` (relative to `out_dir`) and the fields of `Factors`.

    Raises
    ------
    InputError
        If an argument is out of its range.
    DataError
        If the folder holds a clip of the same name that was made with other settings.
    """
    options = {"duration_s": duration_s, "size": size, "fps": fps}
    options |= {"seed": seed, "difficulty": difficulty}
    clips = _draw_all(clips_per_class, options)
    folder = Path(out_dir)
    paths = [folder / _place(factors) for factors in clips]
    tasks = [task for task in zip(paths, clips, strict=True) if not _is_done(*task)]
    _write_all(tasks, workers, progress)
    return _write_table(folder, clips)


def _draw_all(clips_per_class: Mapping[str, int], options: dict) -> list[Factors]:
    for split, count in clips_per_class.items():
        if split not in SPLITS or count < 0:
            raise InputError(
                f"clips_per_class {split!r}: {count}; give each of {', '.join(SPLITS)} 0 or more"
            )
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


def _write_all(tasks: list[tuple[Path, Factors]], workers: int | None, progress: bool) -> None:
    workers = min(workers or _count_processors(), max(1, len(tasks) // 4))
    bar = tqdm(total=len(tasks), desc="synthesize", unit="clip", disable=None if progress else True)
    with bar:
        if workers == 1:
            for path, factors in tasks:
                write_clip(path, factors)
                bar.update()
            return
        context = multiprocessing.get_context("spawn")  # fork would copy torch's threads
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for _ in pool.map(write_clip, *zip(*tasks, strict=True)):
                bar.update()


def _count_processors() -> int:
    """Processors that this process may use (macOS does not tell)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _write_table(folder: Path, clips: list[Factors]) -> pd.DataFrame:
    """Write ``factors.csv``; rows of clips from earlier runs stay."""
    table = pd.DataFrame([{"path": _place(c).as_posix(), **c.to_row()} for c in clips])
    path = folder / "factors.csv"
    if path.exists():
        old = pd.read_csv(path, keep_default_na=False)
        table = pd.concat([table, old[~old["path"].isin(table["path"])]], ignore_index=True)
    part = folder / ".factors.csv.part"
    table.to_csv(part, index=False)
    os.replace(part, path)
    return table
