"""Kernels reach the axes that the specification names, and each formula is the paper's."""

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mvemotion.layers import (
    DenseBlock,
    MultimodalTransfer,
    SqueezeExcitation,
    channels_last_,
    convolution,
    dense,
    he_normal_,
    squeeze,
)
from mvemotion.norms import BatchNorm
from mvemotion.pooling import max_pool
from mvemotion.specs import A0, A1, A2, A2_WIDE
from plain_layers import make_plain, plain_pool

ARCHITECTURES = {a.name: a for a in (A0, A1, A2, A2_WIDE)}
CONVOLUTIONS = ("conv_x", "conv_y", "conv_z", "conv_s", "conv_o")

# Reach of each convolution, by hand from the description of the blocks: a square filter is split
# into 1 x n (conv_x, conv_z) and n x 1 (conv_y, conv_s) in 2D, and into 1 x n x n and n x n x 1 in
# 3D, where the axes are rows, columns, frames. conv_o stays square.
REACH_2D = {  # (mel bands, frames)
    ("A0", 1): ("13x13", "9x9", "5x5", "1x1", "5x5"),
    ("A0", 2): ("9x9", "7x7", "5x5", "1x1", "5x5"),
    ("A0", 3): ("9x9", "7x7", "3x3", "1x1", "3x3"),
    ("A0", 4): ("9x9", "5x5", "3x3", "1x1", "3x3"),
    ("A0", 5): ("7x7", "5x5", "3x3", "1x1", "3x3"),
    ("A1", 1): ("1x5", "5x1", "1x3", "3x1", "3x3"),
    ("A1", 2): ("1x5", "5x1", "1x3", "3x1", "3x3"),
    ("A1", 3): ("1x5", "5x1", "1x3", "3x1", "3x3"),
    ("A1", 4): ("1x3", "3x1", "1x3", "3x1", "3x3"),
    ("A1", 5): ("1x3", "3x1", "1x3", "3x1", "3x3"),
    ("A2", 1): ("1x9", "9x1", "1x5", "5x1", "3x3"),
    ("A2", 2): ("1x7", "7x1", "1x5", "5x1", "3x3"),
    ("A2", 3): ("1x7", "7x1", "1x3", "3x1", "3x3"),
    ("A2", 4): ("1x5", "5x1", "1x3", "3x1", "3x3"),
    ("A2", 5): ("1x5", "5x1", "1x3", "3x1", "3x3"),
    ("A2 wide", 1): ("1x9", "9x1", "1x5", "5x1", "3x3"),
    ("A2 wide", 5): ("1x5", "5x1", "1x3", "3x1", "3x3"),
}
REACH_3D = {  # (rows, columns, frames)
    ("A0", 1): ("13x13x13", "9x9x9", "5x5x5", "1x1x1", "5x5x5"),
    ("A0", 2): ("9x9x9", "7x7x7", "5x5x5", "1x1x1", "5x5x5"),
    ("A0", 3): ("9x9x9", "7x7x7", "3x3x3", "1x1x1", "3x3x3"),
    ("A0", 4): ("9x9x9", "5x5x5", "3x3x3", "1x1x1", "3x3x3"),
    ("A0", 5): ("7x7x7", "5x5x5", "3x3x3", "1x1x1", "3x3x3"),
    ("A1", 1): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A1", 2): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A1", 3): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A1", 4): ("1x3x3", "3x3x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A1", 5): ("1x3x3", "3x3x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A2", 1): ("1x9x9", "9x9x1", "1x5x5", "5x5x1", "3x3x3"),
    ("A2", 2): ("1x7x7", "7x7x1", "1x5x5", "5x5x1", "3x3x3"),
    ("A2", 3): ("1x7x7", "7x7x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A2", 4): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A2", 5): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
    ("A2 wide", 1): ("1x9x9", "9x9x1", "1x5x5", "5x5x1", "3x3x3"),
    ("A2 wide", 5): ("1x5x5", "5x5x1", "1x3x3", "3x3x1", "3x3x3"),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def _thin_block(name: str, index: int, rank: int) -> DenseBlock:
    """Block `index` (from 1) of an architecture: its own kernels, two filters everywhere."""
    architecture = ARCHITECTURES[name]
    block = replace(architecture.blocks[index - 1], fx=2, fy=2, f=2)
    return DenseBlock(2, block, rank, is_separable=architecture.is_separable, filters=2)


def _block(name: str, index: int, rank: int) -> DenseBlock:
    """Block `index` (from 1) of an architecture as the paper has it."""
    architecture = ARCHITECTURES[name]
    blocks = architecture.blocks
    channels = blocks[index - 2].out if index > 1 else {2: 2, 3: 3}[rank]
    separable = architecture.is_separable
    filters = blocks[index - 1].out
    return DenseBlock(channels, blocks[index - 1], rank, is_separable=separable, filters=filters)


@pytest.fixture
def avx2(monkeypatch):
    """Folds and weights' gradients as on a CPU without AVX-512, whatever this one has."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format={4: torch.channels_last, 5: torch.channels_last_3d}[x.ndim])


def _values_and_gradients(block: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The output, and the gradients of a weighted sum of it, by name."""
    x.requires_grad_()
    y = block(x)
    weights = torch.arange(y.numel()).view(y.shape).to(y.dtype).sin()
    (y * weights).sum().backward()
    gradients = {name: parameter.grad for name, parameter in block.named_parameters()}
    return {"output": y.detach(), "input": x.grad} | gradients


def _relative_error(x: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, relative to the largest value."""
    return float((x.double() - expected).abs().max() / expected.abs().max())


def _reach(layer: nn.Module, rank: int) -> str:
    """Extent on each axis of what an impulse at the centre reaches through all-ones weights."""
    side = 17
    nn.init.ones_(layer.weight)
    impulse = torch.zeros(1, layer.in_channels, *[side] * rank)
    impulse[(0, 0, *[side // 2] * rank)] = 1.0
    reached = (layer(impulse)[0, 0] > 0.5).nonzero() - side // 2  # ones, and rounding of zeros
    assert torch.equal(reached.amin(0), -reached.amax(0)), "not centred"
    extents = (2 * reached.amax(0) + 1).tolist()
    assert len(reached) == math.prod(extents), "not a full box"
    return "x".join(map(str, extents))


@torch.no_grad()
@pytest.mark.parametrize("name, index", REACH_2D)
def test_an_impulse_in_2d_reaches_only_the_axes_that_its_kernel_covers(name, index):
    block = _thin_block(name, index, rank=2)
    reach = tuple(_reach(getattr(block, conv), rank=2) for conv in CONVOLUTIONS)
    assert reach == REACH_2D[name, index]


@torch.no_grad()
@pytest.mark.parametrize("name, index", REACH_3D)
def test_an_impulse_in_3d_reaches_only_the_axes_that_its_kernel_covers(name, index):
    block = _thin_block(name, index, rank=3)
    reach = tuple(_reach(getattr(block, conv), rank=3) for conv in CONVOLUTIONS)
    assert reach == REACH_3D[name, index]


SIZES = {2: (16, 24), 3: (16, 8, 6)}  # rows that go eight at a time; see also the odd ones
ODD_SIZES = {2: (9, 13), 3: (9, 5, 3)}


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("sizes", [SIZES, ODD_SIZES])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("name, index", [("A0", 3), ("A1", 2), ("A2", 1), ("A2", 4)])
def test_a_block_is_the_plain_one_in_values_and_gradients(name, index, rank, sizes, batch, avx2):
    """Against PyTorch's plain operations in the paper's order, in 64 bits."""
    block = _block(name, index, rank).eval()
    _randomise_norms(block)
    x = torch.randn(batch, block.conv_x.in_channels, *sizes[rank])
    plain = make_plain(deepcopy(block).double())
    ours = _values_and_gradients(channels_last_(block), _channels_last(x))
    expected = _values_and_gradients(plain, x.double())
    assert ours.keys() == expected.keys()
    for key, value in ours.items():
        assert _relative_error(value, expected[key]) < 1e-5, key


@torch.no_grad()
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("name", ["A0", "A1", "A2"])
def test_a_block_without_gradients_is_the_plain_one(name, rank):
    """Pooling goes another way where nothing is to be learned."""
    block = _block(name, 2, rank).eval()
    _randomise_norms(block)
    x = torch.randn(2, block.conv_x.in_channels, *SIZES[rank])
    plain = make_plain(deepcopy(block).double())
    assert _relative_error(channels_last_(block)(_channels_last(x)), plain(x.double())) < 1e-5


@pytest.mark.parametrize("rank", [2, 3])
def test_a_block_is_channels_last_throughout(rank):
    """One tensor in another layout, and all that comes after it is two to four times slower."""
    block, layouts = channels_last_(_block("A2", 2, rank)), []
    layout = {2: torch.channels_last, 3: torch.channels_last_3d}[rank]
    for name, layer in block.named_children():
        if name == "conv_y":  # one channel: any order of strides is its own
            continue
        layer.register_forward_hook(
            lambda *call: layouts.append(call[-1].is_contiguous(memory_format=layout))
        )
    block(_channels_last(torch.randn(2, 8, *SIZES[rank])))
    assert layouts == [True] * 6  # four convolutions, conv_z's input and a norm


def test_only_a0_normalises_its_concatenations():
    for name in ("A0", "A1", "A2"):
        norms = [m for m in _thin_block(name, 1, 3).modules() if isinstance(m, BatchNorm)]
        assert [norm.num_features for norm in norms] == ([4, 4, 4, 4, 2] if name == "A0" else [2])


@pytest.mark.parametrize("sizes", [(1292, 646, 323, 162, 81, 41), (8, 4, 2, 1, 1, 1)])
def test_pooling_rounds_odd_sizes_up(sizes):
    for size, pooled in pairwise(sizes):
        assert max_pool(torch.zeros(1, 1, 2, size)).shape == (1, 1, 1, pooled)
        assert max_pool(torch.zeros(1, 1, 2, 3, size)).shape == (1, 1, 1, 2, pooled)


def test_pooling_an_odd_size_keeps_its_last_value_even_if_negative():
    x = -torch.arange(1.0, 6.0).reshape(1, 1, 1, 5)
    assert max_pool(x).flatten().tolist() == [-1.0, -3.0, -5.0]


@torch.no_grad()
@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (2, 3, 8, 12, 6), (1, 3, 8, 7), (1, 2, 1, 4, 6)])
def test_pooling_is_pytorchs(shape):
    x = torch.randn(shape)
    assert torch.equal(max_pool(x), plain_pool(x))
    assert torch.equal(max_pool(_channels_last(x)), plain_pool(x))


@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (2, 3, 8, 12, 6), (2, 8, 8, 12, 6)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_of_pooling_goes_to_one_of_the_greatest(shape, dtype):
    x = torch.randint(0, 3, shape).to(dtype)  # with many ties
    inputs = _channels_last(x).clone().requires_grad_()
    pooled = max_pool(inputs)
    weights = torch.arange(1, pooled.numel() + 1).remainder(200).add(1).view(pooled.shape).to(dtype)
    pooled.backward(weights)
    given = inputs.grad != 0
    assert given.sum() == pooled.numel()
    assert torch.equal(plain_pool(inputs.grad), weights)
    assert (x == _upsampled(plain_pool(x), shape))[given].all()


def test_the_gradient_of_pooling_is_pytorchs_where_nothing_ties():
    x = torch.randperm(2 * 3 * 8 * 12 * 6).view(2, 3, 8, 12, 6).float()
    cotangent = torch.randn(2, 3, 4, 6, 3)
    found = []
    for pool in (max_pool, plain_pool):
        inputs = x.clone().requires_grad_()
        pool(inputs).backward(cotangent)
        found.append(inputs.grad)
    assert torch.equal(*found)


def test_pooling_has_a_gradient_for_an_expanded_input():
    x = torch.arange(8.0).view(1, 1, 8, 1, 1).requires_grad_()
    max_pool(x.expand(2, 3, 8, 4, 2)).sum().backward()
    assert x.grad.flatten().tolist() == [0.0, 12.0] * 4


def _upsampled(pooled: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The greatest of its cell, at each place."""
    for axis in range(2, len(shape)):
        pooled = pooled.repeat_interleave(2, axis).narrow(axis, 0, shape[axis])
    return pooled


def test_squeeze_is_the_mean_over_everything_but_batch_and_channels():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)).astype("float32")
    np.testing.assert_allclose(squeeze(torch.from_numpy(x)), x.mean((2, 3, 4)), atol=1e-6)


@pytest.mark.parametrize("shape", [(256, 64, 3, 3), (64, 32, 3, 3, 3), (512, 512)])
def test_he_normal_is_cut_at_two_deviations_and_keeps_its_variance(shape):
    weight = he_normal_(torch.empty(shape)).double()
    variance = 2 / math.prod(shape[1:])
    limit = 2 * math.sqrt(variance) / 0.8796256610342398
    assert weight.var() == pytest.approx(variance, rel=0.02)
    assert 0.98 * limit < weight.abs().max() <= limit * (1 + 1e-6)
    assert weight.mean() == pytest.approx(0, abs=0.01 * math.sqrt(variance))


def test_biases_start_at_zero_and_the_last_layer_is_glorot_uniform():
    head = dense(512, 6)
    limit = math.sqrt(6 / (512 + 6))
    assert head.bias.eq(0).all()
    assert convolution(2, 3, (3, 3)).bias.eq(0).all()
    assert 0.95 * limit < head.weight.abs().max() <= limit
    assert head.weight.var().item() == pytest.approx(limit**2 / 3, rel=0.05)


@torch.no_grad()
@pytest.mark.parametrize("rank", [2, 3])
def test_squeeze_and_excitation_is_its_formula(rank):
    unit = SqueezeExcitation(8, 4, rank)
    x = torch.randn(2, 8, *(5, 3, 4)[:rank])
    gate = _channel_gate(squeeze(x), unit.channel)
    expected = _excite(x.numpy(), gate, unit.spatial)
    np.testing.assert_allclose(unit(x), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("joins_by", ["sum", "concatenate"])
def test_multimodal_transfer_is_its_formula(joins_by):
    unit = MultimodalTransfer(("u", "v"), 8, 4, rank=3, joins_by=joins_by)
    streams = {"u": torch.randn(2, 8, 4, 5, 6), "v": torch.randn(2, 8, 4, 5, 2)}
    both = squeeze(streams["u"]), squeeze(streams["v"])
    z = sum(both) if joins_by == "sum" else torch.cat(both, 1)
    for name, out in unit(streams).items():
        gate = _channel_gate(z, unit.channel[name])
        expected = _excite(streams[name].numpy(), gate, unit.spatial[name])
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_multimodal_transfer_moves_information_both_ways_and_spares_a_third_stream():
    unit = MultimodalTransfer(("u", "v"), 8, 2, rank=2)
    streams = {n: torch.rand(1, 8, 4, 4, requires_grad=True) for n in ("u", "v", "w")}
    excited = unit(streams)
    assert excited["w"] is streams["w"]
    for here, other in (("u", "v"), ("v", "u")):
        moved, third = torch.autograd.grad(
            excited[here].sum(),
            (streams[other], streams["w"]),
            retain_graph=True,
            allow_unused=True,
        )
        assert moved.abs().max() > 0
        assert third is None


@torch.no_grad()
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("name", ["A0", "A2"])
def test_channels_last_weights_change_the_layout_and_no_value(name, rank):
    block = _thin_block(name, 2, rank).eval()
    x = torch.randn(1, 2, *(8, 11, 6)[:rank])
    expected = block(x)
    before = {key: value.clone() for key, value in block.state_dict().items()}
    channels_last_(block)
    assert all(torch.equal(before[key], value) for key, value in block.state_dict().items())
    memory_format = {2: torch.channels_last, 3: torch.channels_last_3d}[rank]
    assert block.conv_o.weight.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def _randomise_norms(block: DenseBlock):
    for module in block.modules():
        if hasattr(module, "running_var"):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            module.weight.uniform_(-1.5, 1.5)
            module.bias.normal_()


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _channel_gate(z: torch.Tensor, gate: nn.Module) -> np.ndarray:
    """sigmoid(Dense_c(relu(Dense_{c//r}(z)))), (B, C)."""
    hidden = np.maximum(z.numpy() @ gate.reduce.weight.numpy().T, 0)
    return _sigmoid(hidden @ gate.expand.weight.numpy().T)


def _excite(x: np.ndarray, gate: np.ndarray, spatial: nn.Module) -> np.ndarray:
    """x * cSE + x * sSE, where sSE weighs the channels at each place."""
    weights = spatial.project.weight.numpy().reshape(-1)
    places = _sigmoid(np.einsum("bc...,c->b...", x, weights))[:, None]
    return x * gate.reshape(*gate.shape, *[1] * (x.ndim - 2)) + x * places
