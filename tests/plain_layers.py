"""The networks' layers as the paper writes them, by PyTorch's own operations and no other.

What `mvemotion` computes must equal this, and what it gains is measured against this.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mvemotion.layers import DenseBlock

CONVOLUTIONS = {2: F.conv2d, 3: F.conv3d}
MAX_POOLS = {2: F.max_pool2d, 3: F.max_pool3d}


def make_plain(network: nn.Module) -> nn.Module:
    """Let every convolution and block of a network (or a block alone) go the plain way."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.forward = partial(plain_convolution, module)
        elif isinstance(module, DenseBlock):
            module.forward = partial(plain_block, module)
    return network


def plain_convolution(layer: nn.Module, x: Tensor) -> Tensor:
    return CONVOLUTIONS[x.ndim - 2](x, layer.weight, layer.bias, padding=layer.padding)


def plain_pool(x: Tensor) -> Tensor:
    return MAX_POOLS[x.ndim - 2](x, 2, ceil_mode=True)


def plain_block(block: DenseBlock, x: Tensor) -> Tensor:
    """The dense residual block in the paper's order: concatenate, normalise (A0), pool, add."""
    a = block.conv_x(x).relu()
    b = block.conv_y(block.norm_x(torch.cat([x, a], 1))).relu()
    d = block.conv_z(block.norm_y(torch.cat([x, b], 1))).relu()
    s = block.conv_s(x).relu()
    main = plain_pool(block.norm_z(torch.cat([x, d], 1)))
    skip = plain_pool(block.norm_s(torch.cat([x, s], 1)))
    return block.norm_o(block.conv_o(main + skip).relu())
