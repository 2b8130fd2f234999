"""The layers of the paper's networks, each written once for 2D (music) and 3D (video, face).

Tensors are (B, C, M, L) for music and (B, C, H, W, T) for video and face: the axes that a kernel
covers stand in the paper's order, (mel, frames) and (rows, columns, frames).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mvemotion.convolutions import LAYOUTS, Convolution2d, Convolution3d
from mvemotion.errors import InputError
from mvemotion.norms import BatchNorm
from mvemotion.pooling import max_pool
from mvemotion.specs import Block

CONVOLUTIONS = {2: Convolution2d, 3: Convolution3d}

TRUNCATED_NORMAL_STD = 0.87962566103423978  # of a unit normal cut at two standard deviations


def cubic_kernel(n: int, rank: int) -> tuple[int, ...]:
    """(n, n) or (n, n, n): the standard convolution of A0."""
    return (n,) * rank


def wide_kernel(n: int, rank: int) -> tuple[int, ...]:
    """(1, n) or (1, n, n): conv_x and conv_z of the separable blocks (Section 4.1)."""
    return (1,) + (n,) * (rank - 1)


def tall_kernel(n: int, rank: int) -> tuple[int, ...]:
    """(n, 1) or (n, n, 1): conv_y and conv_s of the separable blocks (Section 4.1)."""
    return (n,) * (rank - 1) + (1,)


@torch.no_grad()
def he_normal_(weight: Tensor) -> Tensor:
    """Fill with Keras' `he_normal`: a normal truncated at 2 sd, variance 2 / fan_in after it."""
    if weight.is_meta:  # only its shape is wanted, and PyTorch's fallback would take seconds
        return weight
    fan_in = weight[0].numel()
    std = math.sqrt(2.0 / fan_in) / TRUNCATED_NORMAL_STD
    return nn.init.trunc_normal_(weight, 0.0, std, -2 * std, 2 * std)


def convolution(channels: int, filters: int, kernel: tuple[int, ...], *, bias=True) -> nn.Module:
    """A stride-1 'same' convolution, He-normal, of the kernel's rank.

    Raises
    ------
    InputError
        If the kernel is even on an axis: it would have no middle.
    """
    if not all(n % 2 for n in kernel):
        raise InputError(f"kernel {kernel}: 'same' padding here needs an odd size on every axis")
    layer = CONVOLUTIONS[len(kernel)](channels, filters, kernel, bias=bias)
    he_normal_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def dense(inputs: int, outputs: int) -> nn.Linear:
    """A fully connected layer, Glorot-uniform with zero bias."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def gate_layer(inputs: int, outputs: int) -> nn.Linear:
    """A fully connected layer of a gate: no bias, He-normal (assumption 6)."""
    layer = nn.Linear(inputs, outputs, bias=False)
    he_normal_(layer.weight)
    return layer


def relu(x: Tensor) -> Tensor:
    """In place; not so in a view that is to have gradients: autograd would copy all it views."""
    is_costly = x.device.type == "cpu" and x.requires_grad and x._is_view()
    return F.relu(x, inplace=not is_costly)


class ReLU(nn.Module):
    """`relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


def squeeze(x: Tensor) -> Tensor:
    """Global average pooling, (B, C, ...) to (B, C)."""
    return x.flatten(2).mean(2)


def _unsqueeze_like(gate: Tensor, x: Tensor) -> Tensor:
    return gate.view(*gate.shape, *[1] * (x.ndim - 2))


class ChannelGate(nn.Module):
    """sigmoid(Dense(relu(Dense(z)))) without biases: (B, squeezed) to (B, C) gate."""

    def __init__(self, channels: int, reduction: int, *, squeezed: int | None = None):
        super().__init__()
        self.reduce = gate_layer(squeezed or channels, channels // reduction)
        self.expand = gate_layer(channels // reduction, channels)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.expand(F.relu(self.reduce(z))))


class SpatialGate(nn.Module):
    """sigmoid of a one-filter 1x1 convolution without bias: (B, C, ...) to (B, 1, ...)."""

    def __init__(self, channels: int, rank: int):
        super().__init__()
        self.project = convolution(channels, 1, (1,) * rank, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.project(x))


class SqueezeExcitation(nn.Module):
    """Concurrent channel and spatial squeeze-and-excitation: x * cSE(x) + x * sSE(x)."""

    def __init__(self, channels: int, reduction: int, rank: int):
        super().__init__()
        self.channel = ChannelGate(channels, reduction)
        self.spatial = SpatialGate(channels, rank)

    def forward(self, x: Tensor) -> Tensor:
        return x * (_unsqueeze_like(self.channel(squeeze(x)), x) + self.spatial(x))


class MultimodalTransfer(nn.Module):
    """MMTM between two streams of equal width, from both their squeezes (discrepancy D11).

    Parameters
    ----------
    between : tuple of str
        The two streams.
    channels, reduction, rank : int
        Channels c of each stream, the gates' reduction r, and 2 for music, 3 for video and face.
    joins_by : str
        ``"sum"``: the gates see the sum of the squeezes, as the authors have it. ``"concatenate"``:
        both, as Joze et al. have it; 2 c (c // r) parameters more. All else stays the authors':
        each stream has its own gates, without biases, one of them spatial.
    """

    def __init__(
        self,
        between: tuple[str, str],
        channels: int,
        reduction: int,
        rank: int,
        *,
        joins_by: str = "sum",
    ):
        super().__init__()
        self.between, self.joins_by = between, joins_by
        squeezed = channels if joins_by == "sum" else 2 * channels
        gates = {name: ChannelGate(channels, reduction, squeezed=squeezed) for name in between}
        self.channel = nn.ModuleDict(gates)
        self.spatial = nn.ModuleDict({name: SpatialGate(channels, rank) for name in between})

    def forward(self, streams: dict[str, Tensor]) -> dict[str, Tensor]:
        squeezes = [squeeze(streams[name]) for name in self.between]
        z = sum(squeezes) if self.joins_by == "sum" else torch.cat(squeezes, 1)
        return {name: self._excite(name, x, z) for name, x in streams.items()}

    def _excite(self, name: str, x: Tensor, z: Tensor) -> Tensor:
        if name not in self.between:
            return x
        return x * (_unsqueeze_like(self.channel[name](z), x) + self.spatial[name](x))


class DenseBlock(nn.Module):
    """Dense residual block of Figures 3 and 4: (B, C, ...) to (B, out, ...) at half the size.

    Parameters
    ----------
    channels : int
        Channels of the input.
    block : Block
        Kernel sizes and filter counts.
    rank : int
        2 for music, 3 for video and face.
    is_separable : bool
        False: A0, square or cubic kernels and a BatchNorm after each concatenation.
        True: A1 and A2, wide and tall kernels and no such BatchNorm.
    filters : int
        Filters of conv_o (`block.out`, or half of it in the compact rows).
    has_norm : bool
        Whether a BatchNorm ends the block.
    """

    def __init__(
        self,
        channels: int,
        block: Block,
        rank: int,
        *,
        is_separable: bool,
        filters: int,
        has_norm: bool = True,
    ):
        super().__init__()
        wide = wide_kernel if is_separable else cubic_kernel
        tall = tall_kernel if is_separable else cubic_kernel
        after_x, after_y, after_z = (channels + n for n in (block.fx, block.fy, block.f))
        self.conv_x = convolution(channels, block.fx, wide(block.kx, rank))
        self.conv_y = convolution(after_x, block.fy, tall(block.ky, rank))
        self.conv_z = convolution(after_y, block.f, wide(block.kz, rank))
        self.conv_s = convolution(channels, block.f, tall(block.ks, rank))
        self.conv_o = convolution(after_z, filters, cubic_kernel(block.ko, rank))

        self.has_concatenation_norms = not is_separable

        def norm_concatenation(width: int) -> nn.Module:
            return BatchNorm(width) if self.has_concatenation_norms else nn.Identity()

        self.norm_x = norm_concatenation(after_x)
        self.norm_y = norm_concatenation(after_y)
        self.norm_z = norm_concatenation(after_z)
        self.norm_s = norm_concatenation(after_z)
        self.norm_o = BatchNorm(filters) if has_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        a = relu(self.conv_x(x))
        b = relu(self._convolve_y(x, a))
        x_and_b = torch.cat([x, _with_plain_strides(b)], 1)
        d, s = self.conv_z(self.norm_y(x_and_b)), self.conv_s(x)
        joined = self._join_normed(x, d, s) if self.has_concatenation_norms else _join(x, d, s)
        return self.norm_o(relu(self.conv_o(joined)))

    def _convolve_y(self, x: Tensor, a: Tensor) -> Tensor:
        if self.has_concatenation_norms:
            return self.conv_y(self.norm_x(torch.cat([x, a], 1)))
        return self.conv_y(x, a)

    def _join_normed(self, x: Tensor, d: Tensor, s: Tensor) -> Tensor:
        """main + skip as the figures draw them: concatenate, normalise, pool, add."""
        main = max_pool(self.norm_z(torch.cat([x, relu(d)], 1)))
        return main + max_pool(self.norm_s(torch.cat([x, relu(s)], 1)))


def _with_plain_strides(b: Tensor) -> Tensor:
    """A lone channel as `torch.cat` needs it, or its result would not be channels last."""
    return b.squeeze(1).contiguous().unsqueeze(-1).movedim(-1, 1) if b.shape[1] == 1 else b


def _join(x: Tensor, d: Tensor, s: Tensor) -> Tensor:
    """main + skip where nothing is normalised: pooled first, what follows has less to do.

    The greatest value behind a ReLU is the ReLU of the greatest value; x is pooled once for both.
    """
    return torch.cat([2 * max_pool(x), relu(max_pool(d)) + relu(max_pool(s))], 1)


def channels_last_(module: nn.Module) -> nn.Module:
    """Lay out every convolution's weights channels-last, in place: faster on a CPU."""
    for parameter in module.parameters():
        if parameter.ndim in LAYOUTS:
            parameter.data = parameter.data.contiguous(memory_format=LAYOUTS[parameter.ndim])
    return module
