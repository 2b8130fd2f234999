"""Builds any row of Tables 2-6 from its specification, and counts it as the paper does."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from mvemotion.c3d import C3DNetwork
from mvemotion.convolutions import is_bfloat16
from mvemotion.errors import InputError
from mvemotion.flops import Size, by_running, halved, in_block, multiply_adds
from mvemotion.layers import (
    DenseBlock,
    MultimodalTransfer,
    SqueezeExcitation,
    dense,
    squeeze,
)
from mvemotion.specs import (
    EMOTIONS,
    PAPER_FORMAT,
    Branch,
    ClipFormat,
    Exchange,
    Network,
    TorchvisionArchitecture,
    alternative,
    find_network,
    stream_shape,
)
from mvemotion.streams import check_streams

Input = TypeVar("Input", Tensor, tuple)


class Stage(nn.Module):
    """Every stream takes one block (and its SE unit); then two of them may exchange (MMTM)."""

    def __init__(self, index: int, branches: tuple[Branch, ...], exchange: Exchange | None):
        super().__init__()
        self.blocks = nn.ModuleDict()
        self.excitations = nn.ModuleDict()
        for branch in branches:
            rank = _rank(branch.stream)
            self.blocks[branch.stream] = _build_block(index, branch, rank)
            if branch.reductions:
                self.excitations[branch.stream] = SqueezeExcitation(
                    branch.widths[index], branch.reductions[index], rank
                )
        self.exchange = _build_exchange(index, branches, exchange) if exchange else None

    def forward(self, streams: dict[str, Tensor]) -> dict[str, Tensor]:
        streams = {name: block(streams[name]) for name, block in self.blocks.items()}
        for name, excitation in self.excitations.items():
            streams[name] = excitation(streams[name])
        return self.exchange(streams) if self.exchange is not None else streams

    def multiply_adds(self, sizes: dict[str, Size]) -> int:
        """Of one clip, with streams of these sizes as they come in."""
        total = sum(in_block(block, sizes[name]) for name, block in self.blocks.items())
        for name, excitation in self.excitations.items():
            total += multiply_adds(excitation, halved(sizes[name]))
        for name in self.exchange.between if self.exchange is not None else ():
            total += multiply_adds(self.exchange.channel[name])
            total += multiply_adds(self.exchange.spatial[name], halved(sizes[name]))
        return total


class DenseResidualNetwork(nn.Module):
    """A0-A3 and their late fusions: five stages, squeeze, concatenate, one linear layer.

    `forward`: {stream: (B, C, ...)} -> logits (B, K).
    """

    def __init__(self, spec: Network):
        super().__init__()
        self.spec, self.streams = spec, spec.streams
        depth = len(spec.branches[0].architecture.blocks)
        stages = [Stage(index, spec.branches, spec.exchange) for index in range(depth)]
        self.stages = nn.ModuleList(stages)
        self.head = dense(sum(branch.widths[-1] for branch in spec.branches), len(EMOTIONS))

    def forward(self, streams: dict[str, Tensor]) -> Tensor:
        check_streams(streams, self.streams)
        if self.spec.swaps_pathways:
            streams = _swap_pathways(streams, self.spec)
        streams = {name: _in_autocast_dtype(streams[name]) for name in self.streams}
        for stage in self.stages:
            streams = stage(streams)
        return self.head(torch.cat([squeeze(streams[name]) for name in self.streams], 1))

    def multiply_adds(self, shapes: dict[str, tuple[int, ...]]) -> int:
        """Of one clip's forward pass, with inputs of these shapes (C, ...)."""
        if self.spec.swaps_pathways:
            shapes = _swap_pathways(shapes, self.spec)
        sizes, total = {name: shape[1:] for name, shape in shapes.items()}, 0
        for stage in self.stages:
            total += stage.multiply_adds(sizes)
            sizes = {name: halved(size) for name, size in sizes.items()}
        return total + multiply_adds(self.head)


class TorchvisionNetwork(nn.Module):
    """torchvision's R(2+1)D-18 (Tran et al. 2018), untrained: a reference, not in the paper.

    `forward`: {stream: (B, 3, H, W, T)} -> logits (B, K). Everything else is torchvision's own:
    initial weights, BatchNorm's settings and pooling to one value a channel (assumption 25).
    """

    def __init__(self, spec: Network):
        super().__init__()
        from torchvision.models import video  # for these two networks alone

        self.spec, self.streams = spec, spec.streams
        build = getattr(video, spec.branches[0].architecture.name)
        self.body = build(weights=None, num_classes=len(EMOTIONS))

    def forward(self, streams: dict[str, Tensor]) -> Tensor:
        check_streams(streams, self.streams)
        x = streams[self.streams[0]].permute(0, 1, 4, 2, 3)  # (B, C, T, H, W) is its order
        _check_gradients(x)
        return self.body(x.contiguous())

    def multiply_adds(self, shapes: dict[str, tuple[int, ...]]) -> int:
        """Of one clip's forward pass, with inputs of these shapes (C, ...)."""
        return by_running(self, shapes)


@dataclass(frozen=True)
class ParameterCount:
    """Parameters in the paper's convention, Keras': BatchNorm's moving statistics count too."""

    total: int
    trainable: int
    non_trainable: int


def create_network(
    network_id: str,
    *,
    clip_format: ClipFormat = PAPER_FORMAT,
    mmtm: str = "sum",
    swap_pathways: bool = False,
) -> nn.Module:
    """Build one row of Tables 2-6 with freshly initialised weights.

    Parameters
    ----------
    network_id : str
        An id of `list_networks`, such as ``"music_a1_se"``, or of a reference network.
    clip_format : ClipFormat
        Input sizes. Only C3D depends on them: its first dense layer fixes its input.
    mmtm : str
        ``"sum"``, or ``"concatenate"`` as Joze et al. (discrepancy D11).
    swap_pathways : bool
        Whether the slow branch gets the fast one's input and the other way round, as in the
        authors' evaluation (discrepancy D4).

    Returns
    -------
    nn.Module
        `forward` takes ``{stream: float tensor (B, C, ...)}`` and returns logits (B, 6) in the
        order of `EMOTIONS`; the streams it needs are ``module.streams``, its row ``module.spec``.

    Raises
    ------
    InputError
        If there is no such id, or the network has nothing that `mmtm` or `swap_pathways` change.

    Examples
    --------
    >>> network = create_network("music_a2")
    >>> network({"music": torch.zeros(1, 2, 128, 1292)}).shape
    torch.Size([1, 6])
    """
    spec = alternative(find_network(network_id), mmtm=mmtm, swap_pathways=swap_pathways)
    if spec.is_c3d:
        return C3DNetwork(spec, clip_format)
    if isinstance(spec.branches[0].architecture, TorchvisionArchitecture):
        return TorchvisionNetwork(spec)
    return DenseResidualNetwork(spec)


def count_parameters(module: nn.Module) -> ParameterCount:
    """Count as Keras does: total = trainable + BatchNorm's moving means and variances.

    Examples
    --------
    >>> count_parameters(create_network("music_a1_se"))
    ParameterCount(total=3994533, trainable=3992549, non_trainable=1984)
    """
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in module.parameters() if not p.requires_grad)
    moving = sum(b.numel() for b in module.buffers() if b.is_floating_point())
    return ParameterCount(trainable + frozen + moving, trainable, frozen + moving)


def count_flops(network_id: str, *, clip_format: ClipFormat = PAPER_FORMAT) -> int:
    """Floating-point operations of one clip's forward pass (a multiply-add is two).

    Convolutions and dense layers only; nothing is computed, so this takes no memory.

    Examples
    --------
    >>> round(count_flops("music_a0") / 1e9, 1)
    19.9
    """
    with torch.device("meta"):
        network = create_network(network_id, clip_format=clip_format).eval()
    return count_meta_flops(network, clip_format=clip_format)


def count_meta_flops(network: nn.Module, *, clip_format: ClipFormat = PAPER_FORMAT) -> int:
    """`count_flops` of a network that was built on the meta device already."""
    shapes = {name: stream_shape(name, clip_format) for name in network.streams}
    return 2 * network.multiply_adds(shapes)


def _check_gradients(x: Tensor) -> None:
    """In bfloat16 on a CPU they may be wrong where kernels of 3 meet 2 frames or rows (in layer 4).

    See `convolutions.places_missing`; torchvision's layers have no such zeros.
    """
    is_small = x.shape[2] <= 16 or x.shape[3] <= 32
    if is_small and torch.is_grad_enabled() and x.device.type == "cpu" and is_bfloat16(x):
        raise InputError(
            f"R(2+1)D-18, {x.shape[2]} frames of {x.shape[3]} rows: in bfloat16 on a CPU, PyTorch "
            "may train it wrongly below 17 frames or 33 rows; train with --precision 32-true, into "
            "another folder"
        )


def _in_autocast_dtype(x: Tensor) -> Tensor:
    """32 bits in autocast's 16, if it is on: or the first concatenation would be in 32, too."""
    kind = x.device.type
    is_cast = x.dtype == torch.float32 and not x.is_meta and torch.is_autocast_enabled(kind)
    return x.to(torch.get_autocast_dtype(kind)) if is_cast else x


def _swap_pathways(streams: dict[str, Input], spec: Network) -> dict[str, Input]:
    """The same inputs with those of slow and fast branches exchanged (discrepancy D4)."""
    other = {a: b for pair in spec.pathways for a, b in (pair, pair[::-1])}
    return {name: streams[other.get(name, name)] for name in streams}


def _rank(stream: str) -> int:
    return len(stream_shape(stream)) - 1


def _build_block(index: int, branch: Branch, rank: int) -> DenseBlock:
    channels = branch.widths[index - 1] if index else stream_shape(branch.stream)[0]
    blocks = branch.architecture.blocks
    is_last = index == len(blocks) - 1
    return DenseBlock(
        channels,
        blocks[index],
        rank,
        is_separable=branch.architecture.is_separable,
        filters=branch.widths[index],
        has_norm=branch.has_last_norm or not is_last,
    )


def _build_exchange(index: int, branches: tuple[Branch, ...], exchange: Exchange):
    first = exchange.between[0]
    width = next(branch.widths[index] for branch in branches if branch.stream == first)
    return MultimodalTransfer(
        exchange.between,
        width,
        exchange.reductions[index],
        _rank(first),
        joins_by=exchange.joins_by,
    )
