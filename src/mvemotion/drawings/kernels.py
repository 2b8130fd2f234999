"""Every kernel of some networks side by side, to one scale (Figures 3 and 4, Section 4.1)."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from mvemotion.drawings import grammar as g
from mvemotion.drawings.networks import KERNEL_AXES, SMALL_PT, colour_of
from mvemotion.errors import InputError
from mvemotion.parts import Convolution, Part, count_parts
from mvemotion.specs import Network, find_network

WIDTH, LEFT, HEAD, FOOT, ROW = 11.8, 0.86, 0.42, 0.22, 0.84  # inches
SLOT_SHARE = 0.97  # of a block's width that its kernels have
LARGEST_KERNEL = (0.36, 0.42)
KERNEL_PT = 6.1  # 13×13×13 beside 9×9×9


def kernels_size(networks: Sequence[str | Network]) -> tuple[float, float]:
    """Width and height in inches at which the words of `draw_kernels` have their own size."""
    return WIDTH, HEAD + ROW * len(networks) + FOOT


def draw_kernels(networks: Sequence[str | Network], *, ax: Axes) -> Axes:
    """The five kernels of each block, a row for every network.

    Parameters
    ----------
    networks : sequence of str or Network
        Of one stream each, all of music or none; not C3D.
    ax : Axes
        Of any size; `kernels_size` says which suits.

    Raises
    ------
    InputError
        If a network does not exist, has several streams, or another number of axes or blocks.
    """
    specs = [_find(network) for network in networks]
    rows = [[part for part in count_parts(spec) if part.kind == "block"] for spec in specs]
    if len({(len(row), len(row[0].shape)) for row in rows}) != 1:
        raise InputError(f"kernels of {', '.join(s.id for s in specs)}: of music or of pictures")
    g.start(ax, kernels_size(specs))
    cell, block = _cell(rows), (WIDTH - LEFT) / len(rows[0])
    _draw_headings(ax, rows[0], block)
    for place, (spec, row) in enumerate(zip(specs, rows, strict=True)):
        top = HEAD + ROW * place
        _draw_name(ax, spec, top)
        for number, part in enumerate(row):
            _draw_block(ax, part, (LEFT + block * number, top), block, cell)
    words = f"To one scale: {KERNEL_AXES[len(rows[0][0].shape) - 1]}. Below: size, filters."
    y = HEAD + ROW * len(rows) + FOOT / 2
    g.write(ax, 0.06, y, words, size_pt=SMALL_PT, ha="left", color=g.FAINT, role="key")
    return ax


def _find(network: str | Network) -> Network:
    spec = find_network(network) if isinstance(network, str) else network
    if len(spec.branches) > 1 or spec.is_c3d:
        raise InputError(f"kernels of {spec.id}: give networks of one stream, A0, A1 or A2")
    return spec


def _cell(rows: Sequence[Sequence[Part]]) -> float:
    sizes = [g.kernel_size(c.kernel) for row in rows for part in row for c in part.convolutions]
    wide, high = zip(*sizes, strict=True)
    return min(LARGEST_KERNEL[0] / max(wide), LARGEST_KERNEL[1] / max(high))


def _slots(left: float, width: float, part: Part) -> list[tuple[float, Convolution]]:
    slot = width * SLOT_SHARE / len(part.convolutions)
    return [(left + slot * (n + 0.5), c) for n, c in enumerate(part.convolutions)]


def _draw_headings(ax: Axes, row: Sequence[Part], width: float) -> None:
    for number, part in enumerate(row):
        left = LEFT + width * number
        x = left + width * SLOT_SHARE / 2
        g.write(ax, x, 0.1, f"block {part.number}", weight="bold", role="heading")
        for middle, convolution in _slots(left, width, part):
            letter = convolution.name.removeprefix("conv_")
            g.write(ax, middle, 0.28, letter, color=g.FAINT, role="heading")


def _draw_name(ax: Axes, spec: Network, top: float) -> None:
    left = {"ha": "left", "role": "network"}
    name = spec.branches[0].architecture.name
    g.write(ax, 0.06, top + 0.2, name, weight="bold", size_pt=10, **left)
    g.write(ax, 0.06, top + 0.38, spec.id, size_pt=SMALL_PT, color=g.FAINT, **left)


def _draw_block(
    ax: Axes, part: Part, corner: tuple[float, float], width: float, cell: float
) -> None:
    (left, top), colour = corner, colour_of(part.streams[0])
    for x, convolution in _slots(left, width, part):
        g.kernel(ax, x, top + 0.27, convolution.kernel, cell=cell, colour=colour)
        g.write(ax, x, top + 0.56, short(convolution.kernel), size_pt=KERNEL_PT, role="kernel")
        words = str(convolution.filters)
        g.write(ax, x, top + 0.69, words, size_pt=SMALL_PT, color=g.FAINT, role="filters")


def short(kernel: Sequence[int]) -> str:
    """``1×9×9``: sizes where there is little room."""
    return "×".join(map(str, kernel))
