"""Drawings in a notebook, small enough to be kept with it."""

from io import BytesIO

import matplotlib.pyplot as plt
from IPython.display import Image, display
from matplotlib.figure import Figure
from PIL import Image as Picture

COLOURS = 128  # a drawing has a few dozen; smooth pictures, such as spectrograms, need more
DPI = 110


def to_png(figure: Figure, dpi: float = DPI) -> bytes:
    """The figure as a PNG with a palette: a third of the size of one with every colour."""
    whole, reduced = BytesIO(), BytesIO()
    figure.savefig(whole, format="png", dpi=dpi, bbox_inches="tight")
    with Picture.open(whole) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Picture.Dither.NONE)
    few.save(reduced, format="png", optimize=True)
    return reduced.getvalue()


def show(figure: Figure, *, alt: str, dpi: float = DPI) -> None:
    """Display a figure of lines and words, and close it.

    Parameters
    ----------
    figure : Figure
    alt : str
        What it shows, for those who do not see it.
    dpi : float
        Pixels an inch.
    """
    display(Image(data=to_png(figure, dpi), format="png", alt=alt))
    plt.close(figure)
