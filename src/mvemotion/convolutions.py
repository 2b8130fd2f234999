"""Convolutions that are `nn.Conv2d` and `nn.Conv3d`, and go a quicker way where a CPU is slow.

Weights, outputs and gradients are those of the plain layers up to rounding; a GPU, shapes alone
(the meta device) and whatever is not named here take PyTorch's own way. What the detours gain is
measured by `benchmarks/switches.py`.

A CPU multiplies 8 (AVX2) or 16 (AVX-512) filters by a value at once, and in bfloat16 (AMX) 16
filters by 32 channels at 16 places. The first blocks of A0 and A2 have 1 to 8 filters of 2 to 11
channels: most of that would be idle. So neighbours along an axis become channels (`_folded`) or
filters (`_banded`), by kernels that hold the same weights several times, shifted, and zeros
elsewhere. Multiplying by these zeros costs less than idling. The long 3D kernels of A0 are not
moved over their input at all, but multiplied by it as spectra (`fourier`).
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mvemotion.fourier import convolve_by_spectra, is_quicker_by_spectra
from mvemotion.weight_gradients import convolve_by_parts, has_slow_weight_gradient

CONVOLVE = {4: F.conv2d, 5: F.conv3d}
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
BAND = 8  # outputs of one filter side by side
FEW_CHANNELS, MANY_CHANNELS = 8, 16
MOST_FOLDED = 4
SLOW_INPUT = 20_480  # PyTorch takes a slow path for one clip below this (in C * H * W)
TILE_ROWS = range(12, 17)  # places that AMX multiplies at once, best if they divide a row
LONG_ROW = 160
WORTH_A_COPY = 150  # multiply-adds for every value that is read and written


class _Convolution:
    """What `Convolution2d` and `Convolution3d` share, to stand before PyTorch's class."""

    def __init__(self, channels: int, filters: int, kernel: tuple[int, ...], *, bias: bool = True):
        super().__init__(channels, filters, kernel, padding=[n // 2 for n in kernel], bias=bias)

    def forward(self, x: Tensor, more: Tensor | None = None) -> Tensor:
        """(B, C, ...) to (B, filters, ...); of both inputs' concatenation, if there are two."""
        if more is None:
            return super().forward(x)
        if x.device.type != "cpu" or not (
            band_width(x, self.weight) and band_width(more, self.weight)
        ):
            return super().forward(torch.cat([x, more], 1))
        weights = self.weight.split([x.shape[1], more.shape[1]], 1)  # adding one channel is cheap
        of_x = self._conv_forward(x, weights[0], self.bias)
        return of_x + self._conv_forward(more, weights[1], None)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.device.type != "cpu":
            return super()._conv_forward(x, weight, bias)
        return convolve(x, weight, bias)


class Convolution2d(_Convolution, nn.Conv2d):
    """`nn.Conv2d` with stride 1 and 'same' padding, for odd kernels."""


class Convolution3d(_Convolution, nn.Conv3d):
    """`nn.Conv3d` with stride 1 and 'same' padding, for odd kernels."""


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, ...) to (B, filters, ...) on a CPU, the quickest way known for these shapes."""
    if is_quicker_by_spectra(x, weight, lanes=_lanes(x), is_bfloat16=is_bfloat16(x)):
        return convolve_by_spectra(x, weight, bias).to(_precision(x))
    if any(missing := places_missing(x, weight)):
        return _with_zeros_behind(convolve, x, weight, bias, [*missing, 0])
    if width := band_width(x, weight):
        return _banded(x, weight, bias, width)
    if width := fold_width(x, weight):
        return _folded(x, weight, bias, width)
    if surplus := row_surplus(x, weight):
        return _with_zeros_behind(_same, x, weight, bias, [0, surplus])
    if has_slow_weight_gradient(x, weight):
        return convolve_by_parts(x, weight, bias)
    return _same(x, weight, bias)


# --- Which way ------------------------------------------------------------------------------------
def places_missing(x: Tensor, weight: Tensor) -> list[int]:
    """Zeros behind all axes but the last to make them as long as the kernel.

    They are in bfloat16: there, with AVX-512, oneDNN 3.10 of PyTorch 2.11 writes the gradients of
    longer kernels in part only, or beyond their end.
    """
    is_short = is_bfloat16(x)
    sizes = zip(weight.shape[2:-1], x.shape[2:-1], strict=True)
    return [max(length - size, 0) if is_short else 0 for length, size in sizes]


def band_width(x: Tensor, weight: Tensor) -> int:
    """Outputs of a lone filter that are found side by side; 0 if none are.

    None are in bfloat16 from 2D inputs of few channels: oneDNN 3.10, which PyTorch 2.11 brings,
    gives wrong numbers there, with AMX and this stride (to fold is quicker, besides); nor where
    the band were longer than the input (see `places_missing`).
    """
    if weight.shape[0] > 1 or max(weight.shape[2:]) == 1:
        return 0
    if x.ndim == 4 and x.shape[1] < MANY_CHANNELS and is_bfloat16(x):
        return 0
    axis = _last_axis(weight)
    width = math.gcd(x.shape[axis], BAND)
    is_longer = weight.shape[axis] + width - 1 > x.shape[axis]
    return 0 if width == 1 or (is_longer and is_bfloat16(x)) else width


def fold_width(x: Tensor, weight: Tensor) -> int:
    """Places along the last axis that become channels; 0 if none do."""
    filters, channels = weight.shape[:2]
    if max(weight.shape[2:]) == 1:
        return 0
    width = min(max(_lanes(x) // filters, 1), MOST_FOLDED)
    if is_bfloat16(x):
        width = max(width, 2 if channels < FEW_CHANNELS else 1)
    elif not _pays_in_32_bits(x, weight):
        return 0
    width = math.gcd(x.shape[-1], width)
    return width if width > 1 else 0


def _pays_in_32_bits(x: Tensor, weight: Tensor) -> bool:
    """In 32 bits, folding loses where most of the larger kernel's weights are zero."""
    return (
        x.dtype == torch.float32 and weight.shape[-1] > 1 and (x.ndim == 4 or weight.shape[2] == 1)
    )


def row_surplus(x: Tensor, weight: Tensor) -> int:
    """Zeros behind a row, so that AMX has whole tiles; 0 if they would not pay."""
    row, (filters, channels) = x.shape[-1], weight.shape[:2]
    work = weight.shape[2:].numel() * filters * channels / (filters + channels)
    if not is_bfloat16(x) or x.ndim != 4 or row < LONG_ROW or weight.shape[-1] == 1:
        return 0
    return min(-row % n for n in TILE_ROWS) if work > WORTH_A_COPY else 0


def _lanes(x: Tensor) -> int:
    """Filters that are multiplied at once."""
    wide = is_bfloat16(x) or "AVX512" in torch.backends.cpu.get_cpu_capability()
    return 16 if wide else 8


def is_bfloat16(x: Tensor) -> bool:
    """Whether a layer gets it so on a CPU."""
    return _precision(x) == torch.bfloat16


def _precision(x: Tensor) -> torch.dtype:
    """What a layer gets on a CPU: x as it is, or cast by autocast."""
    is_cast = x.dtype == torch.float32 and torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if is_cast else x.dtype


def _last_axis(weight: Tensor) -> int:
    """The last that the kernel covers."""
    return max(axis for axis in range(2, weight.ndim) if weight.shape[axis] > 1)


# --- How ------------------------------------------------------------------------------------------
def _with_zeros_behind(
    how: Callable, x: Tensor, weight: Tensor, bias: Tensor | None, zeros: Sequence[int]
) -> Tensor:
    """`how` of a longer input, with so many zeros behind each axis, cut to the size of x again."""
    y = how(F.pad(x, [n for behind in reversed(zeros) for n in (0, behind)]), weight, bias)
    for axis, size in enumerate(x.shape[2:], start=2):
        y = y.narrow(axis, 0, size)
    return y.contiguous(memory_format=LAYOUTS[x.ndim])


def _same(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return _convolve(x, weight, bias, [n // 2 for n in weight.shape[2:]])


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Sequence[int],
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """PyTorch's own; a single clip twice, where PyTorch would not give it alone to oneDNN."""
    if _is_slow_alone(x, weight):
        return CONVOLVE[x.ndim](torch.cat([x, x]), weight, bias, stride, padding)[:1]
    return CONVOLVE[x.ndim](x, weight, bias, stride, padding)


def _is_slow_alone(x: Tensor, weight: Tensor) -> bool:
    if x.ndim != 5 or len(x) != 1 or x.dtype != torch.float32 or is_bfloat16(x):
        return False
    kernel = weight.shape[-2:]
    return x.shape[1:4].numel() <= SLOW_INPUT and min(kernel) <= 3 and max(kernel) > 1


def _banded(x: Tensor, weight: Tensor, bias: Tensor | None, width: int) -> Tensor:
    """`width` neighbouring outputs as the filters of one convolution with stride `width`.

    Each is the kernel shifted by one: together, a banded (Toeplitz) matrix.
    """
    axis = _last_axis(weight)
    before_last = [0, 0] * (x.ndim - 1 - axis)
    shifted = [F.pad(weight, [*before_last, i, width - 1 - i]) for i in range(width)]
    stride = [width if i == axis else 1 for i in range(2, x.ndim)]
    padding = [n // 2 for n in weight.shape[2:]]
    biases = None if bias is None else bias.repeat(width)
    y = _convolve(x, torch.cat(shifted), biases, padding, stride)
    return y.movedim(1, axis).flatten(axis - 1, axis).unsqueeze(1)


def _folded(x: Tensor, weight: Tensor, bias: Tensor | None, width: int) -> Tensor:
    """`width` neighbours on the last axis as channels, of the input and of the output.

    Channels last, that moves nothing in memory: both are views.
    """
    filters, reach = weight.shape[0], -(-(weight.shape[-1] // 2) // width)  # in folds, either way
    x = x.movedim(1, -1).unflatten(-2, (-1, width)).flatten(-2).movedim(-1, 1)
    padding = [*(n // 2 for n in weight.shape[2:-1]), reach]
    biases = None if bias is None else bias.repeat(width)
    y = _convolve(x, _folded_kernel(weight, width, reach), biases, padding)
    return y.movedim(1, -1).unflatten(-1, (width, filters)).flatten(-3, -2).movedim(-1, 1)


def _folded_kernel(weight: Tensor, width: int, reach: int) -> Tensor:
    """(filters, C, ..., n) to (width * filters, width * C, ..., 2 * reach + 1)."""
    n = weight.shape[-1]
    before = reach * width - n // 2
    after = (2 * reach + 1) * width - n - before
    shifted = torch.stack([F.pad(weight, [before + i, after - i]) for i in range(width)])
    split = shifted.unflatten(-1, (2 * reach + 1, width)).movedim(-1, 2)
    kernel = split.flatten(0, 1).flatten(1, 2)
    return kernel.contiguous(memory_format=LAYOUTS[weight.ndim])
