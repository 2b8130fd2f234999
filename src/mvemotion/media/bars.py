"""Black bars around the picture: letterbox, pillarbox, or both (assumption 22)."""

from dataclasses import astuple, dataclass

import numpy as np

from mvemotion.errors import DataError

BLACK = 24  # luma; black is 16 in video range, 0 in full range, and the rest compression noise
SHOWN = 0.8  # frames of which more than this share is black say nothing
FRAMES = 0.9  # share of the frames in which a bar is black
CLEAN = 0.9  # black share of a bar's last line ...
LIT = 0.5  # ... and, beside it, of a line that the picture lights up,
LIT_FRAMES = 0.1  # in this share of the frames,
EDGE_LINES = 4  # so many lines further at most: compression blurs the edge
TEXT_LINE, TEXT_BAR = 0.3, 0.6  # black share of a line of subtitles, and of the bar they stand in
LIMIT = 1 / 3  # of the height or width that one bar may take
THIN = 0.05  # ditto: bars wider than that stand on both sides


@dataclass(frozen=True)
class Bars:
    """Black lines on each side of a picture, in its own pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def is_none(self) -> bool:
        """Whether there is no bar."""
        return not any(astuple(self))

    def crop(self, picture: np.ndarray) -> np.ndarray:
        """The picture between the bars: a view of an array (H, W, ...)."""
        height, width = picture.shape[:2]
        return picture[self.top : height - self.bottom, self.left : width - self.right]


def find_bars(luma: np.ndarray) -> Bars:
    """Find the bars that the frames of one clip have in common.

    A bar is black in nearly all frames, but for subtitles or a logo, and ends in a straight edge:
    beside its last line, which is all black, the picture lights up most of a line in some frames.
    The dark parts of a scene have no such edge. Bars that are more than a few lines wide come in
    pairs, not necessarily of equal widths.

    Parameters
    ----------
    luma : np.ndarray
        uint8 (F, H, W): the brightness of frames spread over the clip. A dozen are enough.

    Returns
    -------
    Bars
        All 0 where there are none, and where the frames are too dark to tell.

    Raises
    ------
    DataError
        If `luma` is not of that shape and type.
    """
    if luma.ndim != 3 or luma.dtype != np.uint8 or not luma.size:
        raise DataError(f"luma {luma.dtype} {luma.shape}: frames as uint8 (F, H, W) are needed")
    height, width = luma.shape[1:]
    is_black = luma <= BLACK
    top = bottom = left = right = 0
    for _ in range(2):  # the second time, each pair without the bars of the other
        top, bottom = _find_pair(is_black[:, :, left : width - right].mean(2))
        left, right = _find_pair(is_black[:, top : height - bottom].mean(1))
    return Bars(top, bottom, left, right)


def _find_pair(share: np.ndarray) -> tuple[int, int]:
    """Widths of the bars at both ends, from the black share of each line in each frame: (F, N)."""
    shown = share[share.mean(1) <= SHOWN]
    first, last = _find_bar(shown), _find_bar(shown[:, ::-1])
    is_lopsided = 2 * min(first, last) < max(first, last) > THIN * share.shape[1]
    return (0, 0) if is_lopsided else (first, last)


def _find_bar(share: np.ndarray) -> int:
    """The greatest width at which a bar that begins with the first line can end."""
    if not len(share):
        return 0
    black = np.quantile(share, 1 - FRAMES, axis=0)  # what nearly all frames reach
    is_lit = (share <= LIT).mean(0) >= LIT_FRAMES

    def ends_at(width: int) -> bool:
        has_edge = black[width - 1] >= CLEAN and is_lit[width : width + EDGE_LINES].any()
        return has_edge and black[:width].min() >= TEXT_LINE and black[:width].mean() >= TEXT_BAR

    limit = int(LIMIT * share.shape[1])
    return next((width for width in range(limit, 0, -1) if ends_at(width)), 0)
