"""How far a network sees: the receptive field of one value behind each of its blocks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from mvemotion.drawings.networks import colour_of
from mvemotion.errors import InputError
from mvemotion.parts import Part, count_parts
from mvemotion.specs import (
    PAPER_FORMAT,
    STREAMS,
    Network,
    find_network,
    stream_shape,
)

POOL = 2  # of every block, on every axis


def receptive_fields(network: str | Network, *, stream: str = "") -> np.ndarray:
    """Input cells on each axis that one value behind each block depends on.

    Parameters
    ----------
    network : str or Network
        An id of `list_networks`, or a specification of your own; not C3D.
    stream : str
        Which branch, where there are several; the first if not given.

    Returns
    -------
    np.ndarray
        int (blocks, axes): mel bands and frames, or rows, columns and frames; as if the input had
        no borders. SE and MMTM, whose gates see everything, are left out of account.

    Raises
    ------
    InputError
        If there is no such network or stream.

    Examples
    --------
    >>> receptive_fields("music_a1").tolist()
    [[10, 12], [28, 34], [64, 78], [120, 150], [232, 294]]
    """
    spec = find_network(network) if isinstance(network, str) else network
    stream = stream or spec.streams[0]
    if stream not in spec.streams or spec.is_c3d:
        raise InputError(f"receptive fields of {stream} in {spec.id}: not a stream of A0 to A3")
    parts = [p for p in count_parts(spec) if p.kind == "block" and p.streams == (stream,)]
    seen, found = np.ones(len(parts[0].shape) - 1, int), []
    for depth, part in enumerate(parts):
        step = POOL**depth  # input cells from one value to the next
        seen = seen + step * _growth(part)
        found.append(seen)
    return np.array(found)


def draw_receptive_fields(
    network: str | Network, *, ax: Axes, stream: str = "", colour: str = "", axis: int = 0
) -> Axes:
    """The receptive field of a value in the middle of the clip, a frame for each block.

    Parameters
    ----------
    network : str or Network
        As in `receptive_fields`.
    ax : Axes
        Time in seconds across; mel bands, or pixels, upwards. It may hold a spectrogram already.
    stream : str
        Which branch, where there are several; the first if not given.
    colour : str
        Of the frames and their numbers; that of the modality, and black, if not given.
    axis : int
        Of the picture: 0 for rows, 1 for columns. Music has mel bands alone.

    Raises
    ------
    InputError
        As `receptive_fields`.
    """
    spec = find_network(network) if isinstance(network, str) else network
    stream = stream or spec.streams[0]
    fields, size = receptive_fields(spec, stream=stream), stream_shape(stream)[1:]
    duration_s, edge = PAPER_FORMAT.duration_s, colour or colour_of(stream)
    seconds = duration_s / size[-1]
    whole = (duration_s, size[axis])
    for (wide, high), numbers in _shown(fields[:, [-1, axis]] * (seconds, 1), whole).items():
        corner = (duration_s / 2 - wide / 2, size[axis] / 2 - high / 2)
        ax.add_patch(Rectangle(corner, wide, high, fc=(*to_rgb(edge), 0.1), ec=edge, lw=1.4))
        _number(ax, (wide, high), whole, numbers, colour or "black")
    is_music = STREAMS[stream].modality == "music"
    words = "Mel band" if is_music else ("Row (pixels)", "Column (pixels)")[axis]
    ax.set(xlim=(0, duration_s), ylim=(0, size[axis]), xlabel="Time (s)", ylabel=words)
    branch = next(branch for branch in spec.branches if branch.stream == stream)
    ax.set_title(f"{branch.architecture.name} on {stream.replace('_', ' ')}")
    return ax


def _shown(extents: np.ndarray, whole: tuple[float, float]) -> dict[tuple[float, float], str]:
    """What lies within the input, largest first, with the numbers of the blocks that see it."""
    shown: dict[tuple[float, float], list[str]] = {}
    for number, extent in enumerate(np.minimum(extents, whole), start=1):
        shown.setdefault(tuple(extent), []).append(str(number))
    return {extent: ", ".join(shown[extent]) for extent in sorted(shown, reverse=True)}


def _number(ax: Axes, extent, whole, numbers: str, colour: str) -> None:
    """On the frame's upper edge; inside its right corner where that is the picture's edge."""
    (wide, high), (duration_s, size) = extent, whole
    is_clipped, has_room = high >= size, high < 0.9 * size
    x = duration_s / 2 + (wide / 2 if is_clipped else 0)
    where = {"ha": "right" if is_clipped else "center", "va": "bottom" if has_room else "top"}
    offset = (-2 * is_clipped, 0 if has_room else -1)
    style = {"textcoords": "offset points", "fontsize": 8, "color": colour}
    style["bbox"] = {"fc": "white", "alpha": 0.6, "lw": 0, "pad": 0.5}
    ax.annotate(numbers, (x, size / 2 + high / 2), offset, **where, **style)


def _growth(part: Part) -> np.ndarray:
    """What a block adds to the field, in steps of its input, along the longer of its two ways."""
    reach = {c.name: np.array(c.kernel) - 1 for c in part.convolutions}
    main = reach["conv_x"] + reach["conv_y"] + reach["conv_z"]
    return np.maximum(main, reach["conv_s"]) + (POOL - 1) + POOL * reach["conv_o"]
