"""Figures: each function draws into the Axes it is given and returns it; none shows or saves.

`set_style` gives them their one look, `save_figure` writes one with its origin. An emotion has the
same colour and place everywhere; ours is black and the paper grey.
"""

from mvemotion.figures.clips import plot_filmstrip, plot_log_mel
from mvemotion.figures.scores import (
    plot_accuracies,
    plot_confusion,
    plot_history,
    plot_roc,
    plot_roc_of_networks,
)
from mvemotion.figures.style import EMOTION_COLOURS, LINES, save_figure, set_style

__all__ = [
    "EMOTION_COLOURS",
    "LINES",
    "plot_accuracies",
    "plot_confusion",
    "plot_filmstrip",
    "plot_history",
    "plot_log_mel",
    "plot_roc",
    "plot_roc_of_networks",
    "save_figure",
    "set_style",
]
