"""Every network part by part: blocks, SE and MMTM units, dense layers, with what each costs.

What drawings and exercises show. Networks are built on PyTorch's meta device (shapes without
values).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import torch
from torch import nn

from mvemotion.c3d import C3DNetwork
from mvemotion.errors import InputError
from mvemotion.networks import DenseResidualNetwork, count_parameters
from mvemotion.specs import (
    Network,
    TorchvisionArchitecture,
    find_network,
    stream_shape,
)


@dataclass(frozen=True)
class Convolution:
    """A convolution with biases, of stride 1 and 'same' size, and what it costs by formula."""

    name: str
    kernel: tuple[int, ...]  # (mel bands, frames) or (rows, columns, frames)
    inputs: int  # channels
    filters: int
    positions: int  # at which each filter is applied: the size of its input

    @property
    def parameters(self) -> int:
        """A weight for every cell of the kernel and input channel, and a bias, per filter."""
        return (prod(self.kernel) * self.inputs + 1) * self.filters

    @property
    def flops(self) -> int:
        """A multiply-add for every weight at every position, counted as two."""
        return 2 * prod(self.kernel) * self.inputs * self.filters * self.positions


@dataclass(frozen=True)
class Part:
    """One block, SE or MMTM unit, or dense layer of a network, counted at the paper's sizes.

    Attributes
    ----------
    kind : str
        ``"block"`` (in C3D: convolutions and their pooling), ``"SE"``, ``"MMTM"`` or ``"dense"``.
    number : int
        From 1; an SE or MMTM unit has that of the block before it.
    streams : tuple of str
        What passes through it.
    shape : tuple of int
        Of what leaves it, for one clip: (C, M, L), (C, H, W, T) or (features,). An MMTM unit
        leaves both its streams as large as they were, and has ().
    parameters, flops : int
        In Keras' convention, as `count_parameters`; of one clip's forward pass, as `count_flops`.
    convolutions : tuple of Convolution
        Of a block, in the order of its layers.
    """

    kind: str
    number: int
    streams: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int
    flops: int
    convolutions: tuple[Convolution, ...] = ()


@cache
def count_parts(network: str | Network) -> tuple[Part, ...]:
    """Parameters and operations of every block, exchange and dense layer of a network.

    Parameters
    ----------
    network : str or Network
        An id of `list_networks`, or a specification of your own.

    Returns
    -------
    tuple of Part
        Stage by stage; their sums are those of `count_parameters` and `count_flops`.

    Raises
    ------
    InputError
        If there is no such id, or it is a reference network, which has other parts.

    Examples
    --------
    >>> [part.parameters for part in count_parts("music_a2") if part.kind == "block"]
    [711, 3649, 13025, 48961, 194177]
    """
    spec = find_network(network) if isinstance(network, str) else network
    if isinstance(spec.branches[0].architecture, TorchvisionArchitecture):
        raise InputError(f"{spec.id}: has none of the paper's parts; name one of its networks")
    with torch.device("meta"):
        built = (C3DNetwork if spec.is_c3d else DenseResidualNetwork)(spec).eval()
    count = _Counted(built)
    return tuple(_c3d_parts(count) if spec.is_c3d else _dense_residual_parts(count))


class _Counted:
    """Name, shape of the output for one clip, and operations of every module of a network."""

    def __init__(self, network: nn.Module):
        from torch.utils.flop_counter import FlopCounterMode  # half a second, with what it needs

        self.network, self.shapes = network, {}
        inputs = {n: torch.empty(1, *stream_shape(n), device="meta") for n in network.streams}
        hooks = [module.register_forward_hook(self._note) for module in network.modules()]
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        self.names = {module: name for name, module in network.named_modules()}
        found = counter.get_flop_counts()
        keys = {m: f"{type(network).__name__}.{name}" for m, name in self.names.items()}
        self.flops = {m: sum(found.get(key, {}).values()) for m, key in keys.items()}

    def _note(self, module: nn.Module, _inputs, output) -> None:
        if isinstance(output, torch.Tensor):
            self.shapes[module] = tuple(output.shape[1:])

    def part(self, kind: str, number: int, streams: tuple[str, ...], *modules: nn.Module) -> Part:
        return Part(
            kind,
            number,
            streams,
            shape=self.shapes.get(modules[-1], ()),
            parameters=sum(count_parameters(module).total for module in modules),
            flops=sum(self.flops[module] for module in modules),
            convolutions=tuple(self._convolutions(modules)) if kind == "block" else (),
        )

    def _convolutions(self, modules: Sequence[nn.Module]) -> Iterator[Convolution]:
        for layer in (layer for module in modules for layer in module.modules()):
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                filters, inputs, *kernel = layer.weight.shape
                name = self.names[layer].split(".")[-1]
                yield Convolution(
                    name, tuple(kernel), inputs, filters, prod(self.shapes[layer][1:])
                )


def _dense_residual_parts(count: _Counted) -> Iterator[Part]:
    for number, stage in enumerate(count.network.stages, start=1):
        for stream, block in stage.blocks.items():
            yield count.part("block", number, (stream,), block)
        for stream, excitation in stage.excitations.items():
            yield count.part("SE", number, (stream,), excitation)
        if stage.exchange is not None:
            yield count.part("MMTM", number, stage.exchange.between, stage.exchange)
    yield count.part("dense", 1, count.network.streams, count.network.head)


def _c3d_parts(count: _Counted) -> Iterator[Part]:
    network = count.network
    groups: dict[int, list[nn.Module]] = {}
    for name, layer in network.features.named_children():  # conv1a, relu1a, pool1, ..., pool5
        groups.setdefault(int(name.rstrip("ab")[-1]), []).append(layer)
    for number, layers in groups.items():
        yield count.part("block", number, network.streams, *layers)
    hidden = [layer for layer in network.dense if isinstance(layer, nn.Linear)]
    for number, layer in enumerate([*hidden, network.head], start=1):
        yield count.part("dense", number, network.streams, layer)
