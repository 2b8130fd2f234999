"""3D convolutions with long kernels by way of their spectra: for A0 on a CPU.

A cubic kernel of 9 takes 729 multiply-adds for every value of a channel and every filter. Of the
spectra it takes a few complex products, and the way there and back, by fast Fourier transforms,
serves all filters and channels alike. An input is cut into tiles that overlap by the kernel's
length less one (overlap-save), since a kernel's spectrum is as large as a tile's. Gradients go the
same way. All is in 32 bits or more, whatever the precision of a training; outputs and gradients are
those of the plain convolution up to rounding: of the largest value in a tile, so that what is zero
there may be a ten-millionth of it here, and one infinite value makes a tile of them.
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
OUTPUTS = (4, 8, 16, 32, 64)  # candidates for those of a tile along an axis, roughly
QUICK = 2 * 3 * 5 * 7 * 11 * 13  # prime factors of lengths that are quickly transformed

# Nanoseconds that a core with AVX-512 took in the layers of A0 (not measured: AVX2, AMX), for
TRANSFORM = 5.0  # a value of a channel, to its spectrum or back
PRODUCT = 0.15  # a value, and a pair of a channel and a filter
KERNEL = 4.0  # a value of a kernel's spectrum
CALL = 1e6  # whatever else there is to do
MULTIPLY_ADD = 0.010  # one of the plain way (Intel Xeon)
MULTIPLY_ADD_BFLOAT16 = 0.006  # (AMD EPYC)


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
    """Small tiles overlap more; a kernel takes the longer to transform, the larger they are."""
    counts = [tuple(max(1, round(n / outputs)) for n in size) for outputs in OUTPUTS]
    outputs = [tuple(-(-n // m) for n, m in zip(size, count, strict=True)) for count in counts]
    tilings = [Tiling(size, kernel, each) for each in outputs]
    return min(tilings, key=lambda tiling: tiling.nanoseconds(channels, filters))


@cache
def _quick(least: int) -> int:
    """The next even length that is quickly transformed; others may take eight times longer."""
    return next(n for n in itertools.count(least + least % 2, 2) if QUICK**20 % n == 0)


def is_quicker_by_spectra(x: Tensor, weight: Tensor, *, lanes: int, is_bfloat16: bool) -> bool:
    """Whether `convolve_by_spectra` takes these, and is expected to be quicker than PyTorch's own.

    `lanes` filters are multiplied at once; where there are fewer, some of the processor is idle.
    """
    if x.ndim != 5 or min(weight.shape[2:]) == 1 or not _fit(x, weight):
        return False
    of_one = MULTIPLY_ADD_BFLOAT16 if is_bfloat16 else MULTIPLY_ADD
    idle = max(1, lanes / len(weight))
    plain = of_one * idle * x.shape[2:].numel() * weight.numel()
    return _tiling(x, weight).nanoseconds(*weight.shape[1::-1]) < plain


def _fit(x: Tensor, weight: Tensor) -> bool:
    """Whether there is something to convolve. What does not fit is for PyTorch to refuse."""
    is_alike = x.dtype == weight.dtype or torch.is_autocast_enabled("cpu")
    return is_alike and x.numel() > 0 and x.shape[1] == weight.shape[1]


def convolve_by_spectra(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, H, W, T) to (B, filters, H, W, T) in 32 bits or more; stride 1, 'same', on a CPU."""
    y = _BySpectra.apply(x, weight)
    return y if bias is None else y.add_(bias.to(y.dtype).view(-1, 1, 1, 1))


class _BySpectra(torch.autograd.Function):
    """A convolution and its gradients, once. Spectra are not kept: they are larger than x."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _correlate(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        turned = weight.transpose(0, 1).flip(SPACE)
        to_x = _correlate(g, turned).to(x.dtype) if ctx.needs_input_grad[0] else None
        return to_x, _weight_gradient(g, x, weight) if ctx.needs_input_grad[1] else None


def _correlate(x: Tensor, weight: Tensor) -> Tensor:
    """Clip by clip, so that batches need little memory and change no output of a clip."""
    tiling = _tiling(x, weight)
    kernel = _kernel_spectra(_at_least_32_bits(weight), tiling)
    shape, dtype = (len(x), len(weight), *tiling.covered), kernel.dtype.to_real()
    y = torch.empty(shape, dtype=dtype, memory_format=torch.channels_last_3d)
    for clip, outputs in zip(x.split(1), y.split(1), strict=True):
        slabs = outputs.split(tiling.outputs[0], 2)
        for spectra, slab in zip(_of_windows(clip, tiling), slabs, strict=True):
            _write_outputs(torch.bmm(spectra, kernel), slab, tiling)
    if tiling.covered == tiling.size:
        return y
    inside = [slice(n) for n in tiling.size]
    return y[:, :, *inside].clone(memory_format=torch.channels_last_3d)


def _weight_gradient(g: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """x correlated with g: spectra are added up, over tiles and clips, before the way back."""
    tiling = _tiling(x, weight)
    total = 0
    for clip, to_clip in zip(x.split(1), g.split(1), strict=True):
        pairs = zip(_of_windows(clip, tiling), _of_outputs(to_clip, tiling), strict=True)
        for of_x, of_g in pairs:
            total += torch.bmm(of_x.mT, of_g.conj())
    return _kernel_of(total, tiling).to(weight.dtype)


def _tiling(x: Tensor, weight: Tensor) -> Tiling:
    sizes = (tuple(tensor.shape[2:]) for tensor in (x, weight))
    return quickest_tiling(*sizes, *weight.shape[1::-1])


def _at_least_32_bits(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


# --- Tiles and their spectra ----------------------------------------------------------------------
def _of_windows(x: Tensor, tiling: Tiling) -> Iterator[Tensor]:
    """Spectra of the tiles of an input, which overlap."""
    before = [k // 2 for k in tiling.kernel]
    return _spectra(x, tiling, tiling.lengths, before)


def _of_outputs(g: Tensor, tiling: Tiling) -> Iterator[Tensor]:
    """Spectra of the tiles of an output, side by side, with zeros behind them."""
    return _spectra(g, tiling, tiling.outputs, [0, 0, 0])


def _spectra(
    x: Tensor, tiling: Tiling, widths: Sequence[int], before: Sequence[int]
) -> Iterator[Tensor]:
    """(frequencies, tiles, C) of every slab of tiles along the first axis, one after another.

    A tile is so wide; `before` zeros come before the first, and behind the last what it lacks.
    """
    steps = tiling.outputs
    each = zip(tiling.covered, steps, widths, strict=True)
    needed = [covered - step + width for covered, step, width in each]
    behind = [n - b - size for n, b, size in zip(needed, before, tiling.size, strict=True)]
    ends = zip(reversed(before), reversed(behind), strict=True)
    padded = F.pad(_at_least_32_bits(x).contiguous(), [zeros for pair in ends for zeros in pair])
    for i in range(tiling.tiles[0]):
        slab = padded.narrow(2, i * steps[0], widths[0])
        cut = slab.unfold(3, widths[1], steps[1]).unfold(4, widths[2], steps[2])
        tiles = cut.permute(0, 3, 4, 1, 2, 5, 6).flatten(0, 2)
        yield torch.fft.rfftn(tiles, tiling.lengths, SPACE).flatten(2).permute(2, 0, 1).contiguous()


def _write_outputs(spectra: Tensor, slab: Tensor, tiling: Tiling) -> None:
    """Spectra of tiles, (frequencies, tiles, filters), as a slab of (1, filters, H, W, T)."""
    found = spectra.permute(1, 2, 0).unflatten(2, (*tiling.lengths[:2], -1))
    for axis in SPACE[:2]:  # axis by axis, so that what is cut off goes no further
        found = torch.fft.ifft(found, dim=axis).narrow(axis, 0, tiling.outputs[axis])
    found = torch.fft.irfft(found, tiling.lengths[2])[..., : tiling.outputs[2]]
    (_, across, along), (_, width, length) = tiling.tiles, tiling.outputs
    found = found.unflatten(0, (1, across, along)).permute(0, 3, 4, 1, 5, 2, 6)
    slab.unflatten(3, (across, width)).unflatten(5, (along, length)).copy_(found)


# --- Kernels and their spectra --------------------------------------------------------------------
def _kernel_spectra(weight: Tensor, tiling: Tiling) -> Tensor:
    """(filters, C, *kernel) to (frequencies, C, filters), conjugate; by matrices, being short."""
    spectra = weight.permute(2, 3, 4, 1, 0).to(weight.dtype.to_complex())
    for axis, waves in reversed(list(enumerate(_waves(tiling, spectra.dtype)))):
        spectra = _times(waves, spectra, axis)
    return spectra.flatten(0, 2)


def _kernel_of(spectra: Tensor, tiling: Tiling) -> Tensor:
    """(frequencies, C, filters) to (filters, C, *kernel): the first values of the way back."""
    all_waves = _waves(tiling, spectra.dtype)
    values = spectra.unflatten(0, [len(waves) for waves in all_waves]) / math.prod(tiling.lengths)
    values[:, :, 1:-1] *= 2  # each stands for two, of which the other is its conjugate
    for axis, waves in enumerate(all_waves):
        values = _times(waves.mT, values, axis)
    return values.real.permute(4, 3, 0, 1, 2)


def _times(matrix: Tensor, tensor: Tensor, axis: int) -> Tensor:
    return (matrix @ tensor.flatten(axis + 1)).unflatten(-1, tensor.shape[axis + 1 :])


def _waves(tiling: Tiling, dtype: torch.dtype) -> list[Tensor]:
    """exp(2 pi i f q / length), (frequencies, kernel) per axis; half of them along the last."""
    *others, last = tiling.lengths
    frequencies = (*others, last // 2 + 1)
    each = zip(tiling.lengths, frequencies, tiling.kernel, strict=True)
    return [_wave(*sizes).to(dtype) for sizes in each]


def _wave(length: int, frequencies: int, places: int) -> Tensor:
    turns = torch.outer(*(torch.arange(n, dtype=torch.float64) for n in (frequencies, places)))
    return torch.polar(torch.ones_like(turns), 2 * math.pi / length * turns)
