"""The reliability diagram."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mvemotion.figures.style import OURS, PAPER, say


def plot_reliability(table: pd.DataFrame, *, ax: Axes, title: str = "") -> Axes:
    """Accuracy against confidence, with 95 % intervals and the number of clips of each bin.

    Parameters
    ----------
    table : pd.DataFrame
        Of `mvemotion.calibration.reliability`.
    """
    ax.plot([0, 1], [0, 1], color=PAPER, ls=":", lw=1, label="as sure as right")
    ax.set(xlabel="Confidence (probability of the answer)", ylabel="Accuracy (share of clips)")
    ax.set(xlim=(0, 1), ylim=(-0.02, 1.1), title=title)
    if table.empty:
        return say(ax, "no clip")
    accuracy = table["accuracy"].to_numpy()
    bounds = np.abs(table[["accuracy_low", "accuracy_high"]].to_numpy().T - accuracy)
    style = {"color": OURS, "marker": "o", "ms": 4, "lw": 1.2, "capsize": 2, "clip_on": False}
    ax.errorbar(
        table["confidence"],
        accuracy,
        yerr=bounds,
        label="found, 95 % interval; clips above",
        **style,
    )
    for place, count in zip(table["confidence"], table["n"], strict=True):
        ax.annotate(f"{count}", (place, 1.05), ha="center", fontsize=7, color=PAPER)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=8)
    return ax
