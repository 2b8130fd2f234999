"""Drawings of the networks, made from their specifications (Figures 2-4)."""

from mvemotion.drawings.blocks import block_size, draw_block
from mvemotion.drawings.costs import Variant, costs_size, draw_costs, variants
from mvemotion.drawings.fields import draw_receptive_fields, receptive_fields
from mvemotion.drawings.kernels import draw_kernels, kernels_size
from mvemotion.drawings.networks import draw_network, network_size
from mvemotion.drawings.showing import show

__all__ = [
    "Variant",
    "block_size",
    "costs_size",
    "draw_block",
    "draw_costs",
    "draw_kernels",
    "draw_network",
    "draw_receptive_fields",
    "kernels_size",
    "network_size",
    "receptive_fields",
    "show",
    "variants",
]
