"""Scores of networks: confusion matrices, ROC curves, training histories, accuracies."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from sklearn.metrics import auc, roc_curve

from mvemotion.errors import InputError
from mvemotion.figures.style import EMOTION_COLOURS, LINES, OURS, PAPER, say
from mvemotion.specs import EMOTIONS

CHANCE = 1 / len(EMOTIONS)
HISTORY_UNITS = {"loss": "Cross-entropy (nats a clip)", "accuracy": "Accuracy (share of clips)"}
GUESSES = {"loss": float(np.log(len(EMOTIONS))), "accuracy": CHANCE}  # of equal probabilities
STEP = 1e-9  # a ROC curve rises in steps: looked at this far to their left and right

Scored = tuple[np.ndarray, np.ndarray]  # true class indices (n,), probabilities (n, K)


def plot_confusion(matrix: np.ndarray, *, ax: Axes, title: str = "") -> Axes:
    """Clips by true and predicted emotion (Figure 5); shade is the share of the row.

    Parameters
    ----------
    matrix : array of int, (K, K)
        Clips by true (rows) and predicted (columns) emotion, in the order of `EMOTIONS`. A row
        without clips stays blank and is labelled so.
    """
    counts = np.asarray(matrix)
    clips = counts.sum(1, keepdims=True)
    shares = np.divide(counts, clips, out=np.zeros(counts.shape), where=clips > 0)
    names = [e if n else f"{e} (no clip)" for e, n in zip(EMOTIONS, clips[:, 0], strict=True)]
    style = {"cmap": "Greys", "vmin": 0, "vmax": 1, "linewidths": 1, "square": True, "cbar": False}
    is_absent = np.broadcast_to(clips == 0, counts.shape)
    sns.heatmap(shares, annot=counts, fmt="d", mask=is_absent, ax=ax, **style)
    ax.set_xticks(ax.get_xticks(), EMOTIONS, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(ax.get_yticks(), names, rotation=0)
    ax.set(xlabel="Predicted emotion (clips)", ylabel="True emotion (clips)", title=title)
    return ax


def plot_roc(targets: np.ndarray, probabilities: np.ndarray, *, ax: Axes, title: str = "") -> Axes:
    """One-vs-rest ROC curve of each emotion and their macro average (Figure 6).

    Parameters
    ----------
    targets : array of int, (n,)
        Index of each clip's true emotion in `EMOTIONS`.
    probabilities : array of float, (n, K)
        An emotion that none or all of the clips have gets no curve and ``n/a`` in the legend, and
        then the macro average does too.
    """
    for index, emotion in enumerate(EMOTIONS):
        curve = _one_vs_rest(targets, probabilities, index)
        label = f"{emotion}, {_clips((np.asarray(targets) == index).sum())}"
        style = {"color": EMOTION_COLOURS[emotion], "ls": LINES[index % len(LINES)]}
        _draw_curve(curve, label, ax=ax, **style)
    _draw_curve(_macro_curve(targets, probabilities), "macro average", ax=ax, color=OURS, lw=2.5)
    return _finish_roc(ax, title or f"One emotion against the rest, n = {_clips(len(targets))}")


def plot_roc_of_networks(scored: Mapping[str, Scored], *, ax: Axes, title: str = "") -> Axes:
    """Macro one-vs-rest ROC curve of several networks (Figure 6).

    Parameters
    ----------
    scored : mapping of str to (targets, probabilities)
        As `plot_roc` takes them, by the network's label.
    """
    colours = sns.color_palette("colorblind", max(len(scored), 1))
    for place, (label, (targets, probabilities)) in enumerate(scored.items()):
        style = {"color": colours[place], "ls": LINES[place % len(LINES)]}
        _draw_curve(_macro_curve(targets, probabilities), label, ax=ax, **style)
    clips = sorted({len(targets) for targets, _ in scored.values()})
    count = f", n = {', '.join(map(str, clips))} clips" if clips else ": no network was run"
    return _finish_roc(ax, title or f"Macro average over the emotions{count}")


def plot_history(history: pd.DataFrame, *, ax: Axes, quantity: str = "loss") -> Axes:
    """Loss or accuracy after each epoch, on the training and the validation clips.

    Parameters
    ----------
    history : DataFrame
        Columns ``epoch``, ``train_<quantity>`` and ``validation_<quantity>``, as a run's
        ``history.csv`` has them; a column ``network`` draws several runs in one picture.
    quantity : str
        ``"loss"`` or ``"accuracy"``.

    Raises
    ------
    InputError
        If there is no such quantity.
    """
    if quantity not in HISTORY_UNITS:
        raise InputError(f"quantity {quantity!r}: choose from {', '.join(HISTORY_UNITS)}")
    ax.set(xlabel="Epoch", ylabel=HISTORY_UNITS[quantity])
    long = _long_history(history, quantity)
    if long.empty:
        return say(ax, "no run to show")
    styles = {"hue": "network" if "network" in history else None, "style": "clips"}
    sns.lineplot(long, x="epoch", y=quantity, **styles, markers=True, ax=ax)
    ax.set(xlabel="Epoch", ylabel=HISTORY_UNITS[quantity])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlim(0.5, long["epoch"].max() + 0.5)
    ax.axhline(GUESSES[quantity], color=PAPER, ls=":", lw=1, label="guessing")
    if quantity == "loss":
        _scale_loss(ax)
    sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title=None)
    return ax


def _scale_loss(ax: Axes) -> None:
    """A first epoch may cost twenty times what the last one does: steps are ratios."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def plot_accuracies(frame: pd.DataFrame, *, ax: Axes) -> Axes:
    """A table's accuracies with their 95 % intervals, the paper's beside ours.

    Parameters
    ----------
    frame : DataFrame
        What `mvemotion.reporting.compare_table` returns; rows that were not run have no mark of
        ours and are labelled so. A line parts what is not in the paper from the paper's rows.
    """
    places = np.arange(len(frame))
    paper = {"color": PAPER, "fmt": "D", "mfc": "white", "label": "paper, 300 clips"}
    _draw_intervals(
        frame["Test Accuracy"], frame[["paper_low", "paper_high"]], places - 0.16, ax, **paper
    )
    clips = " or ".join(str(n) for n in sorted(frame["n"].dropna().unique()))
    ours = {"color": OURS, "fmt": "o", "label": f"ours, {clips} clips" if clips else "ours: none"}
    bounds = frame[["accuracy_low", "accuracy_high"]]
    _draw_intervals(frame["accuracy"], bounds, places + 0.16, ax, **ours)
    ax.axvline(CHANCE, color=PAPER, ls=":", lw=1, label="chance, 1 of 6")
    references = int(frame["is_reference"].sum())  # come first
    if 0 < references < len(frame):
        ax.axhline(references - 0.5, color=PAPER, lw=0.8)
    is_run = frame["accuracy"].notna()
    names = [m if run else f"{m} [not run]" for m, run in zip(frame["Model"], is_run, strict=True)]
    ax.set_yticks(places, names)
    ax.set(xlim=(0, 1), xlabel="Test accuracy (share of clips), 95 % Wilson interval")
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _one_vs_rest(targets: np.ndarray, probabilities: np.ndarray, index: int):
    """False and true positive rates of one emotion, None where the clips cannot define them."""
    is_positive = np.asarray(targets) == index
    if is_positive.all() or not is_positive.any():
        return None
    return roc_curve(is_positive, probabilities[:, index])[:2]


def _macro_curve(targets: np.ndarray, probabilities: np.ndarray):
    """Mean of the emotions' curves; its area is the mean of their areas."""
    curves = [_one_vs_rest(targets, probabilities, index) for index in range(len(EMOTIONS))]
    if any(curve is None for curve in curves):
        return None
    rates = np.unique(np.concatenate([false for false, _ in curves]))
    grid = np.sort(np.concatenate([rates - STEP, rates + STEP]))  # foot and top of each step
    return grid.clip(0, 1), np.mean([np.interp(grid, *curve) for curve in curves], axis=0)


def _draw_curve(curve, label: str, *, ax: Axes, **style) -> None:
    if curve is None:
        ax.plot([], [], label=f"{label}: n/a, a class has no clip", **style)
        return
    ax.plot(*curve, label=f"{label}: AUC {auc(*curve):.3f}", **style)


def _finish_roc(ax: Axes, title: str) -> Axes:
    ax.plot([0, 1], [0, 1], color=PAPER, ls=":", lw=1, label="chance: AUC 0.500")
    ax.set(xlabel="False positive rate", ylabel="True positive rate", title=title)
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _long_history(history: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """One row an epoch, network and kind of clips; epochs without validation clips left out."""
    if history.empty:
        return pd.DataFrame()
    names = {f"train_{quantity}": "training", f"validation_{quantity}": "validation"}
    keys = [key for key in ("network", "epoch") if key in history]
    values = history[[*keys, *names]].rename(columns=names)
    long = values.melt(keys, var_name="clips", value_name=quantity)
    return long.astype({quantity: float}).dropna()


def _draw_intervals(
    values: pd.Series, bounds: pd.DataFrame, places: np.ndarray, ax: Axes, **style
) -> None:
    x = values.to_numpy(dtype=float)
    low, high = bounds.to_numpy(dtype=float).T
    ax.errorbar(x, places, xerr=[x - low, high - x], capsize=2, ms=5, lw=1.2, **style)


def _clips(count: int) -> str:
    return f"{count} clip" if count == 1 else f"{count} clips"
