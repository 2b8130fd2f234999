"""A whole network: a lane for every stream, from its input on the left to the six emotions."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mvemotion.drawings import grammar as g
from mvemotion.parts import Convolution, Part, count_parts
from mvemotion.published import published_parameters
from mvemotion.specs import STREAMS, Branch, C3DArchitecture, Network, find_network, stream_shape

LANE = 1.24  # inches, as all sizes here
HEAD, FOOT, MARGIN = 0.66, 0.44, 0.06
INPUT, BLOCK, UNIT = (1.08, 0.58), (1.14, 1.02), (0.43, 0.5)
SQUEEZE, DENSE = (0.44, 0.42), (0.84, 0.66)
NARROW_GAP, WIDE_GAP = 0.2, 0.55  # between blocks; wide where SE or MMTM stand in it
BAR_WIDTH, FAN = 0.13, 0.36  # of the concatenation, and of the lines that run to it
LARGEST_KERNEL = (0.2, 0.26)  # what the largest kernel of a network is drawn in
LARGEST_CELL = 0.022  # one weight, where kernels are small
SMALL_PT = 6.5
KERNEL_AXES = {
    2: "2D, mel bands up, time across",
    3: "3D, rows up, columns across, frames into the depth",
}


@dataclass(frozen=True)
class Plan:
    """Where everything of one network stands."""

    spec: Network
    parts: tuple[Part, ...]

    @property
    def is_c3d(self) -> bool:
        return self.spec.is_c3d

    @property
    def has_units(self) -> bool:
        return any(part.kind in ("SE", "MMTM") for part in self.parts)

    @property
    def gap(self) -> float:
        return WIDE_GAP if self.has_units else NARROW_GAP

    def left(self, number: int) -> float:
        """Left edge of the blocks of this number; one past the last is where the tail begins."""
        return MARGIN + INPUT[0] + NARROW_GAP + (number - 1) * (BLOCK[0] + self.gap)

    def middle(self, stream: str) -> float:
        return HEAD + LANE * (self.spec.streams.index(stream) + 0.5)

    @property
    def blocks(self) -> int:
        return max(part.number for part in self.parts if part.kind == "block")

    @property
    def cell(self) -> float:
        """Side of one weight of a kernel: one scale for the whole drawing."""
        kernels = [c.kernel for part in self.parts for c in part.convolutions]
        wide, high = zip(*(g.kernel_size(kernel) for kernel in kernels), strict=True)
        return min(LARGEST_KERNEL[0] / max(wide), LARGEST_KERNEL[1] / max(high), LARGEST_CELL)

    @property
    def dense(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.kind == "dense")

    @property
    def bar(self) -> float:
        """Left edge of the concatenation."""
        return self.left(self.blocks + 1) + SQUEEZE[0] + FAN

    @property
    def first_dense(self) -> float:
        is_alone = len(self.spec.streams) == 1
        before = self.left(self.blocks + 1) + SQUEEZE[0] if is_alone else self.bar + BAR_WIDTH
        return before + NARROW_GAP

    @property
    def size(self) -> tuple[float, float]:
        width = self.first_dense + len(self.dense) * (DENSE[0] + NARROW_GAP) - NARROW_GAP
        return width + MARGIN, HEAD + LANE * len(self.spec.streams) + FOOT


def network_size(network: str | Network) -> tuple[float, float]:
    """Width and height in inches at which the words of `draw_network` have their own size."""
    return _plan(network).size


def draw_network(network: str | Network, *, ax: Axes) -> Axes:
    """One row of Tables 2-6 as Figures 3 and 4 draw them, made from its specification.

    Parameters
    ----------
    network : str or Network
        An id of `list_networks`, or a specification of your own.
    ax : Axes
        Of any size; `network_size` says which suits.

    Raises
    ------
    InputError
        If there is no such id.
    """
    plan = _plan(network)
    g.start(ax, plan.size)
    _draw_title(ax, plan)
    _draw_headings(ax, plan)
    for branch in plan.spec.branches:
        _draw_lane(ax, plan, branch)
    for part in plan.parts:
        if part.kind in ("SE", "MMTM"):
            _draw_unit(ax, plan, part)
    _draw_tail(ax, plan)
    _draw_key(ax, plan)
    return ax


def colour_of(stream: str) -> str:
    """The colour of a stream's modality."""
    return g.MODALITY_COLOURS[STREAMS[stream].modality]


def show_gflop(flops: int) -> str:
    """Billions of operations to three digits: ``0.110 GFLOP``, ``463 GFLOP``."""
    return f"{flops / 1e9:.0f} GFLOP" if flops > 1e11 else f"{flops / 1e9:#.3g} GFLOP"


def _plan(network: str | Network) -> Plan:
    spec = find_network(network) if isinstance(network, str) else network
    return Plan(spec, count_parts(spec))


def _draw_title(ax: Axes, plan: Plan) -> None:
    spec, right = plan.spec, plan.size[0] - MARGIN
    place = f"Table {spec.table}, row {spec.row}" if spec.row else f"Not in Table {spec.table}"
    total = sum(part.parameters for part in plan.parts)
    flops = sum(part.flops for part in plan.parts)
    left = {"ha": "left", "role": "title"}
    g.write(ax, MARGIN, 0.1, spec.id, size_pt=10, weight="bold", **left)
    g.write(ax, MARGIN, 0.29, f"{place}: {spec.label}", color=g.FAINT, **left)
    g.write(ax, right, 0.1, f"{total:,} parameters", ha="right", role="total", weight="bold")
    words = show_gflop(flops)
    printed = published_parameters().get(spec.id)
    if spec.known == "open" and printed:
        words += f"; the paper prints {printed:,} parameters"
    g.write(ax, right, 0.29, words, ha="right", role="total", color=g.FAINT)


def _draw_headings(ax: Axes, plan: Plan) -> None:
    places = {MARGIN + INPUT[0] / 2: "input"}
    word = "group" if plan.is_c3d else "block"
    for number in range(1, plan.blocks + 1):
        places[plan.left(number) + BLOCK[0] / 2] = f"{word} {number}"
    places[plan.left(plan.blocks + 1) + SQUEEZE[0] / 2] = "flatten" if plan.is_c3d else "squeeze"
    if len(plan.spec.streams) > 1:
        places[plan.bar + BAR_WIDTH / 2] = "concatenate"
    places[plan.first_dense + (plan.size[0] - MARGIN - plan.first_dense) / 2] = "classify"
    for x, words in places.items():
        g.write(ax, x, HEAD - 0.12, words, color=g.FAINT, role="heading")


def _draw_lane(ax: Axes, plan: Plan, branch: Branch) -> None:
    stream, y, colour = branch.stream, plan.middle(branch.stream), colour_of(branch.stream)
    g.box(ax, MARGIN, y - INPUT[1] / 2, INPUT, colour)
    x, fed = MARGIN + INPUT[0] / 2, _fed(plan.spec, stream)
    g.write(ax, x, y - 0.17, stream.replace("_", " "), weight="bold", role="stream")
    g.write(ax, x, y, branch.architecture.name, role="architecture")
    g.write(ax, x, y + 0.17, g.by(stream_shape(fed)), size_pt=SMALL_PT, role="shape")
    start = MARGIN + INPUT[0]
    for part in plan.parts:
        if part.kind == "block" and part.streams == (stream,):
            left = plan.left(part.number)
            g.line(ax, (start, y), (left, y), colour=colour)
            _draw_block(ax, plan, part, (left, y - BLOCK[1] / 2))
            start = left + BLOCK[0]
    _note_below(ax, plan, branch)
    g.line(ax, (start, y), (plan.left(plan.blocks + 1), y), colour=colour)


def _fed(spec: Network, stream: str) -> str:
    """The stream whose array a branch gets: the other pathway's where they are swapped (D4)."""
    other = {a: b for pair in spec.pathways for a, b in (pair, pair[::-1])}
    return other.get(stream, stream) if spec.swaps_pathways else stream


def _draw_block(ax: Axes, plan: Plan, part: Part, corner: tuple[float, float]) -> None:
    (left, top), colour = corner, colour_of(part.streams[0])
    g.box(ax, left, top, BLOCK, colour)
    bold = {"size_pt": 9.5, "weight": "bold", "ha": "left"}
    g.write(ax, left + 0.07, top + 0.13, str(part.shape[0]), role="width", **bold)
    words = g.by(part.shape[1:])
    right = left + BLOCK[0] - 0.07
    g.write(ax, right, top + 0.14, words, size_pt=SMALL_PT, ha="right", role="shape")
    slot = (BLOCK[0] - 0.08) / len(part.convolutions)
    for place, convolution in enumerate(part.convolutions):
        x = left + 0.04 + slot * (place + 0.5)
        g.kernel(ax, x, top + 0.4, convolution.kernel, cell=plan.cell, colour=colour)
        words = _kernel_words(convolution, is_c3d=plan.is_c3d)
        g.write(ax, x, top + 0.64, words, size_pt=SMALL_PT, role="kernel")
    x, small = left + BLOCK[0] / 2, {"size_pt": SMALL_PT, "color": g.FAINT}
    g.write(ax, x, top + 0.78, f"{part.parameters:,} par.", role="parameters", **small)
    g.write(ax, x, top + 0.91, show_gflop(part.flops), role="flops", **small)


def _kernel_words(convolution: Convolution, *, is_c3d: bool) -> str:
    """``x13``: conv_x, whose longest side is 13. C3D has few kernels, and room for all of one."""
    letter, longest = convolution.name.removeprefix("conv_"), max(convolution.kernel)
    return convolution.name if is_c3d else f"{letter}{longest}"


def _note_below(ax: Axes, plan: Plan, branch: Branch) -> None:
    """What a block does otherwise than halve every axis, or has less than the others."""
    y = plan.middle(branch.stream) + BLOCK[1] / 2 + 0.08
    for number, words in _departures(branch).items():
        x = plan.left(number) + BLOCK[0] / 2
        g.write(ax, x, y, words, size_pt=SMALL_PT, role="departure")


def _departures(branch: Branch) -> dict[int, str]:
    """By block: C3D's pools, or what the compact rows of Table 6 leave out (assumption 5)."""
    architecture = branch.architecture
    if isinstance(architecture, C3DArchitecture):
        return {n: f"pool {g.by(pool)}" for n, pool in enumerate(architecture.pools, start=1)}
    words = ["half width"] * branch.has_half_width + ["no BatchNorm"] * (not branch.has_last_norm)
    return {len(architecture.blocks): ", ".join(words)} if words else {}


def _draw_unit(ax: Axes, plan: Plan, part: Part) -> None:
    """An SE unit on its lane, or an MMTM unit across the two lanes that it joins."""
    lanes = sorted(plan.middle(stream) for stream in part.streams)
    middle, height = sum(lanes) / len(lanes), lanes[-1] - lanes[0] + UNIT[1]
    left = plan.left(part.number) + BLOCK[0] + (plan.gap - UNIT[0]) / 2
    g.box(ax, left, middle - height / 2, (UNIT[0], height), g.EXCHANGE)
    x, small = left + UNIT[0] / 2, {"size_pt": SMALL_PT}
    g.write(ax, x, middle - 0.15, part.kind, weight="bold", role="unit", **small)
    g.write(ax, x, middle, f"r {_reduction(plan.spec, part)}", role="reduction", **small)
    words = f"{part.parameters:,}"
    g.write(ax, x, middle + 0.15, words, role="parameters", color=g.FAINT, **small)


def _reduction(spec: Network, part: Part) -> int:
    if part.kind == "MMTM":
        return spec.exchange.reductions[part.number - 1]
    branch = next(branch for branch in spec.branches if branch.stream in part.streams)
    return branch.reductions[part.number - 1]


def _draw_tail(ax: Axes, plan: Plan) -> None:
    left = plan.left(plan.blocks + 1)
    last = {p.streams[0]: p for p in plan.parts if p.kind == "block" and p.number == plan.blocks}
    features = {name: last[name].shape[0] for name in plan.spec.streams}
    if plan.is_c3d:
        channels, *sizes = last[plan.spec.streams[0]].shape
        features = {plan.spec.streams[0]: channels * sizes[0] * sizes[1] * sizes[2]}
    for stream, count in features.items():
        y = plan.middle(stream)
        g.box(ax, left, y - SQUEEZE[1] / 2, SQUEEZE, colour_of(stream))
        words = "" if plan.is_c3d else "GAP"
        x, small = left + SQUEEZE[0] / 2, {"size_pt": SMALL_PT}
        g.write(ax, x, y - 0.08, words, role="squeeze", **small)
        g.write(ax, x, y + 0.08, f"{count:,}", role="features", **small)
    if len(features) > 1:
        _draw_concatenation(ax, plan, features)
    _draw_dense(ax, plan)


def _draw_concatenation(ax: Axes, plan: Plan, features: dict[str, int]) -> None:
    """A bar in which every stream has its share of the features."""
    total, start = sum(features.values()), plan.left(plan.blocks + 1) + SQUEEZE[0]
    y, height = HEAD + 0.2, LANE * len(features) - 0.5
    for stream, count in features.items():
        share, colour = height * count / total, colour_of(stream)
        style = {"fc": g.tint(colour, 0.45), "ec": colour, "lw": g.LINE_PT, "zorder": 2}
        ax.add_artist(Rectangle((plan.bar, y), BAR_WIDTH, share, **style))
        g.line(ax, (start, plan.middle(stream)), (plan.bar, y + share / 2), colour=colour)
        y += share
    g.write(ax, plan.bar + BAR_WIDTH / 2, y + 0.1, f"{total:,}", size_pt=SMALL_PT, role="features")


def _draw_dense(ax: Axes, plan: Plan) -> None:
    y, left = HEAD + LANE * len(plan.spec.streams) / 2, plan.first_dense
    for part in plan.dense:
        g.line(ax, (left - NARROW_GAP, y), (left, y))
        g.box(ax, left, y - DENSE[1] / 2, DENSE, g.FAINT)
        x, end = left + DENSE[0] / 2, "softmax" if part is plan.dense[-1] else "ReLU, dropout"
        g.write(ax, x, y - 0.2, f"dense {part.shape[0]:,}", weight="bold", role="dense")
        g.write(ax, x, y, end, size_pt=SMALL_PT, role="activation")
        words = f"{part.parameters:,} par."
        g.write(ax, x, y + 0.2, words, size_pt=SMALL_PT, role="parameters", color=g.FAINT)
        left += DENSE[0] + NARROW_GAP


def _draw_key(ax: Axes, plan: Plan) -> None:
    for place, words in enumerate(_key(plan)):
        y = plan.size[1] - FOOT + 0.14 + 0.15 * place
        g.write(ax, MARGIN, y, words, size_pt=SMALL_PT, ha="left", color=g.FAINT, role="key")


def _key(plan: Plan) -> tuple[str, str]:
    ranks = {len(stream_shape(stream)) - 1 for stream in plan.spec.streams}
    letters = "x y z s o with its longest side: kernel of conv_x to conv_o. "
    letters += "r: reduction. " if plan.has_units else ""
    pooled = "the size after pooling by 2" if not plan.is_c3d else "the size after pooling"
    return (
        f"Bold: channels that leave the block; beside it {pooled}, {_sizes(ranks)}. "
        "par.: parameters, Keras' total.",
        ("Kernels of 3 × 3 × 3: " if plan.is_c3d else f"{letters}Kernels to one scale: ")
        + "; ".join(KERNEL_AXES[rank] for rank in sorted(ranks))
        + ".",
    )


def _sizes(ranks: set[int]) -> str:
    names = {2: "mel bands × frames", 3: "rows × columns × frames"}
    return " or ".join(names[rank] for rank in sorted(ranks))
