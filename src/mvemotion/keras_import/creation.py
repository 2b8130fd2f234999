"""The orders in which a Keras script may have created a network's layers.

A name such as ``conv3d_7`` says that the layer was the seventh, or so, of its kind: numbers count
on from whatever the session had made before. `CreationOrder` says what a script may have done;
taken for granted is that it treats all blocks alike, and a branch always before the same other one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

from torch import nn

from mvemotion.keras_import.hdf5 import KerasLayer, Shapes, kind_of
from mvemotion.specs import Network

MAIN, SKIP = ("conv_x", "norm_x", "conv_y", "norm_y", "conv_z", "norm_z"), ("conv_s", "norm_s")
END = ("conv_o", "norm_o", "reduce", "expand", "project")
ROLE_ORDERS = {  # within a block
    "skip after main": (*MAIN, *SKIP, *END),
    "skip before main": (*SKIP, *MAIN, *END),
    "skip before conv_z": (*MAIN[:4], *SKIP, *MAIN[4:], *END),
    "skip before main, normalised after it": ("conv_s", *MAIN, "norm_s", *END),
}


@dataclass(frozen=True)
class Slot:
    """A module of ours that wants a layer of the file.

    Attributes
    ----------
    name, stream : str
        Of the module in its network, and of its branch.
    shapes : tuple of tuple of int
        Of its tensors as Keras has them.
    block : int
        From 0.
    role : str
        conv_x, ..., norm_o, or reduce, expand, project of a gate; the layer's own name in C3D.
    is_exchange : bool
        Whether it is a gate of an MMTM.
    """

    name: str
    stream: str
    shapes: Shapes
    block: int = 0
    role: str = ""
    is_exchange: bool = False

    @property
    def kind(self) -> str:
        """conv2d, conv3d, dense, norm or other."""
        return kind_of(self.shapes)

    @property
    def place(self) -> tuple[int, str, bool]:
        """Where it stands in its branch."""
        return self.block, self.role, self.is_exchange

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class CreationOrder:
    """One order of creation; branches that exchange are created side by side."""

    streams: tuple[str, ...]
    is_by_branch: bool  # False: block by block through all branches
    is_across: bool  # every branch's conv_x, then every branch's conv_y, ...
    gates_across: bool  # MMTM: both squeezes, then both excitations
    gates_reversed: bool  # MMTM: the second branch's gates first
    roles: str  # a key of `ROLE_ORDERS`

    def sort(self, slots: Iterable[Slot], pair: tuple[str, ...]) -> list[Slot]:
        """The slots as created; `pair`: the streams that exchange, if any."""
        rank = {stream: index for index, stream in enumerate(self.streams)}
        unit = rank | {stream: min(rank[s] for s in pair) for stream in pair}
        roles = {role: index for index, role in enumerate(ROLE_ORDERS[self.roles])}

        def key(slot: Slot) -> tuple:
            branch, role = rank[slot.stream], roles.get(slot.role, 0)
            if slot.is_exchange and self.gates_reversed:
                branch = -branch
            is_across = self.gates_across if slot.is_exchange else self.is_across
            within = (role, branch) if is_across else (branch, role)
            return (self.is_by_branch * unit[slot.stream], slot.block, slot.is_exchange, *within)

        return sorted(slots, key=key)

    def __str__(self) -> str:
        if len(self.streams) == 1:
            return self.roles
        how = "branch by branch" if self.is_by_branch else "block by block"
        return f"{how} ({', '.join(self.streams)}), {self.roles}"


def possible_orders(spec: Network) -> Iterator[CreationOrder]:
    """Every `CreationOrder` of a network, the likeliest first."""
    is_fused, has_gates = len(spec.branches) > 1, spec.exchange is not None
    choices = product(
        (True, False) if is_fused else (True,),
        (False, True) if is_fused else (False,),
        (False, True) if has_gates else (False,),
        (False, True) if has_gates else (False,),
        ROLE_ORDERS,
    )
    orders = product(branch_orders(spec), choices)
    return (CreationOrder(streams, *choice) for streams, choice in orders)


def branch_orders(spec: Network) -> list[tuple[str, ...]]:
    """Orders of the branches, the paper's first; two that exchange stay side by side."""
    orders = permutations(spec.streams)
    if spec.exchange is None:
        return list(orders)
    first, second = spec.exchange.between
    return [order for order in orders if abs(order.index(first) - order.index(second)) == 1]


def network_slots(network: nn.Module) -> tuple[Slot, ...]:
    """Every module with weights but the head, in our order."""
    return tuple(
        _slot(name, module, network.streams)
        for name, module in network.named_modules()
        if getattr(module, "weight", None) is not None and name != "head"
    )


def keras_shapes(module: nn.Module) -> Shapes:
    """Shapes of a module's tensors in Keras: kernels (..., in, out), a norm's four vectors."""
    outputs, *rest = module.weight.shape
    if not rest:
        return ((outputs,),) * 4
    kernel = (*rest[1:], rest[0], outputs)
    return (kernel,) if module.bias is None else (kernel, (outputs,))


def by_creation(layers: list[KerasLayer]) -> list[KerasLayer] | None:
    """Layers of one kind by the numbers in their names; None if these do not count them.

    Keras calls them ``conv3d``, ``conv3d_1``, ...: one stem for all, and no number twice.
    """
    for choice in (0, -1):
        parts = [
            re.fullmatch(r"(.*?)(?:_(\d+))?", layer.names[choice]).groups() for layer in layers
        ]
        numbers = [int(number or 0) for _, number in parts]
        if len({stem for stem, _ in parts}) == 1 and len(set(numbers)) == len(numbers):
            return [layers[index] for index in sorted(range(len(layers)), key=numbers.__getitem__)]
    return None


def _slot(name: str, module: nn.Module, streams: tuple[str, ...]) -> Slot:
    """Read a module's place from its name, such as ``stages.0.blocks.music.conv_x``."""
    shapes, parts = keras_shapes(module), name.split(".")
    if parts[0] != "stages":  # C3D: a chain
        return Slot(name, streams[0], shapes, role=parts[-1])
    stream = next(part for part in parts if part in streams)
    return Slot(name, stream, shapes, int(parts[1]), parts[-1], parts[2] == "exchange")
