"""A 2D convolution whose weights' gradient is found apart, where oneDNN is slow at it: on AVX2."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

MANY_CHANNELS = 32
FEW_TAPS = 9


def has_slow_weight_gradient(x: Tensor, weight: Tensor) -> bool:
    """Where oneDNN's gradient is the slow part of a step: on AVX2."""
    return (
        torch.is_grad_enabled()
        and weight.requires_grad
        and x.ndim == 4
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and min(weight.shape[:2]) >= MANY_CHANNELS
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
    )


def convolve_by_parts(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, M, L) to (B, filters, M, L), stride 1, 'same'."""
    return _ByParts.apply(x, weight, bias, tuple(n // 2 for n in weight.shape[2:]))


class _ByParts(torch.autograd.Function):
    """A convolution whose weights' gradient is found apart from its input's."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.has_bias = padding, bias is not None
        return F.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        few = weight.shape[2:].numel() <= FEW_TAPS
        to_x = _gradient(g, x, weight, ctx.padding)[0] if ctx.needs_input_grad[0] else None
        by = _weight_gradient_by_taps if few else _weight_gradient_channels_first
        return to_x, by(g, x, weight, ctx.padding), g.sum((0, 2, 3)) if ctx.has_bias else None, None


def _gradient(g: Tensor, x: Tensor, weight: Tensor, padding: tuple, *, of_weight=False) -> tuple:
    wanted = [not of_weight, of_weight, False]
    rest = ([1, 1], padding, [1, 1], False, [0, 0], 1, wanted)
    return torch.ops.aten.convolution_backward(g, x, weight, None, *rest)


def _weight_gradient_channels_first(g: Tensor, x: Tensor, weight: Tensor, padding: tuple) -> Tensor:
    """Quicker than channels last, the copies included."""
    first = (tensor.contiguous() for tensor in (g, x, weight))
    return _gradient(*first, padding, of_weight=True)[1]


def _weight_gradient_by_taps(g: Tensor, x: Tensor, weight: Tensor, padding: tuple) -> Tensor:
    """One matrix product for every place in the kernel, of views: for few places the quickest."""
    g, x = g.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)
    result = g.new_zeros(*weight.shape[2:], *weight.shape[:2])
    for i, j in torch.cartesian_prod(*map(torch.arange, weight.shape[2:])).tolist():
        rows, x_rows = _overlap(i - padding[0], g.shape[1])
        columns, x_columns = _overlap(j - padding[1], g.shape[2])
        for clip, x_clip in zip(g[:, rows, columns], x[:, x_rows, x_columns], strict=True):
            result[i, j] += torch.bmm(clip.transpose(1, 2), x_clip).sum(0)
    return result.permute(2, 3, 0, 1)


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Where outputs stand, and the inputs that lie `shift` further on."""
    first, last = max(0, -shift), min(size, size - shift)
    return slice(first, last), slice(first + shift, last + shift)
