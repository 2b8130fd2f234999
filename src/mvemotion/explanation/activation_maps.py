"""Where in its inputs a network found an emotion: Grad-CAM (Selvaraju et al. 2017).

The map of a stream is the rectified sum of one layer's channels, each weighted by the mean gradient
of the emotion's logit (before softmax) on it: what is hot raised the logit. It is as coarse as the
layer, and is brought to the input's size by linear interpolation.

Which layer: the third of the five stages, with what its SE or MMTM unit made of it. Grad-CAM is
mostly read off the last one, but here that is 4 x 41 cells for music and 4 x 4 x 2 for pictures,
each of which has seen nearly everything, borders included: with a cue planted in a known place its
maps miss the cue, those of the fourth stage touch it, those of the third (16 x 162 cells of 8 bands
and 0.19 s; 16 x 16 x 8 cells of 8 pixels and 3.8 s) lie on it. Earlier stages know edges rather
than emotions. In C3D it is the third of five groups of convolutions, 56 x 28 x 8 cells; in the
reference R(2+1)D, whose stem counts as the first, the second of four.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mvemotion.c3d import C3DNetwork
from mvemotion.networks import TorchvisionNetwork

STAGE = 2  # the third: stages are counted from 0
MODES = {2: "bilinear", 3: "trilinear"}


def activation_maps(
    network: nn.Module, streams: dict[str, Tensor], emotion: int
) -> dict[str, np.ndarray]:
    """Where in each of its inputs a network found an emotion.

    Parameters
    ----------
    network : nn.Module
        From `create_network`, in evaluation mode.
    streams : dict of Tensor
        One clip's standardised inputs, (1, C, ...) each.
    emotion : int
        Index into `EMOTIONS`.

    Returns
    -------
    dict of np.ndarray
        For each stream float32 (M, L) or (H, W, T), from 0 to 1 at the strongest place; all 0 if
        nothing in the stream raised the logit.
    """
    with torch.enable_grad(), _frozen(network), _cut(network) as leaves:
        logit = network(streams)[0, emotion]
        gradients = torch.autograd.grad(logit, list(leaves.values()))
    weighted = dict(zip(leaves, map(_weighted_sum, leaves.values(), gradients), strict=True))
    if isinstance(network, TorchvisionNetwork):  # (1, 1, T, H, W) inside
        weighted = {name: cells.permute(0, 1, 3, 4, 2) for name, cells in weighted.items()}
    branches = _branches(network)
    return {name: _fit(weighted[branches[name]], x.shape[2:]) for name, x in streams.items()}


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """No gradients of weights: only the way from the layer to the logit is recorded."""
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for parameter in learned:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


@contextmanager
def _cut(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """{stream: (1, C, ...)}: what the layer gave, as the inputs of all that comes after it."""
    leaves: dict[str, Tensor] = {}

    def cut(_module, _inputs, output: dict[str, Tensor] | Tensor):
        is_lone = isinstance(output, Tensor)
        given = {network.streams[0]: output} if is_lone else output
        leaves.update({name: x.detach().requires_grad_() for name, x in given.items()})
        return leaves[network.streams[0]] if is_lone else dict(leaves)

    hook = _layer(network).register_forward_hook(cut)
    try:
        yield leaves
    finally:
        hook.remove()


def _layer(network: nn.Module) -> nn.Module:
    if isinstance(network, TorchvisionNetwork):
        return network.body.layer2
    return network.features.relu3b if isinstance(network, C3DNetwork) else network.stages[STAGE]


def _branches(network: nn.Module) -> dict[str, str]:
    """Which branch reads a stream: its own, unless the pathways are swapped (discrepancy D4)."""
    branches = {name: name for name in network.streams}
    if network.spec.swaps_pathways:
        for slow, fast in network.spec.pathways:
            branches |= {slow: fast, fast: slow}
    return branches


def _weighted_sum(activation: Tensor, gradient: Tensor) -> Tensor:
    """(1, C, ...) twice to (1, 1, ...): channels by their mean gradient, what lowers cut off."""
    places = tuple(range(2, activation.ndim))
    weights = gradient.mean(places, keepdim=True)
    return (weights * activation.detach()).sum(1, keepdim=True).relu()


def _fit(cells: Tensor, size: torch.Size) -> np.ndarray:
    """Scale (1, 1, ...) to `size`, and its maximum to 1."""
    fitted = F.interpolate(cells.float(), size=tuple(size), mode=MODES[len(size)])[0, 0]
    highest = fitted.max()
    return (fitted / highest if highest > 0 else fitted).cpu().numpy()
