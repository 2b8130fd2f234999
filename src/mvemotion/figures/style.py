"""The one look of all figures, and how one is written with its origin."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

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
FALLBACK_FONTS = (  # for names of files in any script; those that are installed are used
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Hiragino Sans", "PingFang SC"),
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Apple SD Gothic Neo", "IPAGothic"),
    *("WenQuanYi Zen Hei", "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Devanagari"),
)


def set_style() -> None:
    """The one look of all figures, from here on; `house_style` has it for one figure alone."""
    installed = {font.name for font in fontManager.ttflist}
    rc = {
        "font.family": ["sans-serif", *(name for name in FALLBACK_FONTS if name in installed)],
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
    look = {"context": "notebook", "style": "ticks", "palette": "colorblind", "font_scale": 0.85}
    sns.set_theme(**look, color_codes=False, rc=rc)


@contextmanager
def house_style() -> Iterator[None]:
    """The look of `set_style` within a ``with`` statement; Matplotlib's settings come back.

    No warning is given of letters that no installed font has: they are drawn as boxes.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        set_style()
        yield


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
    with house_style():  # ticks are made as late as this
        write_atomically(
            path, lambda part: figure.savefig(part, metadata=metadata, bbox_inches="tight")
        )


def say(ax: Axes, words: str) -> Axes:
    """Words where there is nothing to draw."""
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, color=PAPER)
    return ax


def short_name(name: str, longest: int) -> str:
    """A file's name for a title: only letters that can be printed, and not too many.

    Examples
    --------
    >>> short_name("a very long name of a video.mp4", 15)
    'a very …deo.mp4'
    """
    visible = "".join(letter for letter in name if letter.isprintable()).strip()
    if len(visible) <= longest:
        return visible
    half = longest // 2
    return f"{visible[:half]}…{visible[half + 1 - longest :]}"
