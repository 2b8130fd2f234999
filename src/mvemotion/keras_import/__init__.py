"""The authors' Keras weights in our networks: found, checked, transposed.

A wrong assignment of layers of equal shape would be silent. So the file's names, which count
creations (`creation`), and its list of layers, which follows the graph (`listing`), must leave
exactly one assignment; where they leave none or several, nothing is imported. What no file shows is
the order of channels in a block's concatenations: the specification's, [x, conv(x)]. In A0 trained
weights confirm it (`shared_statistics`), in the others the published accuracy does.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mvemotion.c3d import C3DNetwork
from mvemotion.data.sources import hash_file
from mvemotion.errors import DataError, InputError
from mvemotion.keras_import.creation import Slot, keras_shapes, network_slots
from mvemotion.keras_import.hdf5 import KerasFile, KerasLayer, read_keras, read_tensors
from mvemotion.keras_import.listing import Assignment
from mvemotion.keras_import.matching import assign_layers, concatenation, left_over
from mvemotion.layers import DenseBlock
from mvemotion.networks import create_network
from mvemotion.runs import TrainedNetwork
from mvemotion.specs import PAPER_FORMAT, ClipFormat, Network, find_network, list_networks

__all__ = ["KerasImport", "import_keras"]

LAYER_KEYS = ("weight", "bias")  # ours, in Keras' order
FOUND = ("creation", "branches", "is_concatenation_seen", "shared_statistics")
NORM_KEYS = (*LAYER_KEYS, "running_mean", "running_var")


@dataclass(frozen=True)
class KerasImport:
    """An imported network, and what its file said about the places of layers of equal shape.

    Attributes
    ----------
    trained : TrainedNetwork
        In evaluation mode.
    creation : str
        The order of creation that was found.
    branches : tuple of str
        The order in which the file's network concatenates its branches.
    is_concatenation_seen : bool
        Whether the file shows that order; else it is assumed to be that of creation.
    shared_statistics : tuple of int
        Blocks of A0 whose four BatchNorms agree on the input that they share, and all blocks of
        A0. In trained weights all agree; otherwise a BatchNorm is in a wrong place.
    """

    trained: TrainedNetwork
    creation: str
    branches: tuple[str, ...]
    is_concatenation_seen: bool
    shared_statistics: tuple[int, int]


def import_keras(
    path: Path,
    network_id: str,
    *,
    branches: tuple[str, ...] = (),
    clip_format: ClipFormat = PAPER_FORMAT,
    statistics: dict[str, tuple[float, float]] | None = None,
    swap_pathways: bool = False,
) -> KerasImport:
    """Read Keras HDF5 weights into one of the paper's networks.

    Parameters
    ----------
    path : Path
        A file of Keras' ``save_weights`` or ``save``, of Keras 2 or 3.
    network_id : str
        An id of `list_networks`.
    branches : tuple of str, optional
        The network's streams in the order in which its script created and concatenated them; only
        needed where the file leaves that open.
    clip_format : ClipFormat
        Sizes of the clips that it is to be used on; only C3D's weights depend on them.
    statistics : dict, optional
        Mean and standard deviation of each array, as of a training split. Without them the
        network standardises by the split at hand, as the authors do (assumption 8).
    swap_pathways : bool
        Whether it is to get its slow and fast inputs exchanged, as in the authors' evaluation
        (discrepancy D4).

    Returns
    -------
    KerasImport

    Raises
    ------
    DataError
        If the file cannot be read, or does not fit: a tensor of either side that has no
        counterpart, or more than one.
    InputError
        If there is no such network, or `branches` are not its streams.
    """
    spec = find_network(network_id)
    if branches and set(branches) != set(spec.streams):
        raise InputError(
            f"branches {branches}: give {', '.join(spec.streams)}, each once, in order"
        )
    file = read_keras(path)
    with torch.device("meta"):
        network = create_network(network_id, clip_format=clip_format, swap_pathways=swap_pathways)
    slots, head = network_slots(network), _head_slot(network)
    _check_shapes(file, [*slots, head], network_id)
    last = next(layer for layer in file.layers if layer.shapes == head.shapes)
    file = replace(file, layers=tuple(layer for layer in file.layers if layer is not last))
    fit = assign_layers(slots, file, spec, branches)
    concatenated, is_seen = concatenation(fit, slots, file, spec, branches)
    state = _state(network, file, fit[0] | {head.name: last})
    state["head.weight"] = _reorder(state["head.weight"], concatenated, spec)
    network.load_state_dict(state, assign=True)
    mode = "train" if statistics else "split"
    trained = TrainedNetwork(network.eval(), network_id, clip_format, mode, statistics or {})
    found = (str(fit[1][0]), concatenated, is_seen, shared_statistics(network))
    return KerasImport(replace(trained, source=_source(file, *found)), *found)


def _source(file: KerasFile, *found: object) -> dict[str, object]:
    """What the weights' metadata say of the file and of what was found in it."""
    about = {"file": file.path.name, "sha256": hash_file(file.path)}
    about |= {"layout": file.layout, "keras_version": file.keras_version}
    return about | dict(zip(FOUND, found, strict=True))


def shared_statistics(network: nn.Module) -> tuple[int, int]:
    """Blocks of A0 whose BatchNorms agree on the moving statistics of their input, and all.

    The four that follow A0's concatenations see the same x first: its mean and variance.
    """
    blocks = [m for m in network.modules() if isinstance(m, DenseBlock)]
    blocks = [block for block in blocks if block.has_concatenation_norms]
    return sum(map(_is_agreed, blocks)), len(blocks)


def _is_agreed(block: DenseBlock) -> bool:
    width = block.conv_x.in_channels
    norms = (block.norm_x, block.norm_y, block.norm_z, block.norm_s)
    seen = [torch.cat([n.running_mean[:width], n.running_var[:width]]) for n in norms]
    return all(torch.allclose(seen[0], other, rtol=1e-3, atol=1e-5) for other in seen[1:])


def _head_slot(network: nn.Module) -> Slot:
    return Slot("head", network.streams[0], keras_shapes(network.head))


def _check_shapes(file: KerasFile, slots: list[Slot], network_id: str) -> None:
    """Raise unless each shape stands equally often on both sides."""
    difference = left_over(list(file.layers), slots)
    if difference:
        raise DataError(f"{file.path}: does not fit {network_id}: {difference}. {_advice(file)}")


def _advice(file: KerasFile) -> str:
    """Which of the paper's networks the file's shapes fit, or come closest to."""
    theirs = Counter(layer.shapes for layer in file.layers)
    shares = {network_id: _share(theirs, network_id) for network_id in list_networks()}
    best = max(shares.values())
    names = ", ".join(network_id for network_id, share in shares.items() if share == best)
    if best == 1:
        return f"Its shapes are those of {names}: give that as the network"
    return f"No network of the paper fits; closest, with {best:.0%} of the layers: {names}"


def _share(theirs: Counter, network_id: str) -> float:
    """Layers in common, of those of the larger side."""
    ours = _network_shapes(network_id)
    return (ours & theirs).total() / max(ours.total(), theirs.total())


@cache
def _network_shapes(network_id: str) -> Counter:
    with torch.device("meta"):
        network = create_network(network_id)
    return Counter(slot.shapes for slot in (*network_slots(network), _head_slot(network)))


def _state(network: nn.Module, file: KerasFile, assignment: Assignment) -> dict[str, Tensor]:
    """The file's tensors as ours: kernels (out, in, ...), norms with their moving statistics."""
    state = {}
    paths = tuple(path for layer in assignment.values() for path in layer.tensors)
    tensors = iter(read_tensors(file.path, paths))
    for name, layer in assignment.items():
        values = [torch.from_numpy(_to_ours(next(tensors))) for _ in layer.tensors]
        keys = NORM_KEYS if layer.kind == "norm" else LAYER_KEYS[: len(values)]
        state |= {f"{name}.{key}": value for key, value in zip(keys, values, strict=True)}
        if layer.kind == "norm":
            state[f"{name}.num_batches_tracked"] = torch.tensor(0)
            _check_variance(values[-1], layer, file)
    if isinstance(network, C3DNetwork):
        state["dense.fc6.weight"] = _channels_first(state["dense.fc6.weight"], network)
    return state


def _to_ours(tensor: np.ndarray) -> np.ndarray:
    """(..., in, out) to (out, in, ...); vectors stay."""
    if tensor.ndim > 1:
        tensor = np.moveaxis(tensor, (-1, -2), (0, 1))
    return np.ascontiguousarray(tensor)


def _check_variance(variance: Tensor, layer: KerasLayer, file: KerasFile) -> None:
    if (variance < 0).any():
        raise DataError(
            f"{file.path}: the fourth tensor of {layer}, its moving variance, has negative values; "
            "export the weights again"
        )


def _channels_first(weight: Tensor, network: C3DNetwork) -> Tensor:
    """Inputs of C3D's first dense layer: Keras flattens (H, W, T, C), we (C, H, W, T)."""
    with torch.device("meta"):
        channels, *places = network.features(torch.empty(1, *network.size)).shape[1:]
    return weight.unflatten(1, (*places, channels)).movedim(-1, 1).flatten(1).contiguous()


def _reorder(weight: Tensor, concatenated: tuple[str, ...], spec: Network) -> Tensor:
    """Inputs of the head, from the order of the file's branches to that of ours."""
    if len(concatenated) == 1:
        return weight
    widths = {branch.stream: branch.widths[-1] for branch in spec.branches}
    parts = weight.split([widths[stream] for stream in concatenated], 1)
    found = dict(zip(concatenated, parts, strict=True))
    return torch.cat([found[stream] for stream in spec.streams], 1)
