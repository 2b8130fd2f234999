"""What goes into a network: {stream: tensor}, checked by name and shape."""

from torch import Tensor

from mvemotion.errors import InputError
from mvemotion.specs import stream_shape


def check_streams(streams: dict[str, Tensor], expected: tuple[str, ...]) -> None:
    """Raise InputError unless exactly the expected streams are given, by name, channels second."""
    if set(streams) != set(expected):
        raise InputError(
            f"streams {sorted(streams)}: this network takes exactly {sorted(expected)}; "
            "pass {name: tensor}"
        )
    for name, x in streams.items():
        shape = stream_shape(name)
        if x.ndim != len(shape) + 1 or x.shape[1] != shape[0]:
            axes = "(B, 2, M, L)" if len(shape) == 3 else "(B, 3, H, W, T)"
            raise InputError(f"stream {name}: shape {tuple(x.shape)}, {axes} needed")
