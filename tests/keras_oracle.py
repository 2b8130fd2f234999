"""The paper's networks a second time, in Keras, written from its figures and tables alone.

Nothing of `mvemotion` is imported: agreement with it is evidence for both. Arrays are channels
last, as the paper prints them: music (mel, frames, 2), video and face (rows, columns, frames, 3).
Layers are named ``<stream>-<block>-<layer>``, so that weights can be found; input sizes are free.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported, hence before it

import keras
from keras import layers

# Square kernels n of conv_x, conv_y, conv_z, conv_s and conv_o, one row for each of five blocks.
KERNELS = {
    "A0": ((13, 9, 5, 1, 5), (9, 7, 5, 1, 5), (9, 7, 3, 1, 3), (9, 5, 3, 1, 3), (7, 5, 3, 1, 3)),
    "A1": ((5, 5, 3, 3, 3), (5, 5, 3, 3, 3), (5, 5, 3, 3, 3), (3, 3, 3, 3, 3), (3, 3, 3, 3, 3)),
    "A2": ((9, 9, 5, 5, 3), (7, 7, 5, 5, 3), (7, 7, 3, 3, 3), (5, 5, 3, 3, 3), (5, 5, 3, 3, 3)),
}
KERNELS["A2 wide"] = KERNELS["A2"]
FILTERS_X = {  # of conv_x
    "A0": (8, 16, 32, 64, 128),
    "A1": (16, 32, 64, 128, 256),
    "A2": (4, 8, 16, 32, 64),
    "A2 wide": (8, 16, 32, 64, 128),
}
FILTERS = FILTERS_X | {"A2 wide": (16, 32, 64, 128, 256)}  # of conv_z and conv_s; conv_o has twice
REDUCTIONS_MMTM = (4, 8, 16, 16, 16)


def network(branches: dict[str, dict], shapes: dict[str, tuple], *, mmtm: tuple[str, ...] = ()):
    """A Keras model from streams to logits (no softmax).

    Parameters
    ----------
    branches : dict
        ``{stream: {"blocks": "A0", "se": (...), "nobn": False, "half": False}}``; only ``blocks``
        must be there. Features are concatenated in this order.
    shapes : dict
        ``{stream: (mel, frames, 2) or (rows, columns, frames, 3)}``.
    mmtm : tuple of str
        The two streams that exchange after every block, if any.
    """
    inputs = {name: keras.Input(shapes[name], name=name) for name in branches}
    x = dict(inputs)
    for number in range(1, 6):
        x = {name: _block(x[name], name, number, **branches[name]) for name in branches}
        if mmtm:
            x |= _exchange([x[name] for name in mmtm], mmtm, number)
    features = [_global_average(x[name]) for name in branches]
    joined = layers.Concatenate()(features) if len(features) > 1 else features[0]
    return keras.Model(inputs, layers.Dense(6, name="head")(joined))


def c3d(stream: str, shape: tuple[int, ...]):
    """C3D with the paper's changes, as a Keras model from (rows, columns, frames, 3) to logits."""
    x = clip = keras.Input(shape, name=stream)
    number = 0
    for group, filters in enumerate(((64,), (128,), (256, 256), (512, 512), (512, 512)), start=1):
        for count in filters:
            number += 1
            x = _convolution(x, count, (3, 3, 3), name=f"conv{number}")
        if group == 5:
            x = layers.ZeroPadding3D(((0, 0), (1, 1), (1, 1)))(x)
        x = layers.MaxPooling3D((1, 2, 2) if group == 1 else (2, 2, 2))(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate((1024, 512), start=1):
        x = layers.Dense(units, activation="relu", name=f"dense{number}")(x)
        x = layers.Dropout(0.2)(x)
    return keras.Model({stream: clip}, layers.Dense(6, name="head")(x))


def _block(x, stream: str, number: int, *, blocks: str, se=(), nobn=False, half=False):
    """One dense residual block, with the SE unit that may follow it."""
    name, is_last = f"{stream}-{number}", number == 5
    standard = blocks == "A0"
    rank = len(x.shape) - 2
    kx, ky, kz, ks, ko = KERNELS[blocks][number - 1]
    fx, f = FILTERS_X[blocks][number - 1], FILTERS[blocks][number - 1]
    fy = f if standard else 1
    out = f if half and is_last else 2 * f

    def square(n):
        return (n,) * rank

    def wide(n):  # 1 x n, 1 x n x n
        return square(n) if standard else (1, *[n] * (rank - 1))

    def tall(n):  # n x 1, n x n x 1
        return square(n) if standard else (*[n] * (rank - 1), 1)

    def join(u, v, letter):
        both = layers.Concatenate()([u, v])
        return _batch_norm(both, f"{name}-norm_{letter}") if standard else both

    a = _convolution(x, fx, wide(kx), name=f"{name}-conv_x")
    b = _convolution(join(x, a, "x"), fy, tall(ky), name=f"{name}-conv_y")
    d = _convolution(join(x, b, "y"), f, wide(kz), name=f"{name}-conv_z")
    s = _convolution(x, f, tall(ks), name=f"{name}-conv_s")
    total = layers.Add()([_pool(join(x, d, "z")), _pool(join(x, s, "s"))])
    x = _convolution(total, out, square(ko), name=f"{name}-conv_o")
    if not (nobn and is_last):
        x = _batch_norm(x, f"{name}-norm_o")
    return _excite(x, _global_average(x), f"{name}-se", se[number - 1]) if se else x


def _exchange(pair: list, names: tuple[str, ...], number: int) -> dict:
    """MMTM: both branches are gated from the sum of their global averages."""
    z = layers.Add()([_global_average(x) for x in pair])
    reduction = REDUCTIONS_MMTM[number - 1]
    return {
        name: _excite(x, z, f"{name}-{number}-mmtm", reduction)
        for name, x in zip(names, pair, strict=True)
    }


def _excite(x, z, name: str, reduction: int):
    """x * cSE(z) + x * sSE(x)."""
    rank, channels = len(x.shape) - 2, x.shape[-1]
    hidden = layers.Dense(
        channels // reduction, activation="relu", use_bias=False, name=f"{name}-reduce"
    )(z)
    gate = layers.Dense(channels, activation="sigmoid", use_bias=False, name=f"{name}-expand")(
        hidden
    )
    gate = layers.Reshape((1,) * rank + (channels,))(gate)
    convolution = layers.Conv2D if rank == 2 else layers.Conv3D
    places = convolution(1, 1, activation="sigmoid", use_bias=False, name=f"{name}-project")(x)
    return layers.Add()([layers.Multiply()([x, gate]), layers.Multiply()([x, places])])


def _convolution(x, filters: int, kernel: tuple[int, ...], *, name: str):
    layer = layers.Conv2D if len(kernel) == 2 else layers.Conv3D
    return layer(filters, kernel, padding="same", activation="relu", name=name)(x)


def _batch_norm(x, name: str):
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=name)(x)


def _pool(x):
    layer = layers.MaxPooling2D if len(x.shape) == 4 else layers.MaxPooling3D
    return layer(2, padding="same")(x)


def _global_average(x):
    layer = layers.GlobalAveragePooling2D if len(x.shape) == 4 else layers.GlobalAveragePooling3D
    return layer()(x)
