"""The edges of the picture: black bars and outermost lines, which say nothing of emotion."""

import numpy as np
import pandas as pd

from mvemotion.audit.cues import to_luma
from mvemotion.media.bars import find_bars

SIDES = ("top", "bottom", "left", "right")
BAR_COLUMNS = tuple(f"bar_{side}" for side in SIDES)
BORDER_COLUMNS = tuple(
    f"border_{side}_{what}" for side in SIDES for what in ("level", "spread", "change")
)
SMALLEST_BAR = 0.02  # of the height or width; thinner ones are an encoder's blanking


def measure_borders(frames: np.ndarray) -> dict[str, float]:
    """Bars and outermost lines of pictures, uint8 RGB (F, H, W, 3).

    Returns
    -------
    dict
        `BAR_COLUMNS`: widths as shares of the height or width. `BORDER_COLUMNS`: of each side's
        outermost line of pixels, mean luma, its standard deviation along the line, and its mean
        change between successive pictures, all in grey levels.
    """
    luma = to_luma(frames)
    height, width = luma.shape[1:]
    bars = find_bars(luma)
    shares = (bars.top / height, bars.bottom / height, bars.left / width, bars.right / width)
    lines = (luma[:, 0], luma[:, -1], luma[:, :, 0], luma[:, :, -1])
    borders = [number for line in lines for number in _describe(line.astype(np.float32))]
    found = zip((*BAR_COLUMNS, *BORDER_COLUMNS), (*shares, *borders), strict=True)
    return {name: float(value) for name, value in found}


def _describe(line: np.ndarray) -> tuple[float, float, float]:
    """Level, spread and change of one line over time, (F, pixels)."""
    change = np.abs(np.diff(line, axis=0)).mean() if len(line) > 1 else 0.0
    return line.mean(), line.std(axis=1).mean(), change


def frame_shapes(clips: pd.DataFrame) -> pd.Series:
    """Of each clip, by its `BAR_COLUMNS`: ``letterbox``, ``pillarbox``, ``both`` or ``none``."""
    has_rows = clips[["bar_top", "bar_bottom"]].max(axis=1) >= SMALLEST_BAR
    has_columns = clips[["bar_left", "bar_right"]].max(axis=1) >= SMALLEST_BAR
    names = np.select(
        [has_rows & has_columns, has_rows, has_columns], ["both", "letterbox", "pillarbox"], "none"
    )
    return pd.Series(names, index=clips.index, name="shape")
