"""Convolutions by way of spectra give the plain ones' numbers and gradients, where they pay."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from gradients import plain_convolve, values_and_gradients
from mvemotion import convolutions, fourier
from mvemotion.convolutions import convolve
from mvemotion.fourier import (
    Tiling,
    convolve_by_spectra,
    is_quicker_by_spectra,
    quickest_tiling,
)
from mvemotion.layers import DenseBlock, channels_last_
from mvemotion.specs import Block
from plain_layers import make_plain

CASES = {  # input, weights, and outputs of a tile where that is not for the costs to say
    "one tile": ((2, 3, 5, 7, 6), (4, 3, 5, 5, 5), (5, 7, 6)),
    "several tiles": ((1, 3, 40, 36, 24), (2, 3, 7, 7, 7), (20, 12, 8)),
    "tiles beyond the end": ((2, 2, 17, 21, 19), (3, 2, 9, 9, 9), (3, 16, 5)),
    "tiles of one output": ((1, 2, 4, 3, 5), (3, 2, 3, 3, 3), (1, 1, 1)),
    "an oblong kernel": ((1, 4, 20, 33, 16), (3, 4, 3, 5, 9), None),
    "a kernel longer than the input": ((3, 2, 5, 6, 4), (2, 2, 13, 13, 13), None),
    "many filters": ((1, 32, 12, 12, 8), (32, 32, 7, 7, 7), None),
    "one of all": ((1, 1, 8, 8, 8), (1, 1, 3, 3, 3), None),
}
A0 = {  # layers with long kernels on clips of 128 x 128 x 64: size, channels, filters, kernel
    "conv_x of block 1": ((128, 128, 64), 3, 8, 13),
    "conv_y of block 1": ((128, 128, 64), 11, 8, 9),
    "conv_z of block 1": ((128, 128, 64), 11, 8, 5),
    "conv_x of block 2": ((64, 64, 32), 16, 16, 9),
    "conv_y of block 2": ((64, 64, 32), 32, 16, 7),
    "conv_x of block 3": ((32, 32, 16), 32, 32, 9),
    "conv_y of block 3": ((32, 32, 16), 64, 32, 7),
}


@pytest.fixture
def always(monkeypatch):
    """Every 3D convolution with a kernel goes by spectra, however small."""

    def is_3d(x, weight, **_):
        return x.ndim == 5 and min(weight.shape[2:]) > 1

    monkeypatch.setattr(convolutions, "is_quicker_by_spectra", is_3d)


@pytest.fixture
def counted(monkeypatch):
    """Shapes of inputs that go by spectra, which give them back as they are."""
    shapes = []

    def convolve_nothing(x, *_):
        shapes.append(x.shape)
        return x

    monkeypatch.setattr(convolutions, "convolve_by_spectra", convolve_nothing)
    return shapes


# --- Numbers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-13), (torch.float32, 1e-6)])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_the_plain_convolution(
    case, dtype, limit, layout, monkeypatch
):
    shape, kernel, outputs = CASES[case]
    if outputs:
        monkeypatch.setattr(
            fourier, "quickest_tiling", lambda size, kernel, *_: Tiling(size, kernel, outputs)
        )
    found, expected = (
        values_and_gradients(how, shape, kernel, dtype=of, layout=layout)
        for how, of in ((convolve_by_spectra, dtype), (plain_convolve, torch.float64))
    )
    for name, tensor in expected.items():
        assert _relative_error(found[name], tensor) < limit, name


def test_tiles_overlap_by_the_kernel_and_cover_every_output():
    tiling = Tiling((37, 40, 8), (9, 9, 3), outputs=(13, 20, 8))
    assert tiling.tiles == (3, 2, 1)
    assert tiling.covered == (39, 40, 8)
    assert tiling.lengths == (22, 28, 10), "21 is odd"


def test_lengths_have_no_large_prime_factors():
    assert Tiling((64,) * 3, (13,) * 3, (64,) * 3).lengths == (78,) * 3, "76 is 4 times 19"


def test_a_layer_without_a_bias_and_an_input_without_a_gradient():
    x, weight = torch.randn(2, 3, 8, 8, 8), torch.randn(4, 3, 5, 5, 5, requires_grad=True)
    y = convolve_by_spectra(x, weight, None)
    assert _relative_error(y, plain_convolve(x.double(), weight.double(), None)) < 1e-6
    y.sum().backward()
    assert weight.grad.shape == weight.shape
    assert x.grad is None


def test_outputs_are_channels_last_and_may_be_changed_in_place():
    for size in ((16, 16, 16), (17, 19, 33)):
        x = torch.randn(2, 3, *size, requires_grad=True)
        y = convolve_by_spectra(x, torch.randn(4, 3, 5, 5, 5), torch.randn(4))
        assert y.is_contiguous(memory_format=torch.channels_last_3d)
        assert not y._is_view()
        F.relu(y, inplace=True).sum().backward()
        assert x.grad.abs().sum() > 0


def test_a_clip_has_the_same_outputs_alone_and_among_others():
    x, weight = torch.randn(4, 32, 16, 16, 8), torch.randn(32, 32, 9, 9, 9)
    together = convolve_by_spectra(x, weight, None)
    alone = [convolve_by_spectra(clip, weight, None) for clip in x.split(1)]
    assert torch.equal(together, torch.cat(alone))


def test_where_all_is_zero_hardly_anything_is_found():
    """Rounding is that of the largest value in a tile, so that zeros are not quite zero."""
    x, weight = torch.zeros(1, 3, 32, 24, 16), torch.randn(4, 3, 7, 7, 7)
    x[:, :, 16:] = torch.randn(1, 3, 16, 24, 16)
    y = convolve_by_spectra(x, weight, None)
    assert y[:, :, :12].abs().max() < 1e-6 * y.abs().max()


@pytest.mark.usefixtures("always")
def test_in_bfloat16_only_what_comes_out_is_rounded():
    x, weight = torch.randn(1, 3, 40, 36, 24), torch.randn(2, 3, 7, 7, 7)
    with torch.autocast("cpu", torch.bfloat16):
        y = convolve(x, weight, None)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, convolve_by_spectra(x, weight, None).bfloat16())


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_outputs_and_gradients_have_the_bits_of_their_inputs(dtype):
    x, weight = (torch.randn(n, 2, 8, 8, 8, dtype=dtype) for n in (1, 3))
    x, weight = x.requires_grad_(), weight[..., :5, :5, :5].clone().requires_grad_()
    y = convolve(x, weight, None)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == weight.grad.dtype == dtype


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(("precision", "limit"), [("32 bits", 1e-4), ("bfloat16", 0.1)])
def test_a_block_of_a0_learns_as_the_plain_one_does(precision, limit):
    gradients = []
    for is_plain in (False, True):
        torch.manual_seed(1)
        block = DenseBlock(3, Block(13, 9, 5, 1, 5, 8, 8, 8, 16), 3, is_separable=False, filters=16)
        x = torch.randn(2, 3, 24, 24, 16)
        block, x = (make_plain(block).double(), x.double()) if is_plain else (block, x)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "32 bits" and not is_plain):
            y = channels_last_(block)(x)
        y.double().square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten().double() for p in block.parameters()]))
    assert _relative_error(*gradients) < limit


# --- Where it pays --------------------------------------------------------------------------------
@pytest.mark.parametrize("layer", A0)
def test_long_kernels_of_a0_go_by_spectra(layer):
    size, channels, filters, n = A0[layer]
    assert _pays(size, channels, filters, (n,) * 3)


@pytest.mark.parametrize("layer", ["conv_x of block 1", "conv_y of block 1", "conv_x of block 2"])
def test_so_do_the_longest_in_bfloat16(layer):
    size, channels, filters, n = A0[layer]
    assert _pays(size, channels, filters, (n,) * 3, is_bfloat16=True)


@pytest.mark.parametrize(
    ("size", "channels", "filters", "kernel"),
    [
        ((128, 128, 64), 3, 8, (1, 1, 1)),
        ((128, 128, 64), 3, 8, (1, 9, 9)),
        ((64, 64, 32), 19, 32, (3, 3, 3)),
        ((112, 56, 16), 64, 128, (3, 3, 3)),
        ((8, 8, 4), 128, 128, (7, 7, 7)),
        ((4, 4, 2), 256, 256, (3, 3, 3)),
        ((24, 24, 8), 3, 2, (5, 5, 5)),
        ((0, 24, 8), 3, 2, (13, 13, 13)),
        ((128, 1292), 10, 8, (9, 9)),
    ],
    ids=str,
)
def test_other_layers_do_not(size, channels, filters, kernel):
    assert not _pays(size, channels, filters, kernel)


def test_few_channels_have_larger_tiles_than_many():
    large = quickest_tiling((64, 64, 32), (9, 9, 9), 11, 8)
    small = quickest_tiling((64, 64, 32), (9, 9, 9), 64, 64)
    assert math.prod(large.tiles) < math.prod(small.tiles)


@pytest.mark.parametrize(
    "x, weight",
    [
        (torch.randn(1, 4, 32, 32, 16), torch.randn(8, 3, 13, 13, 13)),
        (torch.randn(1, 3, 32, 32, 16), torch.randn(8, 3, 13, 13, 13).double()),
    ],
    ids=["channels", "bits"],
)
def test_what_does_not_fit_is_refused_by_pytorch(x, weight):
    with pytest.raises(RuntimeError) as refusal:
        plain_convolve(x, weight, None)
    with pytest.raises(RuntimeError, match=re.escape(str(refusal.value)[:40])):
        convolve(x, weight, None)


def test_convolutions_ask_what_is_quicker(counted):
    size, channels, filters, n = A0["conv_x of block 3"]
    layer = convolutions.Convolution3d(channels, filters, (n, n, n))
    with torch.no_grad():
        layer(torch.zeros(1, channels, *size))
        layer(torch.zeros(1, channels, 4, 4, 4))
    assert counted == [(1, channels, *size)]


def test_half_the_lanes_are_filled_by_half_the_filters():
    """What does not pay with eight filters at once may with sixteen, half of which would idle."""
    size, channels, filters, n = A0["conv_z of block 1"]
    assert _pays(size, channels, filters, (n, n, n), lanes=16)
    assert not _pays(size, channels, filters, (n, n, n), lanes=8)


def _pays(size, channels, filters, kernel, *, lanes=16, is_bfloat16=False) -> bool:
    x, weight = torch.empty(1, channels, *size), torch.empty(filters, channels, *kernel)
    return is_quicker_by_spectra(x, weight, lanes=lanes, is_bfloat16=is_bfloat16)


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm() / expected.norm())
