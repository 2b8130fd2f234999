"""What became of the paper's claims, and its scores beside those of others (Table 8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mvemotion.figures.style import OURS, PAPER, say

SHORTEST_LABELLED = 0.025  # of the longest bar: a number does not fit into a shorter one
GOOD, MIDDLING, BAD = "#009E73", "#E69F00", "#D55E00"
WORDS = {
    **{"matches": GOOD, "close": MIDDLING, "differs": BAD, "untested": "0.82"},
    **{"yes": GOOD, "cannot tell": MIDDLING, "no": BAD, "nothing published": "0.82"},
}


def plot_verdicts(counts: pd.DataFrame, *, ax: Axes, title: str = "") -> Axes:
    """Claims of each kind by verdict, as stacked bars.

    Parameters
    ----------
    counts : DataFrame of int
        Kinds by verdicts, or by the words of `mvemotion.claims.own_numbers`.
    """
    if not counts.to_numpy().sum():
        return say(ax, "no claim to show")
    left = np.zeros(len(counts))
    fewest = SHORTEST_LABELLED * counts.sum(axis=1).max()
    for verdict in counts.columns:
        here = counts[verdict].to_numpy()
        bars = ax.barh(counts.index, here, left=left, color=WORDS[verdict], label=verdict)
        labels = [n if n > fewest else "" for n in here]
        ax.bar_label(bars, labels, label_type="center", fontsize=8)
        left += here
    ax.set(xlabel="Claims", title=title)
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_earlier_scores(frame: pd.DataFrame, *, ax: Axes) -> Axes:
    """Scores of Table 8 and ours, with intervals where the number of clips is known.

    Parameters
    ----------
    frame : DataFrame
        What `mvemotion.reporting.compare_earlier` returns. Labels name method and dataset, and
        what a printed method was given; those of ours that were not run are labelled so.
    """
    places = np.arange(len(frame))
    for is_ours, colour, words in ((False, PAPER, "printed"), (True, OURS, "ours")):
        mine = (frame["is_ours"] == is_ours).to_numpy()
        score, low, high = frame[["score", "low", "high"]].astype(float).to_numpy().T
        error = np.nan_to_num([score - low, high - score])[:, mine]
        style = {"fmt": "o" if is_ours else "D", "color": colour, "capsize": 3, "label": words}
        ax.errorbar(score[mine], places[mine], xerr=error, **style)
    ax.plot(frame["chance"], places, "|", color="black", ms=12, label="guessing one of K")
    given = (": " + frame["Data Type"].str.lower()).mask(frame["is_ours"], "")
    labels = frame["Method"] + ", " + frame["Dataset"] + given
    ax.set_yticks(
        places, labels.where(frame["clips"].notna() | ~frame["is_ours"], labels + " [not run]")
    )
    ax.set(xlim=(0, 1), xlabel="Score, with 95 % Wilson interval where clips are counted")
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
