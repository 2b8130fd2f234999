"""Keras models as a script of the paper's time would have made them, and the files it would leave.

Layers come from `keras_oracle`, but with Keras' automatic names, in several orders of creation.
"""

import re
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

import keras_oracle
from keras_oracle import keras
from mvemotion.keras_import.hdf5 import KerasFile, KerasLayer

HEAD = "AV_OUT"  # the authors' name


class _Unnamed:
    """`keras.layers` whose layers get automatic names; `meant` keeps the names asked for."""

    def __init__(self):
        self.meant: dict[str, str] = {}

    def __getattr__(self, kind):
        def create(*args, name=None, **options):
            layer = getattr(keras.layers, kind)(
                *args, **options, **({"name": HEAD} if name == "head" else {})
            )
            self.meant[layer.name] = name
            return layer

        return create


@contextmanager
def automatic_names(monkeypatch):
    """Layers made inside are numbered by Keras; yields {automatic name: the oracle's name}."""
    unnamed = _Unnamed()
    with monkeypatch.context() as patch:
        patch.setattr(keras_oracle, "layers", unnamed)
        yield unnamed.meant


def branch_by_branch(branches, shapes, *, mmtm=(), order=(), concatenated=()):
    """The model of `keras_oracle.network`, made one branch after the other, as scripts do.

    Branches that exchange are made together; `concatenated`: the head's order, if another.
    """
    order, features = order or tuple(branches), {}
    inputs = {name: keras.Input(shapes[name], name=name) for name in branches}
    for name in order:
        if name in features:
            continue
        names = [n for n in order if n in mmtm] if name in mmtm else [name]
        x = {n: inputs[n] for n in names}
        for number in range(1, 6):
            x = {n: keras_oracle._block(x[n], n, number, **branches[n]) for n in names}
            if len(names) > 1:
                x |= keras_oracle._exchange([x[n] for n in names], names, number)
        features |= {n: keras_oracle._global_average(x[n]) for n in names}
    parts = [features[n] for n in concatenated or order]
    joined = keras_oracle.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(inputs, keras_oracle.layers.Dense(6, name="head")(joined))


def randomise(model, rng):
    """Nothing keeps a start value that would hide it; activations keep their size."""
    for layer in model.layers:
        layer.set_weights([_random(w.name, tuple(w.shape), rng) for w in layer.weights])


def _random(name, shape, rng):
    ranges = {"moving_variance": (0.5, 2.0), "gamma": (0.5, 1.5), "moving_mean": (-0.5, 0.5)}
    if name == "kernel":
        return rng.normal(size=shape, scale=(2 / np.prod(shape[:-1])) ** 0.5).astype("float32")
    return rng.uniform(*ranges.get(name, (-0.3, 0.3)), size=shape).astype("float32")


def save_keras3(model, path):
    """Keras 3's legacy HDF5 layout, weights only."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


def save_keras2(model, path, *, start=1, chunks=1, swapped=(), rename=str):
    """What Keras 2.2's ``save_weights`` left: numbers from `start`, bytes, ``kernel:0``.

    `swapped`: automatic names of two layers that exchange their tensors.
    """
    tensors = {layer.name: layer.get_weights() for layer in model.layers}
    if swapped:
        first, second = swapped
        tensors[first], tensors[second] = tensors[second], tensors[first]
    with h5py.File(path, "w") as file:
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        names = {layer.name: rename(_number(layer.name, start)) for layer in model.layers}
        listed = np.array([name.encode() for name in names.values()])
        for part, piece in enumerate(np.array_split(listed, chunks)):
            file.attrs[f"layer_names{part}" if chunks > 1 else "layer_names"] = piece
        for layer in model.layers:
            name = names[layer.name]
            group = file.create_group(name)
            weights = [f"{name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([weight.encode() for weight in weights])
            for weight, tensor in zip(weights, tensors[layer.name], strict=True):
                group[weight] = tensor
    return path


def _number(name, start):
    """Keras 2's names count from 1, or from where the session stood; named layers keep theirs."""
    stem, _, number = name.rpartition("_")
    if number.isdigit() and stem:
        return f"{stem}_{int(number) + start}"
    return name if name[0].isupper() or "video" in name else f"{name}_{start}"


def as_file(model, *, created=None):
    """What `read_keras` would find in the model's file, without writing one.

    `created`: sort key of the automatic names; layers are numbered anew in that order.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    names = _renumber([layer.name for layer in weighted], created) if created else {}
    layers = [
        KerasLayer(
            (names.get(layer.name, layer.name),),
            tuple(weight.path for weight in layer.weights),
            tuple(tuple(weight.shape) for weight in layer.weights),
        )
        for layer in weighted
    ]
    return KerasFile(Path("weights.h5"), tuple(layers), tuple(layer.name for layer in model.layers))


def _renumber(names, created):
    found = {}
    for name in sorted((name for name in names if name != HEAD), key=created):
        stem = re.sub(r"_\d+$", "", name)
        found[name] = f"{stem}_{70 + len(found)}"
    return found
