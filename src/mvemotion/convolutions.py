"""Convolutions that are `nn.Conv2d` and `nn.Conv3d`, and go a quicker way where a CPU is slow.

Weights, outputs and gradients are those of the plain layers up to rounding; a GPU, shapes alone
(the meta device) and whatever is not named here take PyTorch's own way. What each detour gains is
measured by `benchmarks/networks.py`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

BAND = 8  # outputs side by side: as many 32-bit numbers as a vector of AVX2 has
SLOW_INPUT = 20_480  # PyTorch takes a slow path for one clip below this (in B * C * H * W)
MANY_CHANNELS = 32
FEW_TAPS = 9


class _Convolution:
    """What `Convolution2d` and `Convolution3d` share, to stand before PyTorch's class."""

    def forward(self, x: Tensor, more: Tensor | None = None) -> Tensor:
        """(B, C, ...) to (B, filters, ...); of both inputs' concatenation, if there are two."""
        if more is None:
            return super().forward(x)
        if not self._is_banded(x):
            return super().forward(torch.cat([x, more], 1))
        weights = self.weight.split([x.shape[1], more.shape[1]], 1)  # adding one channel is cheap
        of_x = self._conv_forward(x, weights[0], self.bias)
        return of_x + self._conv_forward(more, weights[1], None)

    def _is_banded(self, x: Tensor) -> bool:
        return x.device.type == "cpu" and _band(x, self.weight) is not None


class Convolution2d(_Convolution, nn.Conv2d):
    """`nn.Conv2d` with stride 1."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._is_banded(x):
            return _banded(x, weight, bias, *_band(x, weight))
        if _has_slow_weight_gradient(x, weight):
            return _ByParts.apply(x, weight, bias, self.padding)
        return super()._conv_forward(x, weight, bias)


class Convolution3d(_Convolution, nn.Conv3d):
    """`nn.Conv3d` with stride 1."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._is_banded(x):
            return _banded(x, weight, bias, *_band(x, weight))
        if _is_slow_alone(x, weight):
            return super()._conv_forward(torch.cat([x, x]), weight, bias)[:1]
        return super()._conv_forward(x, weight, bias)


def _band(x: Tensor, weight: Tensor) -> tuple[int, int] | None:
    """(axis, outputs side by side) of a convolution with one filter, which leaves lanes idle."""
    axes = [axis for axis in range(2, x.ndim) if weight.shape[axis] > 1]
    if weight.shape[0] > 1 or not axes:
        return None
    width = math.gcd(x.shape[axes[-1]], BAND)
    return (axes[-1], width) if width > 1 else None


def _banded(x: Tensor, weight: Tensor, bias: Tensor | None, axis: int, width: int) -> Tensor:
    """`width` neighbouring outputs as the filters of one convolution with stride `width`.

    Each is the kernel shifted by one: together, a banded (Toeplitz) matrix. Its zeros cost less
    than idle lanes: 4 times quicker forward, twice backward.
    """
    before_last = [0, 0] * (x.ndim - 1 - axis)
    shifted = [F.pad(weight, [*before_last, i, width - 1 - i]) for i in range(width)]
    kernel, biases = torch.cat(shifted), None if bias is None else bias.repeat(width)
    stride = [width if i == axis else 1 for i in range(2, x.ndim)]
    padding = [n // 2 for n in weight.shape[2:]]
    convolve = F.conv2d if x.ndim == 4 else F.conv3d
    y = convolve(x, kernel, biases, stride, padding)
    return y.movedim(1, axis).flatten(axis - 1, axis).unsqueeze(1)


def _is_slow_alone(x: Tensor, weight: Tensor) -> bool:
    """Whether PyTorch would not give this single clip to oneDNN, as it does with two of them."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or len(x) != 1:
        return False
    kernel = weight.shape[-2:]
    return x.shape[1:4].numel() <= SLOW_INPUT and min(kernel) <= 3 and max(kernel) > 1


def _has_slow_weight_gradient(x: Tensor, weight: Tensor) -> bool:
    """oneDNN's, channels last, without AVX-512: two to four times its forward pass."""
    return (
        torch.is_grad_enabled()
        and weight.requires_grad
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and min(weight.shape[:2]) >= MANY_CHANNELS
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
    )


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
    """1.5 times quicker than channels last, the copies included."""
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
