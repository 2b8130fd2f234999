"""Max pooling by two as PyTorch's, and quicker on a CPU: axis by axis, without its indices."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

MAX_POOLS = {2: F.max_pool2d, 3: F.max_pool3d}


def max_pool(x: Tensor) -> Tensor:
    """Non-overlapping 'same' max pooling by two: odd sizes round up, as Keras does.

    Where several values of a cell are its greatest, one of them gets all of the gradient: not
    always PyTorch's, which is the first in memory. On a CPU it can be differentiated once.

    Parameters
    ----------
    x : (B, C, ...) float tensor
        With two or three axes after C.
    """
    is_even = not any(size % 2 for size in x.shape[2:])
    if x.device.type != "cpu" or not is_even:
        return MAX_POOLS[x.ndim - 2](x, 2, ceil_mode=True)
    for axis in range(2, x.ndim):
        x = _HalvedAxis.apply(x, axis) if x.requires_grad else torch.maximum(*_pairs(x, axis))
    return x


def _pairs(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Each first and each second neighbour along an axis: views."""
    places = (slice(None),) * axis
    return x[(*places, slice(0, None, 2))], x[(*places, slice(1, None, 2))]


class _HalvedAxis(torch.autograd.Function):
    """The greater of two neighbours; what is kept for the gradient is one byte a pair."""

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
        to_x, nothing = torch.empty_like(ctx.like, device=g.device), g.new_zeros(())
        first, second = _pairs(to_x, ctx.axis)
        torch.where(is_second, nothing, g, out=first)
        torch.where(is_second, g, nothing, out=second)
        return to_x, None
