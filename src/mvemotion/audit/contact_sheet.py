"""Pictures of two clips one above the other, to confirm by eye that they are one video."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mvemotion.files import write_atomically
from mvemotion.media.sampling import frame_indices
from mvemotion.provenance import provenance

SHOWN = 8  # pictures of each clip
CELL_W, CELL_H, GAP = 160, 90, 4  # pixels
MARGIN, TITLE, LINE = 16, 40, 20
WIDTH = 2 * MARGIN + SHOWN * (CELL_W + GAP) - GAP
PAIR = 3 * LINE + 2 * (CELL_H + GAP) + LINE  # verdict, name and strip of each clip, space
PAIRS_A_SHEET = 6
BACKGROUND = 235  # grey level where a picture does not fill its cell
DPI = 100

ReadFrames = Callable[[str], np.ndarray | None]


def draw_contact_sheets(
    pairs: pd.DataFrame, folder: Path, *, read_frames: ReadFrames, title: str = "Candidates"
) -> list[Path]:
    """Write the pairs, six a sheet, in the order of their table.

    Parameters
    ----------
    pairs : pd.DataFrame
        What `mvemotion.audit.shared_sources.find_shared_sources` returns.
    folder : Path
        Where ``pairs-001.png`` and so on go; sheets of an earlier run there are removed.
    read_frames : callable
        From a clip's id to its pictures in order of time, uint8 RGB (F, H, W, 3), or None where
        there are none.
    title : str
        Stands above each sheet.

    Returns
    -------
    list of Path
        The sheets, none if there is no pair. Each is a PNG 1,340 pixels wide.
    """
    starts = range(0, len(pairs), PAIRS_A_SHEET)
    paths = [folder / f"pairs-{number:03d}.png" for number in range(1, len(starts) + 1)]
    for stale in set(folder.glob("pairs-*.png")) - set(paths):
        stale.unlink()
    for path, start in zip(paths, starts, strict=True):
        shown = pairs.iloc[start : start + PAIRS_A_SHEET]
        numbers = f"{start + 1} to {start + len(shown)} of {len(pairs)}"
        _write(draw_sheet(shown, read_frames=read_frames, title=f"{title}, {numbers}"), path)
    return paths


def draw_sheet(pairs: pd.DataFrame, *, read_frames: ReadFrames, title: str) -> Figure:
    """One sheet of pairs; arguments as in `draw_contact_sheets`."""
    height = TITLE + PAIR * len(pairs)
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, layout="none")
    _say(figure, title, MARGIN, size=11, weight="bold")
    for place, row in enumerate(pairs.to_dict("records")):
        top = TITLE + PAIR * place
        colour = "#B00020" if row["crosses_splits"] else "black"
        _say(figure, _verdict(row), top, size=9, weight="bold", color=colour)
        for name, split in ((row["id_a"], row["split_a"]), (row["id_b"], row["split_b"])):
            _say(figure, f"{name}   ({split or 'no split'})", top + LINE, size=8)
            strip = film_strip(read_frames(name))
            bottom = height - (top + 2 * LINE - GAP) - CELL_H
            figure.figimage(strip, MARGIN, bottom, origin="upper")
            top += LINE + CELL_H + GAP
    return figure


def film_strip(frames: np.ndarray | None) -> np.ndarray:
    """Pictures at equal intervals side by side: uint8 RGB (90, 1308, 3); grey where there is none.

    Parameters
    ----------
    frames : np.ndarray or None
        uint8 RGB (F, H, W, 3).
    """
    strip = np.full((CELL_H, WIDTH - 2 * MARGIN, 3), 255, np.uint8)
    chosen = frame_indices(len(frames), SHOWN) if frames is not None and len(frames) else []
    for place in range(SHOWN):
        left = place * (CELL_W + GAP)
        cell = strip[:, left : left + CELL_W]
        cell[:] = BACKGROUND
        if len(chosen):
            _fit(frames[chosen[place]], cell)
    return strip


def _fit(picture: np.ndarray, cell: np.ndarray) -> None:
    """Draw a picture into the middle of a cell, as large as it goes, its aspect kept."""
    height, width = picture.shape[:2]
    scale = min(CELL_H / height, CELL_W / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (CELL_W - size[0]) // 2, (CELL_H - size[1]) // 2
    cell[top : top + size[1], left : left + size[0]] = small


def _verdict(row: dict) -> str:
    """What is said of a pair, and why."""
    across = f"{row['split_a']} and {row['split_b']}: " if row["crosses_splits"] else ""
    reasons = [
        f"colours {row['colours']:.2f}",
        f"spectrum {row['spectrum']:.2f}",
        f"equal pictures {row['equal_pictures']}",
        f"sound run {row['sound_run']:.2f}",
    ]
    reasons += [f"{row['overlap_s']:.1f} s in both"] * bool(row["overlap_s"])
    reasons += ["names agree"] * bool(row["shares_name"])
    return f"{across}{row['kind']}, confidence {row['confidence']:.2f}   ({', '.join(reasons)})"


def _say(figure: Figure, words: str, top: float, **style) -> None:
    width, height = figure.get_size_inches() * DPI
    figure.text(MARGIN / width, 1 - top / height, words, va="top", **style)


def _write(figure: Figure, path: Path) -> None:
    facts = provenance()
    origin = {key: facts[key] for key in ("commit", "time_utc", "versions")}
    metadata = {"Title": "Clips of one source?", "Description": json.dumps(origin)}
    write_atomically(path, lambda part: figure.savefig(part, dpi=DPI, metadata=metadata))
