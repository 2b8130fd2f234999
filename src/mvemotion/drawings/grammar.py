"""The drawings' one visual language: boxes, lines, kernels and words, in units of an inch.

y runs downwards. Words are sized in the drawing's units too, so that a drawing keeps its look, and
stays free of overlaps, in Axes of any size. Artists are added without a look at the data limits,
which are set once.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, Polygon
from matplotlib.text import Text

MODALITY_COLOURS = {  # Tol's high-contrast scheme: told apart by colour-blind readers and in grey
    "music": "#DDAA33",
    "video": "#004488",
    "face": "#BB5566",
}
INK, FAINT, EXCHANGE = "black", "0.40", "0.45"  # words, lesser words, SE and MMTM
TINT = 0.86  # share of white in what fills a box
WORDS_PT = 7.5
LINE_PT = 1.1
CORNER = 0.05  # inches
DEPTH = (0.42, -0.42)  # of one frame of a 3D kernel, in cells to the right and upwards


class Label(Text):
    """Words of a drawing; `role` says what they tell, for whoever reads the Axes' texts."""

    def __init__(self, x: float, y: float, words: str, *, size_pt: float, role: str, **style):
        super().__init__(x, y, words, **style)
        self._size_pt = size_pt
        self.set_gid(role)

    def draw(self, renderer):
        self._scale()
        super().draw(renderer)

    def get_window_extent(self, renderer=None, dpi=None):
        self._scale()
        return super().get_window_extent(renderer, dpi)

    def _scale(self) -> None:
        left, right = self.axes.transData.transform([(0, 0), (1, 0)])[:, 0]
        size = self._size_pt * (right - left) / self.figure.dpi
        if abs(size - self.get_fontsize()) > 1e-6:
            self.set_fontsize(size)


def start(ax: Axes, size: tuple[float, float]) -> Axes:
    """Empty Axes of (width, height) inches, y downwards, without spines or ticks."""
    width, height = size
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.set_axis_off()
    return ax


def write(
    ax: Axes, x: float, y: float, words: str, *, size_pt: float = WORDS_PT, role: str = "", **style
) -> Label:
    """Words, centred unless `style` says otherwise."""
    style = {"ha": "center", "va": "center", "color": INK} | style
    return ax.add_artist(Label(x, y, words, size_pt=size_pt, role=role, **style))


def box(ax: Axes, left: float, top: float, size: tuple[float, float], colour: str) -> None:
    """A rounded box with a tint of its colour inside."""
    style = f"round,pad=0,rounding_size={CORNER}"
    fill = {"fc": tint(colour, TINT), "ec": colour, "lw": LINE_PT}
    ax.add_artist(FancyBboxPatch((left, top), *size, boxstyle=style, zorder=2, **fill))


def line(ax: Axes, *points: tuple[float, float], colour: str = FAINT, head: bool = True) -> None:
    """Straight pieces from point to point, with an arrow's head where they end."""
    xs, ys = zip(*points, strict=True)
    ax.plot(xs, ys, color=colour, lw=LINE_PT, zorder=1, solid_joinstyle="round")
    if head:
        _head(ax, points[-2], points[-1], colour)


def kernel(ax: Axes, x: float, y: float, sizes: Sequence[int], *, cell: float, colour: str) -> None:
    """A kernel to scale, centred at (x, y): its height is mel bands or rows, its width time.

    In 3D its width is columns and its depth, to the upper right, frames. `cell` is the side of one
    weight in inches.
    """
    rows, columns, frames = (*sizes, 0)[:3]
    right, up = DEPTH[0] * frames * cell, DEPTH[1] * frames * cell
    high, wide = rows * cell, columns * cell
    left, top = x - (wide + right) / 2, y - (high + up) / 2
    front = [(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)]
    faces = [(front, 0.35)]
    if frames:
        back = [(px + right, py + up) for px, py in front]
        faces += [([front[0], front[1], back[1], back[0]], 0.7)]
        faces += [([front[1], front[2], back[2], back[1]], 0.1)]
    for corners, share in faces:
        ax.add_artist(Polygon(corners, fc=tint(colour, share), ec=colour, lw=0.5, zorder=3))


def kernel_size(sizes: Sequence[int]) -> tuple[float, float]:
    """Width and height that `kernel` takes, in cells."""
    rows, columns, frames = (*sizes, 0)[:3]
    return columns + DEPTH[0] * frames, rows - DEPTH[1] * frames


def tint(colour: str, share: float) -> tuple[float, float, float]:
    """The colour with this share of white."""
    return tuple(channel + (1 - channel) * share for channel in to_rgb(colour))


def by(sizes: Sequence[int]) -> str:
    """Sizes as they are read: ``64 × 646``."""
    return " × ".join(map(str, sizes))


def _head(ax: Axes, before: tuple[float, float], tip: tuple[float, float], colour: str) -> None:
    length = ((tip[0] - before[0]) ** 2 + (tip[1] - before[1]) ** 2) ** 0.5
    dx, dy = ((tip[0] - before[0]) / length, (tip[1] - before[1]) / length)
    base = (tip[0] - 0.07 * dx, tip[1] - 0.07 * dy)
    corners = [tip, (base[0] - 0.03 * dy, base[1] + 0.03 * dx)]
    corners.append((base[0] + 0.03 * dy, base[1] - 0.03 * dx))
    ax.add_artist(Polygon(corners, fc=colour, ec="none", zorder=3))
