"""The drawings with sliders and menus, for a notebook that somebody sits at.

On paper, or without a kernel behind them, they show nothing: each has its static drawing.
"""

from collections.abc import Callable
from math import prod

import ipywidgets as widgets
from matplotlib.figure import Figure

from mvemotion.drawings.costs import costs_size, draw_costs, variants
from mvemotion.drawings.networks import draw_network, network_size
from mvemotion.drawings.showing import to_png
from mvemotion.specs import MODALITIES, list_networks, stream_shape

SIDES = (1, 13)  # of kernels, from A0's smallest to its largest


def explore_costs() -> widgets.VBox:
    """Sliders for a kernel's side, channels and filters; the four columns of Figure 2 follow."""
    controls = {
        "modality": widgets.ToggleButtons(options=MODALITIES, value="video"),
        "n": widgets.IntSlider(5, *SIDES, step=2, description="side n"),
        "channels": widgets.IntSlider(3, 1, 64, description="channels in"),
        "filters": widgets.IntSlider(16, 1, 64, description="filters"),
    }
    return _show(_draw_costs, controls)


def explore_networks() -> widgets.VBox:
    """A menu of every row of Tables 2-6, and its drawing."""
    menu = widgets.Dropdown(options=list_networks(), value="video_a3_mmtm", description="network")
    return _show(_draw_network, {"network": menu})


def _show(draw: Callable[..., bytes], controls: dict[str, widgets.Widget]) -> widgets.VBox:
    """Controls above what `draw` makes of their values, anew whenever one is moved.

    The picture is a widget of its own, not a captured output: these can stop a notebook that is
    run without anybody there, waiting for each other.
    """
    picture = widgets.Image(format="png", layout={"max_width": "100%"})

    def update(_change=None) -> None:
        picture.value = draw(**{name: control.value for name, control in controls.items()})

    for control in controls.values():
        control.observe(update, "value")
    update()
    return widgets.VBox([*controls.values(), picture])


def _draw_costs(modality: str, n: int, channels: int, filters: int) -> bytes:
    size = stream_shape(modality)[1:]
    counts = {"channels": channels, "filters": filters, "positions": prod(size), "rank": len(size)}
    figure = Figure(costs_size(), layout="constrained")
    draw_costs(variants(n, **counts), ax=figure.subplots())
    return to_png(figure)


def _draw_network(network: str) -> bytes:
    figure = Figure(network_size(network), layout="constrained")
    draw_network(network, ax=figure.subplots())
    return to_png(figure)
