"""What separating a convolution saves: the four columns of Figure 2, by formula."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mvemotion.drawings import grammar as g
from mvemotion.drawings.kernels import short
from mvemotion.drawings.networks import KERNEL_AXES, SMALL_PT, show_gflop
from mvemotion.errors import InputError
from mvemotion.layers import cubic_kernel, tall_kernel, wide_kernel
from mvemotion.parts import Convolution

SIZE = (10.0, 2.72)  # inches
HEAD, ROW = 0.42, 0.5
COLUMNS = {"conv_x": 2.85, "conv_y": 4.0, "the two see": 5.25}  # middles
BAR_LEFT, BAR_WIDTH = 6.1, 2.2
LARGEST_KERNEL = (0.5, 0.42)


@dataclass(frozen=True)
class Variant:
    """A way to do conv_x and conv_y of a dense residual block."""

    name: str
    x: Convolution
    y: Convolution

    @property
    def parameters(self) -> int:
        return self.x.parameters + self.y.parameters

    @property
    def flops(self) -> int:
        return self.x.flops + self.y.flops

    @property
    def sees(self) -> tuple[int, ...]:
        """Extent on each axis of what one value behind both convolutions depends on."""
        return tuple(a + b - 1 for a, b in zip(self.x.kernel, self.y.kernel, strict=True))


def variants(
    n: int, *, channels: int, filters: int, positions: int, rank: int = 3
) -> tuple[Variant, ...]:
    """conv_x and conv_y of one block in the four ways of Figure 2.

    Standard; one channel between them, as [81]; a plane and a line, as the (2+1)D convolution of
    [82] and in 2D a line each way, as [83]; and the paper's own, two planes (in 2D lines) with one
    channel between them.

    Parameters
    ----------
    n : int
        Side of the kernels; odd.
    channels, filters : int
        Of the block's input, and of conv_x (and of conv_y where its channels are not separated).
    positions : int
        At which each kernel is applied: the size of the input.
    rank : int
        2 for music, 3 for video and face.

    Raises
    ------
    InputError
        If `n` is even, a count is not positive, or `rank` is another.

    Examples
    --------
    >>> costs = variants(5, channels=3, filters=16, positions=64 * 128 * 128)
    >>> [variant.parameters for variant in costs]
    [44032, 8392, 2752, 1692]
    """
    if n % 2 == 0 or min(n, channels, filters, positions) < 1 or rank not in (2, 3):
        raise InputError(
            f"kernel of side {n}, {channels} channels, {filters} filters, {positions} positions, "
            f"rank {rank}: give an odd side, counts from 1, and rank 2 or 3"
        )
    return tuple(
        Variant(
            name,
            Convolution("conv_x", kernel_x, channels, filters, positions),
            Convolution("conv_y", kernel_y, channels + filters, filters_y, positions),
        )
        for name, (kernel_x, kernel_y, filters_y) in _columns(n, filters, rank).items()
    )


def _columns(n: int, filters: int, rank: int) -> dict[str, tuple]:
    """Kernels of conv_x and conv_y, and filters of conv_y, by the columns of Figure 2."""
    cubic, wide, tall = (make(n, rank) for make in (cubic_kernel, wide_kernel, tall_kernel))
    plane, line = (wide, tall) if rank == 2 else (tall, (1, 1, n))
    return {
        f"standard {rank}D": (cubic, cubic, filters),
        "separable channel": (cubic, cubic, 1),
        "separable filter" if rank == 2 else "(2+1)D": (plane, line, filters),
        "separable filter and channel": (wide, tall, 1),
    }


def costs_size() -> tuple[float, float]:
    """Width and height in inches at which the words of `draw_costs` have their own size."""
    return SIZE


def draw_costs(compared: tuple[Variant, ...], *, ax: Axes) -> Axes:
    """Kernels, reach, parameters and operations of the variants of Figure 2.

    Parameters
    ----------
    compared : tuple of Variant
        What `variants` returns; bars are shares of the first one's parameters.
    ax : Axes
        Of any size; `costs_size` says which suits.
    """
    g.start(ax, SIZE)
    rank = len(compared[0].x.kernel)
    _draw_headings(ax)
    for place, variant in enumerate(compared):
        y = HEAD + ROW * (place + 0.5)
        _draw_kernels(ax, variant, y, g.MODALITY_COLOURS["music" if rank == 2 else "video"])
        _draw_bar(ax, variant, y, variant.parameters / compared[0].parameters)
    first = compared[0].x
    words = (
        f"{first.inputs} channels in, {first.filters} filters, {first.positions:,} positions. "
        f"Kernels: {KERNEL_AXES[rank]}."
    )
    g.write(ax, 0.06, SIZE[1] - 0.14, words, size_pt=SMALL_PT, ha="left", color=g.FAINT, role="key")
    return ax


def _draw_headings(ax: Axes) -> None:
    g.write(ax, 0.06, 0.16, "Figure 2", weight="bold", ha="left", role="heading")
    for words, x in COLUMNS.items():
        g.write(ax, x, 0.16, words, weight="bold", role="heading")
    words = "parameters, share of the first"
    g.write(ax, BAR_LEFT, 0.16, words, weight="bold", ha="left", role="heading")
    g.write(ax, SIZE[0] - 0.06, 0.16, "operations", weight="bold", ha="right", role="heading")


def _draw_kernels(ax: Axes, variant: Variant, y: float, colour: str) -> None:
    g.write(ax, 0.06, y, variant.name, ha="left", role="variant")
    wide, high = g.kernel_size(cubic_kernel(max(variant.x.kernel), len(variant.x.kernel)))
    cell = min(LARGEST_KERNEL[0] / wide, LARGEST_KERNEL[1] / high, 0.05)
    for convolution in (variant.x, variant.y):
        x = COLUMNS[convolution.name]
        g.kernel(ax, x - 0.22, y, convolution.kernel, cell=cell, colour=colour)
        left = {"ha": "left", "size_pt": SMALL_PT}
        g.write(ax, x + 0.12, y - 0.08, short(convolution.kernel), role="kernel", **left)
        words = f"{convolution.filters} f."
        g.write(ax, x + 0.12, y + 0.08, words, role="filters", color=g.FAINT, **left)
    g.write(ax, COLUMNS["the two see"], y, g.by(variant.sees), role="sees")


def _draw_bar(ax: Axes, variant: Variant, y: float, share: float) -> None:
    style = {"fc": g.tint(g.FAINT, 0.3), "ec": "none", "zorder": 2}
    ax.add_artist(Rectangle((BAR_LEFT, y - 0.13), BAR_WIDTH * share, 0.26, **style))
    x = BAR_LEFT + BAR_WIDTH * share + 0.06
    words = f"{variant.parameters:,}" + ("" if share == 1 else f"  {share:.0%}")
    g.write(ax, x, y, words, ha="left", role="parameters")
    g.write(ax, SIZE[0] - 0.06, y, show_gflop(variant.flops), ha="right", role="flops")
