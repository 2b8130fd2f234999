"""Multiply-adds of layers and networks from their shapes; nothing is computed.

The convolutions of the paper's networks keep the size of their input and their poolings halve it,
so that arithmetic is enough. PyTorch's own pass of shapes takes 80 ms a network.
"""

from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor, nn

from mvemotion.layers import DenseBlock

Size = tuple[int, ...]  # (M, L) or (H, W, T)


def halved(size: Size) -> Size:
    """What `pooling.max_pool` leaves of a size: odd ones round up."""
    return tuple(-(-n // 2) for n in size)


def multiply_adds(module: nn.Module, size: Size = ()) -> int:
    """Of one clip in all convolutions of a module, with outputs of this size, and dense layers."""
    layers = list(module.modules())
    convolutions = sum(m.weight.numel() for m in layers if isinstance(m, nn.Conv2d | nn.Conv3d))
    dense = sum(m.weight.numel() for m in layers if isinstance(m, nn.Linear))
    return convolutions * prod(size) + dense


def in_block(block: DenseBlock, size: Size) -> int:
    """Multiply-adds of one clip of this size in a block; it pools before its last convolution."""
    before = (block.conv_x, block.conv_y, block.conv_z, block.conv_s)
    last = multiply_adds(block.conv_o, halved(size))
    return sum(multiply_adds(layer, size) for layer in before) + last


def through_layers(layers: Iterable[nn.Module], size: Size) -> tuple[int, Size]:
    """Multiply-adds of convolutions with paddings and poolings between them, and the size left.

    The size holds a zero where a pooling found too little; no padding makes up for that.
    """
    total = 0
    for layer in layers:
        if isinstance(layer, nn.ConstantPad3d):  # its pairs begin with the last axis
            ends = zip(layer.padding[::2], layer.padding[1::2], strict=True)
            widths = [sum(pair) for pair in ends][::-1]
            size = tuple(n and n + width for n, width in zip(size, widths, strict=True))
        elif isinstance(layer, nn.MaxPool3d):
            size = tuple(n // k for n, k in zip(size, layer.kernel_size, strict=True))
        else:
            total += multiply_adds(layer, size)
    return total, size


def by_running(network: nn.Module, shapes: dict[str, tuple[int, ...]]) -> int:
    """The same of any network on the meta device, by passing shapes (C, ...) through it."""
    counts = []

    def count(layer: nn.Module, _inputs, output: Tensor) -> None:
        counts.append(output.numel() * layer.weight[0].numel())

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear)
    ]
    try:
        with torch.no_grad():
            network({name: torch.empty(1, *shape, device="meta") for name, shape in shapes.items()})
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)
