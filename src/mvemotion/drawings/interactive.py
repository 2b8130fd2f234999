"""The drawings with sliders and menus, for a notebook that somebody sits at.

On paper, or without a kernel behind them, they show nothing: each has its static drawing.
"""

from math import prod

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display

from mvemotion.drawings.costs import costs_size, draw_costs, variants
from mvemotion.drawings.networks import draw_network, network_size
from mvemotion.specs import MODALITIES, list_networks, stream_shape

SIDES = (1, 13)  # of kernels, from A0's smallest to its largest


def explore_costs() -> None:
    """Sliders for a kernel's side, channels and filters; the four variants of Figure 2 follow."""
    controls = {
        "modality": widgets.ToggleButtons(options=MODALITIES, value="video"),
        "n": widgets.IntSlider(5, *SIDES, step=2, description="side n"),
        "channels": widgets.IntSlider(3, 1, 64, description="channels in"),
        "filters": widgets.IntSlider(16, 1, 64, description="filters"),
    }
    _show(_draw_costs, controls)


def explore_networks() -> None:
    """A menu of every row of Tables 2-6, and its drawing."""
    menu = widgets.Dropdown(options=list_networks(), value="video_a3_mmtm", description="network")
    _show(_draw_network, {"network": menu})


def _show(draw, controls: dict) -> None:
    """Controls above what `draw` makes of their values, anew whenever one is moved."""
    output = widgets.interactive_output(draw, controls)
    display(widgets.VBox([*controls.values(), output]))


def _draw_costs(modality: str, n: int, channels: int, filters: int) -> None:
    size = stream_shape(modality)[1:]
    counts = {"channels": channels, "filters": filters, "positions": prod(size), "rank": len(size)}
    _, ax = plt.subplots(figsize=costs_size())
    draw_costs(variants(n, **counts), ax=ax)
    plt.show()


def _draw_network(network: str) -> None:
    _, ax = plt.subplots(figsize=network_size(network))
    draw_network(network, ax=ax)
    plt.show()
