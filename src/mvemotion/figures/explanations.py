"""What a network was given, in grey, and where in it it found an emotion, in colour."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from mvemotion.figures.style import say

HEAT = "inferno"  # grows in brightness, for every eye and on paper
OPACITY = 0.85  # at the strongest place; where there is nothing, the input is left as it is
PITCHES_HZ = (100, 500, 1000, 2000, 4000, 8000, 16000)


def plot_heard(
    level: np.ndarray,
    heat: np.ndarray,
    *,
    ax: Axes,
    span_s: tuple[float, float],
    centres_hz: np.ndarray,
    title: str = "",
) -> Axes:
    """A log-mel spectrogram with an activation map over it.

    Parameters
    ----------
    level : array of float, (M, L)
        dB.
    heat : array of float, (M, L)
        From 0 to 1.
    span_s : tuple of float
        Begin and end in seconds of the recording.
    centres_hz : array of float, (M,)
        Middle of each band; marked on the right.
    """
    bands = level.shape[0]
    place = {"extent": (*span_s, 0.5, bands + 0.5), "origin": "lower", "aspect": "auto"}
    ax.imshow(np.asarray(level, np.float32), cmap="gray", **place)
    ax.imshow(_coloured(heat), interpolation="nearest", **place)
    ax.set(xlabel="Time (s)", ylabel="Mel band", title=title)
    ax.set_yticks([1, *range(bands // 4, bands + 1, bands // 4)])
    pitches = [hz for hz in PITCHES_HZ if centres_hz[0] <= hz <= centres_hz[-1]]
    right = ax.twinx()
    right.set(ylim=ax.get_ylim(), ylabel="Frequency (Hz)")
    right.set_yticks(np.interp(pitches, centres_hz, np.arange(1, bands + 1)), pitches)
    return ax


def plot_seen(
    frames: np.ndarray,
    heats: np.ndarray,
    *,
    ax: Axes,
    times_s: np.ndarray,
    title: str = "",
    columns: int = 4,
) -> Axes:
    """Frames in rows, each with its time and an activation map over it.

    Parameters
    ----------
    frames : array of uint8, (N, H, W, 3)
    heats : array of float, (N, h, w)
        From 0 to 1; of any size, it is stretched over its frame.
    times_s : array of float, (N,)
        In seconds of the recording.
    columns : int
        Frames in a row.
    """
    ax.set_axis_off()
    ax.set_title(title)
    if not len(frames):
        return say(ax, "nothing found in this window")
    for index, (frame, heat, time_s) in enumerate(zip(frames, heats, times_s, strict=True)):
        row, column = 1.22 * (index // columns), 1.05 * (index % columns)
        place = {"extent": (column, column + 1, row + 1, row)}
        grey = frame @ np.array([0.299, 0.587, 0.114])
        ax.imshow(grey, cmap="gray", vmin=0, vmax=255, **place)
        ax.imshow(_coloured(heat), **place)
        ax.text(column + 0.5, row + 1.03, f"{time_s:.1f} s", ha="center", va="top")
    rows = -(-len(frames) // columns)
    ax.set(xlim=(0, 1.05 * columns - 0.05), ylim=(1.22 * rows, 0), aspect="equal")
    return ax


def add_heat_bar(panels: Sequence[Axes]) -> None:
    """The scale of activation maps, below all `panels`."""
    scale = ScalarMappable(cmap=HEAT)
    place = {"orientation": "horizontal", "shrink": 0.5, "aspect": 28, "pad": 0.02}
    bar = panels[0].figure.colorbar(scale, ax=list(panels), **place)
    bar.set_ticks([0, 1], labels=["none", "most"])


def _coloured(heat: np.ndarray) -> np.ndarray:
    """RGBA (..., 4) of heat from 0 to 1, see-through where it is low."""
    colours = matplotlib.colormaps[HEAT](np.asarray(heat))
    colours[..., 3] = OPACITY * np.asarray(heat)
    return colours
