"""C3D as the paper modified it: its one network that is not dense, residual and separable."""

from collections import OrderedDict
from math import prod

from torch import Tensor, nn

from mvemotion.errors import InputError
from mvemotion.flops import multiply_adds, through_layers
from mvemotion.layers import ReLU, convolution, dense
from mvemotion.specs import (
    EMOTIONS,
    PAPER_FORMAT,
    C3DArchitecture,
    ClipFormat,
    Network,
    stream_shape,
)
from mvemotion.streams import check_streams


class C3DNetwork(nn.Module):
    """Tran et al.'s C3D as the paper modified it (Section 4.2, Tables 2 and 4).

    `forward`: {stream: (B, 3, H, W, T)} -> logits (B, K). H, W and T are fixed by the first dense
    layer; PyTorch's default flattening order differs from Keras', which no count or score can see.
    """

    def __init__(self, spec: Network, clip_format: ClipFormat = PAPER_FORMAT):
        super().__init__()
        architecture: C3DArchitecture = spec.branches[0].architecture
        self.spec, self.streams = spec, spec.streams
        self.size = stream_shape(self.streams[0], clip_format)
        self.features = _features(architecture)
        inputs = _feature_count(self.features, self.size)
        self.dense = _dense(architecture, inputs)
        self.head = dense(architecture.dense[-1], len(EMOTIONS))

    def forward(self, streams: dict[str, Tensor]) -> Tensor:
        check_streams(streams, self.streams)
        x = streams[self.streams[0]]
        if tuple(x.shape[1:]) != self.size:
            raise InputError(
                f"stream {self.streams[0]}: shape {tuple(x.shape)}; this C3D was built for "
                f"(B, {', '.join(map(str, self.size))}); build it with the clips' ClipFormat"
            )
        features = self.features(x)
        return self.head(self.dense(features.flatten(1)))

    def multiply_adds(self, shapes: dict[str, tuple[int, ...]]) -> int:
        """Of one clip's forward pass, with the input of the shape it was built for."""
        in_features, _ = through_layers(self.features, shapes[self.streams[0]][1:])
        return in_features + multiply_adds(self.dense) + multiply_adds(self.head)


def _features(architecture: C3DArchitecture) -> nn.Sequential:
    """Convolutions and poolings under their usual names: conv1a, pool1, ..., conv5b, pool5."""
    layers, channels = OrderedDict(), 3
    groups = zip(architecture.filters, architecture.pools, strict=True)
    for number, (group, pool) in enumerate(groups, start=1):
        for letter, filters in zip("ab", group, strict=False):
            layers[f"conv{number}{letter}"] = convolution(channels, filters, (3, 3, 3))
            layers[f"relu{number}{letter}"] = ReLU()
            channels = filters
        if number == len(architecture.pools):  # one zero on both sides of columns and frames
            layers[f"pad{number}"] = nn.ConstantPad3d((1, 1, 1, 1, 0, 0), 0.0)
        layers[f"pool{number}"] = nn.MaxPool3d(pool)
    return nn.Sequential(layers)


def _dense(architecture: C3DArchitecture, inputs: int) -> nn.Sequential:
    """The hidden layers, fc6 and fc7, each with dropout after it (assumption 18)."""
    layers = OrderedDict()
    for number, outputs in enumerate(architecture.dense, start=6):
        layers[f"fc{number}"] = dense(inputs, outputs)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"drop{number}"] = nn.Dropout(architecture.dropout)
        inputs = outputs
    return nn.Sequential(layers)


def _feature_count(features: nn.Sequential, shape: tuple[int, ...]) -> int:
    """Values that reach the first dense layer for one clip."""
    _, size = through_layers(features, shape[1:])
    if not all(size):
        raise InputError(
            f"C3D input {shape}: its five poolings need at least 16 rows, columns and frames"
        )
    return features.conv5b.out_channels * prod(size)
