"""The one look of all figures, and how one is written with its origin."""

import json
from pathlib import Path

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mvemotion.errors import InputError
from mvemotion.files import write_atomically
from mvemotion.provenance import cost, provenance

EMOTION_COLOURS = {  # Okabe and Ito's palette, made for colour-blind readers
    "Excited": "#E69F00",
    "Fear": "#CC79A7",
    "Neutral": "#56B4E9",
    "Relaxation": "#009E73",
    "Sad": "#0072B2",
    "Tension": "#D55E00",
}
LINES = ("-", "--", "-.")  # told apart without colour, too
OURS, PAPER = "black", "0.55"
METADATA_KEYS = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}


def set_style() -> None:
    """The one look of all figures; call it once, before the first is made."""
    rc = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.labelsize": 10,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "figure.dpi": 90,
        "savefig.dpi": 150,
    }
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", font_scale=0.85, rc=rc)


def save_figure(figure: Figure, path: Path, *, title: str) -> None:
    """Write a figure atomically, with its title and origin in the file's metadata.

    Parameters
    ----------
    figure : Figure
    path : Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; missing folders are made.
    title : str
        What it shows and which figure or table of the paper it answers.

    Raises
    ------
    InputError
        If the name has another ending.
    """
    path = Path(path)
    if path.suffix not in METADATA_KEYS:
        raise InputError(f"figure {path.name}: the name must end in {', '.join(METADATA_KEYS)}")
    metadata = {"Title": title, METADATA_KEYS[path.suffix]: json.dumps(provenance() | cost())}
    write_atomically(
        path, lambda part: figure.savefig(part, metadata=metadata, bbox_inches="tight")
    )


def say(ax: Axes, words: str) -> Axes:
    """Words where there is nothing to draw."""
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, color=PAPER)
    return ax
