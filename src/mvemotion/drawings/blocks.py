"""One dense residual block, convolution by convolution (the detailed views of Figures 3 and 4)."""

from dataclasses import dataclass
from math import prod

from matplotlib.axes import Axes

from mvemotion.drawings import grammar as g
from mvemotion.drawings.networks import KERNEL_AXES, SMALL_PT, colour_of, show_gflop
from mvemotion.errors import InputError
from mvemotion.parts import Convolution, Part, count_parts
from mvemotion.specs import Architecture, Branch, Network, find_network

SIZE = (10.6, 3.92)  # inches, as all sizes here
BOX = (1.2, 1.22)
MAIN, SKIP, RAIL = 1.36, 3.1, 0.5  # heights: the two ways through the block, and x above them
X_AT, FIRST = 0.5, 0.95  # where x enters, and the left edge of conv_x
STEP = 1.85  # from one convolution of the main way to the next
JOIN = 0.31  # from a convolution to the concatenation behind it
SUM_AT = 7.55
LARGEST_KERNEL = (0.7, 0.5)


@dataclass(frozen=True)
class _View:
    """One block of one branch, and the numbers that a drawing of it needs."""

    spec: Network
    branch: Branch
    part: Part

    @property
    def colour(self) -> str:
        return colour_of(self.branch.stream)

    @property
    def has_norms(self) -> bool:
        return not self.branch.architecture.is_separable

    @property
    def is_last_norm_missing(self) -> bool:
        is_last = self.part.number == len(self.branch.architecture.blocks)
        return is_last and not self.branch.has_last_norm

    @property
    def cell(self) -> float:
        sizes = [g.kernel_size(c.kernel) for c in self.part.convolutions]
        wide, high = zip(*sizes, strict=True)
        return min(LARGEST_KERNEL[0] / max(wide), LARGEST_KERNEL[1] / max(high))

    def convolution(self, letter: str) -> Convolution:
        return next(c for c in self.part.convolutions if c.name == f"conv_{letter}")


def block_size() -> tuple[float, float]:
    """Width and height in inches at which the words of `draw_block` have their own size."""
    return SIZE


def draw_block(network: str | Network, number: int, *, ax: Axes, stream: str = "") -> Axes:
    """One block of a network as the detailed views of Figures 3 and 4 draw it.

    Parameters
    ----------
    network : str or Network
        An id of `list_networks`, or a specification of your own; not C3D.
    number : int
        Of the block, from 1.
    ax : Axes
        Of any size; `block_size` says which suits.
    stream : str
        Which branch, where there are several; the first if not given.

    Raises
    ------
    InputError
        If there is no such network, stream or block.
    """
    view = _view(network, number, stream)
    g.start(ax, SIZE)
    _draw_title(ax, view)
    _draw_main(ax, view)
    _draw_skip(ax, view)
    _draw_output(ax, view)
    _draw_key(ax, view)
    return ax


def _view(network: str | Network, number: int, stream: str) -> _View:
    spec = find_network(network) if isinstance(network, str) else network
    branches = {branch.stream: branch for branch in spec.branches}
    branch = branches.get(stream or spec.streams[0])
    if branch is None:
        raise InputError(f"stream {stream!r}: {spec.id} has {', '.join(branches)}")
    if not isinstance(branch.architecture, Architecture):
        name = branch.architecture.name
        raise InputError(f"network {spec.id}: {name} has no dense residual block; see draw_network")
    if not 1 <= number <= len(branch.architecture.blocks):
        raise InputError(f"block {number}: {spec.id} has 1 to {len(branch.architecture.blocks)}")
    wanted = ("block", number, (branch.stream,))
    parts = {(part.kind, part.number, part.streams): part for part in count_parts(spec)}
    return _View(spec, branch, parts[wanted])


def _draw_title(ax: Axes, view: _View) -> None:
    words = f"{view.branch.architecture.name}, block {view.part.number}, of {view.spec.id}"
    g.write(ax, 0.06, 0.1, words, size_pt=10, weight="bold", ha="left", role="title")
    right = {"ha": "right", "role": "total"}
    total = f"{view.part.parameters:,} parameters"
    g.write(ax, SIZE[0] - 0.06, 0.1, total, weight="bold", **right)
    g.write(ax, SIZE[0] - 0.06, 0.28, show_gflop(view.part.flops), color=g.FAINT, **right)


def _draw_main(ax: Axes, view: _View) -> None:
    """x through conv_x, conv_y and conv_z; x joins what each of them gives."""
    g.write(ax, X_AT - 0.18, MAIN, "x", size_pt=11, weight="bold", role="value")
    channels = view.convolution("x").inputs
    words = f"{channels} ch."
    g.write(ax, X_AT - 0.06, MAIN + 0.22, words, size_pt=SMALL_PT, ha="right", role="channels")
    left = FIRST
    g.line(ax, (X_AT, MAIN), (left, MAIN), colour=view.colour)
    for letter, value in zip("xyz", "abd", strict=True):
        _draw_convolution(ax, view, view.convolution(letter), left, MAIN)
        join = left + BOX[0] + JOIN
        g.line(ax, (left + BOX[0], MAIN), (join - 0.17, MAIN), colour=view.colour)
        _draw_concatenation(ax, view, join, MAIN, value, view.convolution(letter).filters)
        g.line(ax, (X_AT, RAIL), (join, RAIL), (join, MAIN - 0.16), colour=view.colour)
        left += STEP
        if letter != "z":
            g.line(ax, (join + 0.17, MAIN), (left, MAIN), colour=view.colour)
    g.line(ax, (X_AT, MAIN), (X_AT, RAIL), colour=view.colour, head=False)
    _draw_pool(ax, view, left - STEP + BOX[0] + JOIN, MAIN)


def _draw_skip(ax: Axes, view: _View) -> None:
    """x through conv_s alone, joined by x, pooled."""
    left = FIRST + 2 * STEP
    join = left + BOX[0] + JOIN
    g.line(ax, (X_AT, MAIN), (X_AT, SKIP), (left, SKIP), colour=view.colour)
    _draw_convolution(ax, view, view.convolution("s"), left, SKIP)
    g.line(ax, (left + BOX[0], SKIP), (join - 0.17, SKIP), colour=view.colour)
    bottom = SKIP + BOX[1] / 2 + 0.1
    rail = ((X_AT, SKIP), (X_AT, bottom), (join, bottom), (join, SKIP + 0.16))
    g.line(ax, *rail, colour=view.colour)
    _draw_concatenation(ax, view, join, SKIP, "s", view.convolution("s").filters, above=True)
    _draw_pool(ax, view, join, SKIP)


def _draw_convolution(
    ax: Axes, view: _View, convolution: Convolution, left: float, middle: float
) -> None:
    top, x = middle - BOX[1] / 2, left + BOX[0] / 2
    g.box(ax, left, top, BOX, view.colour)
    g.write(ax, left + 0.07, top + 0.12, convolution.name, weight="bold", ha="left", role="name")
    small = {"size_pt": SMALL_PT}
    words = f"{convolution.filters} filter" + "s" * (convolution.filters > 1)
    g.write(ax, left + BOX[0] - 0.07, top + 0.12, words, ha="right", role="filters", **small)
    g.kernel(ax, x, top + 0.49, convolution.kernel, cell=view.cell, colour=view.colour)
    g.write(ax, x, top + 0.85, g.by(convolution.kernel), role="kernel")
    faint = small | {"color": g.FAINT}
    g.write(ax, x, top + 0.99, f"{convolution.parameters:,} par.", role="parameters", **faint)
    g.write(ax, x, top + 1.12, show_gflop(convolution.flops), role="flops", **faint)


def _draw_concatenation(
    ax: Axes, view: _View, x: float, y: float, value: str, filters: int, *, above: bool = False
) -> None:
    """``[x, a]``: two arrays, one behind the other on the axis of channels; A0 normalises it."""
    g.box(ax, x - 0.17, y - 0.16, (0.34, 0.32), g.EXCHANGE)
    g.write(ax, x, y, f"[x, {value}]", size_pt=SMALL_PT, role="value")
    channels = view.convolution("x").inputs + filters
    words = [f"{channels} ch."]
    if view.has_norms:
        words += ["BatchNorm", f"{4 * channels:,} par."]
    for place, word in enumerate(words):
        offset = 0.26 + 0.13 * place
        role = "parameters" if "par." in word else "channels"
        g.write(ax, x, y - offset if above else y + offset, word, size_pt=SMALL_PT, role=role)


def _draw_pool(ax: Axes, view: _View, join: float, y: float) -> None:
    """Max pooling by two, and the way to the sum."""
    rank = len(view.part.shape) - 1
    left = join + 0.17 + 0.19
    g.line(ax, (join + 0.17, y), (left, y), colour=view.colour)
    g.box(ax, left, y - 0.24, (0.62, 0.48), view.colour)
    g.write(ax, left + 0.31, y - 0.09, "max pool", size_pt=SMALL_PT, role="name")
    g.write(ax, left + 0.31, y + 0.09, g.by((2,) * rank), size_pt=SMALL_PT, role="kernel")
    end = (SUM_AT, MAIN + 0.15) if y > MAIN else (SUM_AT - 0.15, MAIN)
    way = [(left + 0.62, y), (SUM_AT, y), end] if y > MAIN else [(left + 0.62, y), end]
    g.line(ax, *way, colour=view.colour)


def _draw_output(ax: Axes, view: _View) -> None:
    """The sum of the two ways, conv_o, and its BatchNorm."""
    g.box(ax, SUM_AT - 0.15, MAIN - 0.15, (0.3, 0.3), g.EXCHANGE)
    g.write(ax, SUM_AT, MAIN, "+", size_pt=11, role="value")
    left = SUM_AT + 0.42
    g.line(ax, (SUM_AT + 0.15, MAIN), (left, MAIN), colour=view.colour)
    _draw_convolution(ax, view, view.convolution("o"), left, MAIN)
    end = left + BOX[0]
    if not view.is_last_norm_missing:
        g.line(ax, (end, MAIN), (end + 0.2, MAIN), colour=view.colour)
        g.box(ax, end + 0.2, MAIN - 0.24, (0.66, 0.48), g.EXCHANGE)
        g.write(ax, end + 0.53, MAIN - 0.08, "BatchNorm", size_pt=SMALL_PT, role="name")
        words = f"{4 * view.part.shape[0]:,} par."
        g.write(ax, end + 0.53, MAIN + 0.1, words, size_pt=SMALL_PT, role="parameters")
        end += 0.86
    g.line(ax, (end, MAIN), (SIZE[0] - 0.1, MAIN), colour=view.colour)
    words = g.by(view.part.shape)
    g.write(ax, SIZE[0] - 0.06, MAIN + 0.42, words, ha="right", role="shape")


def _draw_key(ax: Axes, view: _View) -> None:
    rank = len(view.part.shape) - 1
    before, after = view.convolution("x").positions, prod(view.part.shape[1:])
    lines = (
        "a, b, d, s: what conv_x, conv_y, conv_z and conv_s give, after ReLU.",
        "[x, a]: x and a as one array, its channels behind one another.",
        f"Kernels to one scale: {KERNEL_AXES[rank]}.",
        f"Positions of a kernel: {before:,}, after pooling {after:,}.",
        "par.: parameters, Keras' total: weights, biases, 4 a channel of BatchNorm.",
    )
    for place, words in enumerate(lines):
        y = SKIP - 0.82 + 0.155 * place
        g.write(ax, FIRST, y, words, size_pt=SMALL_PT, ha="left", color=g.FAINT, role="key")
