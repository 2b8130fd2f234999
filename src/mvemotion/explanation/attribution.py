"""Which modality an answer rests on: each is taken away in turn, and what changes is measured.

Taken away means replaced by its neutral input, the mean of the training clips, which is zero after
standardising and what a clip without a face is given, too (assumption 11).
"""

from collections.abc import Set

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from mvemotion.specs import STREAMS


class Ablation:
    """One clip's answers with modalities taken away; each is computed once, when asked for.

    Parameters
    ----------
    network : nn.Module
        From `create_network`, in evaluation mode.
    streams : dict of Tensor
        Its standardised inputs, (1, C, ...) each.
    temperature : float
        What the logits are divided by, as in `Timeline`.
    """

    def __init__(self, network: nn.Module, streams: dict[str, Tensor], *, temperature: float = 1.0):
        self._network, self._streams, self._temperature = network, streams, temperature
        self._modalities = network.spec.modalities
        self._known: dict[frozenset[str], np.ndarray] = {}

    def probabilities(self, taken: Set[str] = frozenset()) -> np.ndarray:
        """Softmax, float64 (K,), with the modalities in `taken` neutral."""
        key = frozenset(taken)
        if key not in self._known:
            self._known[key] = self._answer(key)
        return self._known[key]

    def falls(self, emotion: int) -> dict[str, float]:
        """By how much an emotion's probability falls without each modality; negative: it rises."""
        whole = self.probabilities()[emotion]
        return {m: float(whole - self.probabilities({m})[emotion]) for m in self._modalities}

    def alone(self, emotion: int) -> dict[str, float]:
        """An emotion's probability when all modalities but one are neutral, for each."""
        every = set(self._modalities)
        return {m: float(self.probabilities(every - {m})[emotion]) for m in self._modalities}

    @torch.no_grad()
    def _answer(self, taken: frozenset[str]) -> np.ndarray:
        streams = {
            name: torch.zeros_like(x) if STREAMS[name].modality in taken else x
            for name, x in self._streams.items()
        }
        return softmax(self._network(streams)[0].double().cpu().numpy() / self._temperature)
