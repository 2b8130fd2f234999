"""What a Keras HDF5 file holds: layers, their tensors' shapes, and Keras' order of the layers.

Read by h5py alone: no Keras, nothing unpickled, no tensor before its shape is known to fit.

- Keras 2, and Keras 3's legacy format: a group per layer, named in the attribute ``layer_names``,
  at the root (weights) or under ``model_weights`` (a whole model);
- Keras 3's ``.weights.h5``: ``layers/<class>_<n>/vars/<i>``, numbered class by class.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import h5py
import numpy as np

from mvemotion.errors import DataError

TENSORS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")  # Keras' order
Shapes = tuple[tuple[int, ...], ...]  # of a layer's tensors


@dataclass(frozen=True)
class KerasLayer:
    """One layer with weights. `names`: what it was called, in the order to be trusted."""

    names: tuple[str, ...]
    tensors: tuple[str, ...]  # paths in the file, in the order of `TENSORS`
    shapes: Shapes

    @property
    def kind(self) -> str:
        """conv2d, conv3d, dense, norm or other."""
        return kind_of(self.shapes)

    def __str__(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class KerasFile:
    """The layers with weights, in Keras' order: from the inputs to the output.

    Attributes
    ----------
    layers : tuple of KerasLayer
        In order; in the ``.weights.h5`` layout, in order among those of the same kind only.
    listed : tuple of str
        Names of all layers, also those without weights, in Keras' order; empty where the layout
        does not keep it.
    layout : str
        ``"legacy"`` (``save_weights`` of Keras 2, or ``save``) or ``".weights.h5"``.
    keras_version : str
        As the file has it; empty where it has none.
    """

    path: Path
    layers: tuple[KerasLayer, ...]
    listed: tuple[str, ...] = ()
    layout: str = "legacy"
    keras_version: str = ""


def kind_of(shapes: Shapes) -> str:
    """What has tensors of these shapes: conv2d, conv3d, dense, norm, or other."""
    kinds = {2: "dense", 4: "conv2d", 5: "conv3d"}
    first, *others = map(len, shapes)
    if others in ([], [1]):
        return kinds.get(first, "other")
    return "norm" if (first, others) == (1, [1, 1, 1]) else "other"


def read_keras(path: Path) -> KerasFile:
    """Find the layers of a Keras HDF5 file; no tensor is read.

    Raises
    ------
    DataError
        If it is no HDF5 file, is damaged, holds no Keras weights or anything but numbers.
    """
    path = Path(path)
    with _opened(path) as file:
        for root in (file, file.get("model_weights")):
            if isinstance(root, h5py.Group) and _has_attribute(root, "layer_names"):
                return _read_legacy(path, root)
        if isinstance(file.get("layers"), h5py.Group):
            return _read_numbered(path, file["layers"])
        raise DataError(
            f"{path}: holds {sorted(file)[:5]}, no Keras weights (neither layer_names nor layers); "
            "give a file of model.save_weights or model.save"
        )


def read_tensors(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Tensors by their paths in the file, as float32.

    Raises
    ------
    DataError
        If one cannot be read, or holds a value that is not finite.
    """
    with _opened(path) as file:
        tensors = [file[name][()].astype(np.float32) for name in names]
    for name, tensor in zip(names, tensors, strict=True):
        if not np.isfinite(tensor).all():
            raise DataError(f"{path}: {name} holds values that are not finite; export it again")
    return tensors


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the .h5 file of the weights")
    if zipfile.is_zipfile(path):
        raise DataError(f"{path}: a zip archive; unzip it and give the model.weights.h5 in it")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise DataError(
            f"{path}: not a whole HDF5 file ({error}); download or export it again"
        ) from error


def _read_legacy(path: Path, root: h5py.Group) -> KerasFile:
    listed = _strings(root, "layer_names")
    layers = [layer for name in listed for layer in _layers_of_group(root[name], name)]
    version = root.attrs.get("keras_version", root.file.attrs.get("keras_version", ""))
    return KerasFile(path, tuple(layers), tuple(listed), keras_version=_text(version))


def _layers_of_group(group: h5py.Group, name: str) -> list[KerasLayer]:
    """One layer, or those of a model within the model: their weights' names begin with theirs."""
    owners: dict[str, list[str]] = {}
    for weight in _strings(group, "weight_names"):
        owners.setdefault(weight.rpartition("/")[0], []).append(weight)
    is_one = len(owners) == 1
    return [
        _layer(group, ((name,) if is_one else ()) + (owner.rpartition("/")[2] or name,), weights)
        for owner, weights in owners.items()
    ]


def _read_numbered(path: Path, root: h5py.Group) -> KerasFile:
    layers = []
    for name in sorted(root, key=_natural_order):
        group = root[name].get("vars")
        if isinstance(group, h5py.Group) and len(group):
            own_name = _text(group.attrs.get("name", group.name))  # Keras 3.0 wrote none
            layers.append(_layer(group, (own_name,), sorted(group, key=_natural_order)))
    return KerasFile(path, tuple(layers), layout=".weights.h5")


def _layer(group: h5py.Group, names: tuple[str, ...], weights: list[str]) -> KerasLayer:
    leaves = [re.sub(r":\d+$", "", weight.rpartition("/")[2]) for weight in weights]
    if set(leaves) <= set(TENSORS):
        weights = sorted(weights, key=lambda w: TENSORS.index(leaves[weights.index(w)]))
    datasets = [_numbers(group, weight) for weight in weights]
    return KerasLayer(names, tuple(d.name for d in datasets), tuple(d.shape for d in datasets))


def _numbers(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset of floats in this file; objects, bytes and other files' bytes are refused."""
    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind != "f":
        what = found.dtype if isinstance(found, h5py.Dataset) else "nothing"
        raise DataError(
            f"{group.file.filename}: {group.name}/{name} is {what}, not a tensor of floats; "
            "export the weights again"
        )
    if found.external or found.is_virtual:
        raise DataError(
            f"{group.file.filename}: {group.name}/{name} points to another file; "
            "give one that holds its own weights"
        )
    return found


def _has_attribute(group: h5py.Group, name: str) -> bool:
    return name in group.attrs or f"{name}0" in group.attrs


def _strings(group: h5py.Group, name: str) -> list[str]:
    """A list of names; Keras cuts long ones into ``name0``, ``name1``, ..."""
    if name in group.attrs:
        return [_text(item) for item in group.attrs[name]]
    parts = takewhile(lambda part: part in group.attrs, (f"{name}{n}" for n in count()))
    return [_text(item) for part in parts for item in group.attrs[part]]


def _text(item: object) -> str:
    if not isinstance(item, bytes | str):
        raise ValueError(f"{item!r} stands where a name should")
    return item.decode("utf-8") if isinstance(item, bytes) else item


def _natural_order(name: str) -> tuple[str, int]:
    """conv3d, conv3d_1, ..., conv3d_10."""
    stem, number = re.fullmatch(r"(.*?)_?(\d*)", name).groups()
    return stem, int(number or 0)
