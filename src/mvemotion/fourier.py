"""3D convolutions with long kernels by way of their spectra: for A0 on a CPU.

A cubic kernel of 9 takes 729 multiply-adds for every value of a channel and every filter. Of the
spectra it takes a few complex products, and the way there and back, by fast Fourier transforms,
serves all filters and channels alike. An input is cut into tiles that overlap by the kernel's
length less one (overlap-save), since a kernel's spectrum is as large as a tile's. Gradients go the
same way. All is in 32 bits or more, whatever the precision of a training; outputs and gradients are
those of the plain convolution up to rounding.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

SPACE = (-3, -2, -1)
OUTPUTS = (4, 8, 16, 32, 64)  # of a tile along an axis, about
LANES = 16  # filters that AVX-512 multiplies at once; fewer leave some of it idle

# Nanoseconds that a core with AVX-512 took in the layers of A0, for
TRANSFORM = 5.0  # a value of a channel, to its spectrum or back
PRODUCT = 0.15  # a value, and a pair of a channel and a filter
KERNEL = 4.0  # a value of a kernel's spectrum
CALL = 1e6  # whatever else there is to do
MULTIPLY_ADD = 0.010  # one of the plain way
MULTIPLY_ADD_BFLOAT16 = 0.0045


@dataclass(frozen=True)
class Tiling:
    """How an input is cut. All is per axis: size of the input, of the kernel, outputs of a tile."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def tiles(self) -> tuple[int, ...]:
        """How many there are."""
        return tuple(-(-n // m) for n, m in zip(self.size, self.outputs, strict=True))

    @property
    def covered(self) -> tuple[int, ...]:
        """Outputs of all tiles: the size, or a little more."""
        return tuple(n * m for n, m in zip(self.tiles, self.outputs, strict=True))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Inputs of a tile: what its outputs need, or a little more."""
        return tuple(_quick(m + k - 1) for m, k in zip(self.outputs, self.kernel, strict=True))

    def nanoseconds(self, channels: int, filters: int) -> float:
        """About what a convolution of one clip takes."""
        of_tile = TRANSFORM * (channels + filters) + PRODUCT * channels * filters
        of_all = math.prod(self.tiles) * of_tile + KERNEL * channels * filters
        return math.prod(self.lengths) * of_all + CALL


@lru_cache(maxsize=1024)
def quickest_tiling(
    size: tuple[int, ...], kernel: tuple[int, ...], channels: int, filters: int
) -> Tiling:
    """Small tiles overlap more; a kernel takes the longer to transform, the larger they are.

    The choice does not depend on the batch, so that no output of a clip does.
    """
    counts = [tuple(max(1, round(n / outputs)) for n in size) for outputs in OUTPUTS]
    outputs = [tuple(-(-n // m) for n, m in zip(size, count, strict=True)) for count in counts]
    tilings = [Tiling(size, kernel, each) for each in outputs]
    return min(tilings, key=lambda tiling: tiling.nanoseconds(channels, filters))


@cache
def _quick(least: int) -> int:
    """The next even length with no prime factor above 13: with one, transforms take far longer."""
    return next(n for n in itertools.count(least + least % 2, 2) if 30030**20 % n == 0)


def is_quicker_by_spectra(x: Tensor, weight: Tensor, *, is_bfloat16: bool) -> bool:
    """Whether `convolve_by_spectra` takes these, and is about to be quicker than the plain way."""
    if x.ndim != 5 or min(weight.shape[2:]) == 1 or 0 in x.shape:
        return False
    of_one = MULTIPLY_ADD_BFLOAT16 if is_bfloat16 else MULTIPLY_ADD
    idle = max(1, LANES / len(weight))
    plain = of_one * idle * x.shape[2:].numel() * weight.numel()
    return _tiling(x, weight).nanoseconds(*weight.shape[1::-1]) < plain


def convolve_by_spectra(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, H, W, T) to (B, filters, H, W, T) in 32 bits or more; stride 1, 'same', on a CPU."""
    y = _BySpectra.apply(_at_least_32_bits(x), _at_least_32_bits(weight))
    return y if bias is None else y.add_(bias.to(y.dtype).view(-1, 1, 1, 1))


class _BySpectra(torch.autograd.Function):
    """A convolution and its gradients. Spectra are not kept: they are larger than x."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _correlate(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        turned = weight.transpose(0, 1).flip(SPACE)
        to_x = _correlate(g, turned) if ctx.needs_input_grad[0] else None
        return to_x, _weight_gradient(g, x, weight) if ctx.needs_input_grad[1] else None


def _correlate(x: Tensor, weight: Tensor) -> Tensor:
    tiling = _tiling(x, weight)
    kernel = _kernel_spectra(weight, tiling)
    y = x.new_empty(len(x), len(weight), *tiling.covered)
    y = y.contiguous(memory_format=torch.channels_last_3d)
    for spectra, slab in zip(_windows(x, tiling), y.split(tiling.outputs[0], 2), strict=True):
        _write_outputs(torch.bmm(spectra, kernel), slab, tiling)
    if tiling.covered == tiling.size:
        return y
    inside = [slice(n) for n in tiling.size]
    return y[:, :, *inside].clone(memory_format=torch.channels_last_3d)


def _weight_gradient(g: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """x correlated with g: spectra are added up, over tiles and clips, before the way back."""
    tiling = _tiling(x, weight)
    pairs = zip(_windows(x, tiling), _outputs(g, tiling), strict=True)
    return _kernel(sum(torch.bmm(of_x.mT, of_g.conj()) for of_x, of_g in pairs), tiling)


def _tiling(x: Tensor, weight: Tensor) -> Tiling:
    sizes = (tuple(tensor.shape[2:]) for tensor in (x, weight))
    return quickest_tiling(*sizes, *weight.shape[1::-1])


def _at_least_32_bits(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


# --- Tiles and their spectra ----------------------------------------------------------------------
def _windows(x: Tensor, tiling: Tiling) -> Iterator[Tensor]:
    """Of inputs that overlap."""
    before = [k // 2 for k in tiling.kernel]
    more = zip(tiling.lengths, tiling.outputs, tiling.kernel, strict=True)
    after = [t - m - k // 2 for t, m, k in more]
    return _spectra(x, before, after, tiling.lengths, tiling)


def _outputs(g: Tensor, tiling: Tiling) -> Iterator[Tensor]:
    """Of outputs side by side, with zeros behind them."""
    return _spectra(g, (0, 0, 0), (0, 0, 0), tiling.outputs, tiling)


def _spectra(
    x: Tensor, before: Sequence[int], after: Sequence[int], widths: Sequence[int], tiling: Tiling
) -> Iterator[Tensor]:
    """(frequencies, tiles, C) of every slab of tiles along the first axis, one after another."""
    missing = [n - size for n, size in zip(tiling.covered, tiling.size, strict=True)]
    ends = zip(before, (m + n for m, n in zip(missing, after, strict=True)), strict=True)
    padded = F.pad(x.contiguous(), [zeros for end in reversed(list(ends)) for zeros in end])
    (_, across, along) = tiling.outputs
    for i in range(tiling.tiles[0]):
        slab = padded.narrow(2, i * tiling.outputs[0], widths[0])
        cut = slab.unfold(3, widths[1], across).unfold(4, widths[2], along)
        tiles = cut.permute(0, 3, 4, 1, 2, 5, 6).flatten(0, 2)
        yield torch.fft.rfftn(tiles, tiling.lengths, SPACE).flatten(2).permute(2, 0, 1).contiguous()


def _write_outputs(spectra: Tensor, slab: Tensor, tiling: Tiling) -> None:
    """Of tiles, (frequencies, tiles, filters), into a slab of (B, filters, H, W, T)."""
    found = spectra.permute(1, 2, 0).unflatten(2, (*tiling.lengths[:2], -1))
    for axis in SPACE[:2]:  # axis by axis, so that what is cut off goes no further
        found = torch.fft.ifft(found, dim=axis).narrow(axis, 0, tiling.outputs[axis])
    found = torch.fft.irfft(found, tiling.lengths[2])[..., : tiling.outputs[2]]
    (_, across, along), (_, width, length) = tiling.tiles, tiling.outputs
    found = found.unflatten(0, (len(slab), across, along)).permute(0, 3, 4, 1, 5, 2, 6)
    slab.unflatten(3, (across, width)).unflatten(5, (along, length)).copy_(found)


# --- Kernels and their spectra --------------------------------------------------------------------
def _kernel_spectra(weight: Tensor, tiling: Tiling) -> Tensor:
    """(filters, C, *kernel) to (frequencies, C, filters), conjugate; by matrices, being short."""
    spectra = weight.permute(2, 3, 4, 1, 0).to(weight.dtype.to_complex())
    for axis, waves in reversed(list(enumerate(_waves(tiling, spectra.dtype)))):
        spectra = _times(waves, spectra, axis)
    return spectra.flatten(0, 2)


def _kernel(spectra: Tensor, tiling: Tiling) -> Tensor:
    """(frequencies, C, filters) to (filters, C, *kernel): the first values of a way back."""
    rows, columns, half = (waves.shape[0] for waves in _waves(tiling, spectra.dtype))
    values = spectra.unflatten(0, (rows, columns, half)) / math.prod(tiling.lengths)
    values[:, :, 1:-1] *= 2  # each stands for two, of which the other is its conjugate
    for axis, waves in enumerate(_waves(tiling, spectra.dtype)):
        values = _times(waves.mT, values, axis)
    return values.real.permute(4, 3, 0, 1, 2)


def _times(matrix: Tensor, tensor: Tensor, axis: int) -> Tensor:
    return (matrix @ tensor.flatten(axis + 1)).unflatten(-1, tensor.shape[axis + 1 :])


@lru_cache(maxsize=64)
def _waves(tiling: Tiling, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """exp(2 pi i f q / length), (frequencies, kernel) per axis; half of them along the last."""
    *others, last = tiling.lengths
    lengths = zip(tiling.lengths, (*others, last // 2 + 1), tiling.kernel, strict=True)
    return tuple(_wave(*each).to(dtype) for each in lengths)


def _wave(length: int, frequencies: int, places: int) -> Tensor:
    turns = torch.outer(*(torch.arange(n, dtype=torch.float64) for n in (frequencies, places)))
    return torch.polar(torch.ones_like(turns), 2 * math.pi / length * turns)
