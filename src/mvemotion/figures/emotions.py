"""Six outputs and how they go together: one clip's, their means, correlations and claims."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm, to_rgb

from mvemotion.figures.style import EMOTION_COLOURS, OURS, PAPER
from mvemotion.specs import EMOTIONS

PICTURE_PLACE = (-0.68, 0.08, 0.36, 0.84)  # left of a clip's bars, in their axes' units


def plot_outputs_of_clip(
    values: np.ndarray, *, ax: Axes, emotion: str, picture: np.ndarray | None = None
) -> Axes:
    """One clip's sigmoid outputs, highest first, beside a picture of it: a cell of Table 7.

    Parameters
    ----------
    values : array of float, (K,)
        Between 0 and 1.
    emotion : str
        The true one: its bar is in its colour, the others are grey.
    picture : array of uint8, (H, W, 3), optional
        Of any size; drawn at 16 to 9.
    """
    order = np.argsort(-np.asarray(values), kind="stable")
    percent = 100 * np.asarray(values)[order]
    colours = [EMOTION_COLOURS[emotion] if EMOTIONS[k] == emotion else "0.75" for k in order]
    bars = ax.barh(np.arange(len(order)), percent, color=colours, height=0.75)
    ax.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    ax.set_yticks(np.arange(len(order)), [EMOTIONS[k] for k in order])
    ax.set(xlim=(0, 118), xticks=[0, 50, 100], title=f"True emotion: {emotion}")
    ax.set_xlabel("Sigmoid output (%)")
    ax.invert_yaxis()
    if picture is not None:
        inset = ax.inset_axes(PICTURE_PLACE)
        height, width = picture.shape[:2]
        inset.imshow(picture, aspect=9 / 16 * width / height, interpolation="nearest")
        inset.set_axis_off()
    return ax


def plot_mean_outputs(matrix: np.ndarray, *, ax: Axes, title: str = "") -> Axes:
    """Mean output on the clips of each emotion, in per cent; Table 7's six clips or all clips.

    Parameters
    ----------
    matrix : array of float, (K, K)
        True emotion by output, 0 to 1; rows of NaN stay blank.
    """
    percent = 100 * np.asarray(matrix, dtype=float)
    style = {"cmap": "Greys", "vmin": 0, "vmax": 100, "linewidths": 1, "square": True}
    sns.heatmap(percent, annot=True, fmt=".0f", cbar=False, ax=ax, **style)
    _name_emotions(ax)
    ax.set(xlabel="Output (%)", ylabel="True emotion of the clips", title=title)
    return ax


def plot_correlations(
    matrix: np.ndarray, *, ax: Axes, centre: float = 0.0, title: str = ""
) -> Axes:
    """Correlation of every two outputs, below the diagonal; white is what chance makes.

    Parameters
    ----------
    matrix : array of float, (K, K)
    centre : float
        The correlation that says nothing: of six shares of one, -1/5.
    """
    values = np.asarray(matrix, dtype=float)
    hidden = np.triu(np.ones(values.shape, dtype=bool))
    style = {"cmap": "RdBu_r", "norm": TwoSlopeNorm(centre, -1, 1), "linewidths": 1}
    sns.heatmap(values, annot=True, fmt=".2f", mask=hidden, square=True, cbar=False, ax=ax, **style)
    _name_emotions(ax)
    ax.set_title(title or f"White: {centre:.2f}")
    return ax


def plot_kinship(frame: pd.DataFrame, *, ax: Axes, title: str = "") -> Axes:
    """Each statistic with its interval, and the band that chance makes of it.

    Parameters
    ----------
    frame : DataFrame
        What `mvemotion.correlation.examine_claims` returns; a statistic that could not be had is
        labelled so.
    """
    places = np.arange(len(frame))
    chance = frame["chance_high"] - frame["chance_low"]
    style = {"height": 0.55, "color": "0.88", "label": "chance, central 95 %"}
    ax.barh(places, chance, left=frame["chance_low"], **style)
    ax.plot(frame["chance"], places, "|", color=PAPER, ms=14, label="chance, mean")
    value, low, high = frame[["value", "low", "high"]].astype(float).to_numpy().T
    error = np.nan_to_num([value - low, high - value])
    ax.errorbar(value, places, xerr=error, fmt="o", color=OURS, capsize=3, label="found, 95 %")
    is_missing = frame["value"].isna()
    labels = frame["claim"] + ": " + frame["statistic"].where(~is_missing, "no clip")
    ax.set_yticks(places, labels)
    ax.set(xlabel="Correlation, or mean output (0 to 1)", title=title)
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_ribbon(scenes: pd.DataFrame, *, ax: Axes) -> Axes:
    """The true emotions of a film, as a ribbon above curves in per cent (Figure 7).

    Parameters
    ----------
    scenes : DataFrame
        ``start_s``, ``end_s`` and ``emotion``.
    """
    for scene in scenes.itertuples():
        span = (scene.start_s, scene.end_s - scene.start_s)
        colour = EMOTION_COLOURS[scene.emotion]
        ax.broken_barh([span], (103, 9), color=colour, clip_on=False)
        middle = (scene.start_s + scene.end_s) / 2
        ink = "black" if np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) > 0.45 else "white"
        ax.text(middle, 107.2, scene.emotion, ha="center", va="center", fontsize=8, color=ink)
        ax.axvline(scene.end_s, color=PAPER, lw=0.8, ls=":", zorder=0)
    ax.set(ylim=(0, 113), yticks=range(0, 101, 20))
    return ax


def _name_emotions(ax: Axes) -> None:
    ax.set_xticks(ax.get_xticks(), EMOTIONS, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(ax.get_yticks(), EMOTIONS, rotation=0)
