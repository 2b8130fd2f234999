"""What is switched off for the benchmark changes how long a network takes, and nothing else."""

import pytest
import torch

import torch_cell
from mvemotion.specs import ClipFormat
from torch_cell import SWITCHES, create_network, switch_off

TINY = ClipFormat(duration_s=2.0, mel_bands=16)


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_network_without_it_has_the_same_outputs(switch, monkeypatch):
    torch.manual_seed(0)
    network = create_network("music_a2", clip_format=TINY).train()
    streams = {"music": torch.randn(2, 2, 16, 88)}
    expected = network(streams)
    if SWITCHES[switch]:
        monkeypatch.setattr(*SWITCHES[switch][:2], getattr(*SWITCHES[switch][:2]))  # to put back
    switch_off(switch)
    torch.testing.assert_close(network(streams), expected, rtol=1e-4, atol=1e-4)


def test_an_unknown_switch_is_an_error():
    with pytest.raises(KeyError):
        switch_off("foldng")


def test_a_renamed_function_is_an_error(monkeypatch):
    monkeypatch.setitem(SWITCHES, "folding", (torch_cell.convolutions, "no_such", None))
    with pytest.raises(AttributeError):
        switch_off("folding")
