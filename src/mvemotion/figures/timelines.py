"""Curves of six emotions over time, with pictures below them (Figure 7)."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from mvemotion.figures.style import EMOTION_COLOURS, LINES, PAPER
from mvemotion.specs import EMOTIONS

THUMBNAIL_PT = (50, 34)  # widest and highest
BELOW_PT, GAP_PT = 24, 6  # room for the tick labels; between two pictures
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 3}


def plot_curves(
    values: np.ndarray, times_s: np.ndarray, *, ax: Axes, end_s: float, is_narrow: bool = False
) -> Axes:
    """One curve per emotion, flat before its first point and after its last.

    The legend names the emotions from the highest on average to the lowest.

    Parameters
    ----------
    values : array of float, (N, K)
        Per cent; NaN where there is no answer.
    times_s : array of float, (N,)
        Where the points stand.
    end_s : float
        Where the axis ends.
    is_narrow : bool
        For a phone: the legend stands above the curves, not beside them.
    """
    curves = []
    for index, emotion in enumerate(EMOTIONS):
        style = {"color": EMOTION_COLOURS[emotion], "ls": LINES[index % len(LINES)]}
        held = np.concatenate([values[:1, index], values[:, index], values[-1:, index]])
        place = np.concatenate([[0], times_s, [end_s]])
        points = {"marker": "o", "ms": 3, "markevery": slice(1, -1)}
        curves += ax.plot(place, held, label=emotion, **points, **style)
    ax.set(xlim=(0, end_s), ylim=(0, 101), xlabel="Time (s)")  # a line at 100 is whole
    order = np.argsort(-np.nansum(values, axis=0), kind="stable")
    ax.legend(handles=[curves[index] for index in order], **(ABOVE if is_narrow else BESIDE))
    return ax


def mark_threshold(percent: float, *, ax: Axes) -> Axes:
    """A thin line below which an answer is uncertain."""
    ax.axhline(percent, color=PAPER, ls=":", lw=1, label="_threshold", zorder=0)
    words = {"ha": "right", "va": "bottom", "fontsize": 7, "color": PAPER}
    ax.text(0.998, percent, "uncertain below", transform=ax.get_yaxis_transform(), **words)
    return ax


def add_thumbnails(pictures: Sequence[np.ndarray], times_s: np.ndarray, *, ax: Axes) -> Axes:
    """Pictures in a row under the axis, each under its moment, as many as there is room for.

    Parameters
    ----------
    pictures : sequence of uint8 arrays, (H, W, 3)
        Empty where there is none.
    times_s : array of float, (N,)
        When each is shown; increasing.
    """
    zooms = {i: _zoom(picture) for i, picture in enumerate(pictures) if picture.size}
    if not zooms:
        return ax
    heights, widths = np.transpose([z * np.array(pictures[i].shape[:2]) for i, z in zooms.items()])
    ax.xaxis.labelpad = heights.max() + 10
    for index in _apart(list(zooms), times_s, _seconds(widths.max() + GAP_PT, ax)):
        _add_thumbnail(ax, pictures[index], zooms[index], times_s[index])
    return ax


def _zoom(picture: np.ndarray) -> float:
    """Points a pixel, so that the picture fits, upright ones too."""
    height, width = picture.shape[:2]
    return min(THUMBNAIL_PT[0] / width, THUMBNAIL_PT[1] / height)


def _seconds(length_pt: float, ax: Axes) -> float:
    """What a length along the axis is in seconds, once the figure is laid out."""
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    width_pt = 72 * ax.get_window_extent().width / figure.dpi
    return length_pt / width_pt * np.ptp(ax.get_xlim())


def _apart(indices: Sequence[int], times_s: np.ndarray, least_s: float) -> Iterator[int]:
    """The first, and each next one that does not come too soon after the last."""
    free_s = -np.inf
    for index in indices:
        if times_s[index] >= free_s:
            yield index
            free_s = times_s[index] + least_s


def _add_thumbnail(ax: Axes, picture: np.ndarray, zoom: float, time_s: float) -> None:
    below = {"xybox": (0, -BELOW_PT), "boxcoords": "offset points", "box_alignment": (0.5, 1)}
    place = {"xycoords": ax.get_xaxis_transform(), "annotation_clip": False, "frameon": False}
    ax.add_artist(AnnotationBbox(OffsetImage(picture, zoom=zoom), (time_s, 0), **below, **place))
