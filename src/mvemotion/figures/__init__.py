"""Figures: each function draws into the Axes it is given and returns it; none shows or saves.

`set_style` gives them their one look, `house_style` for one figure alone; `save_figure` writes one
with its origin. An emotion has the same colour and place everywhere; ours is black, the paper grey.
"""

from mvemotion.figures.calibration import plot_reliability
from mvemotion.figures.clips import plot_filmstrip, plot_log_mel
from mvemotion.figures.emotions import (
    plot_correlations,
    plot_kinship,
    plot_mean_outputs,
    plot_outputs_of_clip,
    plot_ribbon,
)
from mvemotion.figures.explanations import add_heat_bar, plot_heard, plot_seen
from mvemotion.figures.scores import (
    plot_accuracies,
    plot_confusion,
    plot_history,
    plot_roc,
    plot_roc_of_networks,
)
from mvemotion.figures.style import (
    EMOTION_COLOURS,
    LINES,
    OURS,
    PAPER,
    house_style,
    save_figure,
    set_style,
)
from mvemotion.figures.timelines import add_thumbnails, mark_threshold, plot_curves
from mvemotion.figures.verdicts import plot_earlier_scores, plot_verdicts

__all__ = [
    "EMOTION_COLOURS",
    "LINES",
    "OURS",
    "PAPER",
    "add_heat_bar",
    "add_thumbnails",
    "house_style",
    "mark_threshold",
    "plot_accuracies",
    "plot_confusion",
    "plot_correlations",
    "plot_curves",
    "plot_earlier_scores",
    "plot_filmstrip",
    "plot_heard",
    "plot_history",
    "plot_kinship",
    "plot_log_mel",
    "plot_mean_outputs",
    "plot_outputs_of_clip",
    "plot_reliability",
    "plot_ribbon",
    "plot_roc",
    "plot_roc_of_networks",
    "plot_seen",
    "plot_verdicts",
    "save_figure",
    "set_style",
]
