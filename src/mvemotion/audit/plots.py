"""The audit's figures: each function draws into the Axes it is given and returns it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mvemotion.audit.cues import Cue
from mvemotion.audit.shortcuts import KINDS
from mvemotion.figures import EMOTION_COLOURS, OURS, PAPER
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import accuracy_interval

SPREAD = 0.24  # of the dots of one class about its line
MOST_DOTS = 300  # a class; more would be a blot

Values = tuple[pd.Series, pd.Series]  # one number and one class a clip


def plot_by_class(values: Values, *, ax: Axes, label: str, seed: int = 0) -> Axes:
    """One dot a clip, a row a class."""
    numbers, emotions = values
    rng = np.random.default_rng(seed)
    for place, emotion in enumerate(EMOTIONS):
        shown = numbers[emotions == emotion].dropna().to_numpy(float)
        shown = rng.choice(shown, MOST_DOTS, replace=False) if len(shown) > MOST_DOTS else shown
        heights = place + rng.uniform(-SPREAD, SPREAD, len(shown))
        style = {"color": EMOTION_COLOURS[emotion], "s": 11, "alpha": 0.45, "lw": 0}
        ax.scatter(shown, heights, **style)
    return _finish_classes(ax, label)


def plot_cue(values: Values, means: pd.DataFrame, *, ax: Axes, cue: Cue) -> Axes:
    """One dot a clip, and each class's mean with its interval.

    Parameters
    ----------
    values : (Series, Series)
        The cue and the class of each clip.
    means : DataFrame
        The cue's rows of `mvemotion.audit.claims.means_by_class`.
    """
    plot_by_class(values, ax=ax, label=f"{cue.label} ({cue.unit})")
    rows = means.set_index("emotion").reindex(list(EMOTIONS))
    places = np.arange(len(EMOTIONS))
    middle, low, high = (rows[name].to_numpy(float) for name in ("mean", "low", "high"))
    width = np.nan_to_num(np.stack([middle - low, high - middle]))
    ax.errorbar(middle, places, xerr=width, fmt="D", color=OURS, ms=4, lw=1.6, capsize=2.5)
    return ax


def plot_shares(hits: pd.Series, emotions: pd.Series, *, ax: Axes, label: str) -> Axes:
    """Share of each class's clips of which something is true, with its 95 % Wilson interval."""
    for place, emotion in enumerate(EMOTIONS):
        of_class = hits[emotions == emotion]
        if not len(of_class):
            continue
        share, (low, high) = of_class.mean(), accuracy_interval(int(of_class.sum()), len(of_class))
        ax.barh(place, share, color=EMOTION_COLOURS[emotion], height=0.55, alpha=0.8)
        ax.errorbar(share, place, xerr=[[share - low], [high - share]], color=OURS, lw=1.2)
    ax.set_xlim(0, 1)
    return _finish_classes(ax, label)


def plot_shortcuts(scores: pd.DataFrame, *, ax: Axes) -> Axes:
    """Accuracy of each kind of shortcut with its 95 % interval, beside the most frequent class."""
    scored = scores[scores["accuracy"].notna()]
    labels = {kind.name: kind.label for kind in KINDS}
    places = np.arange(len(scored)) + 0.6 * scored["kind"].map(list(labels).index).to_numpy()
    middle, low, high = (scored[name].to_numpy(float) for name in ("accuracy", "low", "high"))
    style = {"fmt": "o", "color": OURS, "ms": 5, "lw": 1.4, "capsize": 2.5}
    ax.errorbar(middle, places, xerr=[middle - low, high - middle], **style, label="shortcut alone")
    chance = scored["chance"].to_numpy(float)
    ax.plot(chance, places, "|", color=PAPER, ms=13, mew=2.5, label="most frequent class")
    names = [f"{labels[row.kind]}, {row.design} (n = {row.n:.0f})" for row in scored.itertuples()]
    ax.set_yticks(places, names)
    ax.set(xlim=(0, 1), xlabel="Accuracy (share of clips)")
    ax.invert_yaxis()
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return ax


def _finish_classes(ax: Axes, label: str) -> Axes:
    ax.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    ax.set(xlabel=label, ylim=(len(EMOTIONS) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    return ax
