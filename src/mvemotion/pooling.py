"""Max pooling by two as PyTorch's, and on a CPU axis by axis where that is quicker."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

MAX_POOLS = {2: F.max_pool2d, 3: F.max_pool3d}
FEW_CHANNELS = 8  # PyTorch's loop over them is slow below, in 3D


def max_pool(x: Tensor) -> Tensor:
    """Non-overlapping 'same' max pooling by two: odd sizes round up, as Keras does.

    Where several values of a cell are its greatest, one of them gets all of the gradient: in 3D
    on a CPU not always PyTorch's, which is the first in memory, and it can be differentiated once.

    Parameters
    ----------
    x : (B, C, ...) float tensor
        With two or three axes after C.
    """
    if not _goes_by_axes(x):
        return MAX_POOLS[x.ndim - 2](x, 2, ceil_mode=True)
    for axis in range(2, x.ndim):
        x = _HalvedAxis.apply(x, axis) if x.requires_grad else torch.maximum(*_pairs(x, axis))
    return x


def _goes_by_axes(x: Tensor) -> bool:
    is_quicker = not x.requires_grad or (x.ndim == 5 and x.shape[1] < FEW_CHANNELS)
    return x.device.type == "cpu" and is_quicker and not any(size % 2 for size in x.shape[2:])


def _pairs(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Each first and each second neighbour along an axis: views."""
    places = (slice(None),) * axis
    return x[(*places, slice(0, None, 2))], x[(*places, slice(1, None, 2))]


class _HalvedAxis(torch.autograd.Function):
    """The greater of two neighbours; what is kept for the gradient is one byte a pair.

    The gradient is multiplied by that byte, so that an infinite one becomes NaN beside it.
    """

    @staticmethod
    def forward(ctx, x: Tensor, axis: int) -> Tensor:
        first, second = _pairs(x, axis)
        ctx.save_for_backward(second > first)
        ctx.axis, ctx.like = axis, torch.empty_like(x, device="meta")
        return torch.maximum(first, second)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: Tensor) -> tuple[Tensor, None]:
        (is_second,) = ctx.saved_tensors
        to_x = torch.empty_like(ctx.like, device=g.device)
        first, second = _pairs(to_x, ctx.axis)
        torch.mul(g, is_second, out=second)
        torch.sub(g, second, out=first)
        return to_x, None
