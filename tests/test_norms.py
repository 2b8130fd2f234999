"""BatchNorm's values, gradients and running statistics are PyTorch's in 64 bits."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from mvemotion.layers import channels_last_
from mvemotion.networks import create_network
from mvemotion.norms import BatchNorm

PLAIN = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
SHAPES = [(3, 5, 6, 7), (1, 8, 9, 4), (2, 3, 4, 5, 6), (4, 8, 64, 646)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def _pair(channels: int, rank: int) -> tuple[nn.Module, nn.Module]:
    """Ours in 32 bits, and PyTorch's of the same state in 64."""
    ours = BatchNorm(channels)
    for values in (ours.weight.data, ours.bias.data, ours.running_mean, ours.running_var):
        values.uniform_(0.5, 1.5)
    plain = PLAIN[rank](channels, eps=1e-3, momentum=0.01)
    plain.load_state_dict(ours.state_dict())
    return ours, plain.double()


def _input(shape: tuple[int, ...]) -> torch.Tensor:
    """Like what comes out of ReLU, channels last as all training has it."""
    return (torch.randn(shape) + 1).relu().contiguous(memory_format=LAYOUTS[len(shape)])


def _values(norm: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    x.requires_grad_()
    y = norm(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    (y * weights).sum().backward()
    gradients = {f"gradient of {name}": p.grad for name, p in norm.named_parameters()}
    return {"output": y.detach(), "gradient of input": x.grad, **gradients, **norm.state_dict()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_gradients_and_statistics_are_pytorchs(shape, training):
    ours, plain = (norm.train(training) for norm in _pair(shape[1], len(shape)))
    x = _input(shape)
    found, expected = _values(ours, x), _values(plain, x.detach().double())
    assert found.keys() == expected.keys()
    for name, value in found.items():
        largest = expected[name].abs().max()
        assert (value.double() - expected[name]).abs().max() <= 1e-5 * largest, name


def test_the_average_over_all_batches_is_pytorchs():
    """`update_bn` sets the momentum to None: then every batch counts alike."""
    ours, plain = _pair(4, 4)
    batches = [_input((2, 4, 5, 6)) for _ in range(3)]
    update_bn(batches, ours)
    update_bn([batch.double() for batch in batches], plain)
    torch.testing.assert_close(ours.running_mean.double(), plain.running_mean)
    torch.testing.assert_close(ours.running_var.double(), plain.running_var)


def test_gradients_of_a_whole_network_are_those_of_64_bits():
    """PyTorch's own BatchNorm leaves them 1 to 3 % off here, channels last on a CPU."""
    network = channels_last_(create_network("music_a2"))
    exact = deepcopy(network).double()
    x, target = torch.randn(2, 2, 128, 646), torch.tensor([1, 4])
    for net, clips in ((network, x.contiguous(memory_format=torch.channels_last)), (exact, x)):
        streams = {"music": clips.to(next(net.parameters()).dtype)}
        nn.functional.cross_entropy(net(streams), target).backward()
    found, expected = (
        torch.cat([p.grad.flatten().double() for p in net.parameters()]) for net in (network, exact)
    )
    assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.parametrize("rank", [2, 3])
def test_batch_norm_has_keras_epsilon_and_momentum(rank):
    norm = BatchNorm(4)
    assert norm.eps == 1e-3
    x = torch.randn(8, 4, *[5] * rank) + 3
    norm(x)
    moved = 0.01 * x.transpose(0, 1).flatten(1).mean(1)
    torch.testing.assert_close(norm.running_mean, moved)
