"""What a convolution of random numbers gives, and its gradients: ours, or PyTorch's own."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from plain_layers import CONVOLUTIONS


def plain_convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """PyTorch's own, stride 1, 'same'."""
    convolution = CONVOLUTIONS[x.ndim - 2]
    return convolution(x, weight, bias, padding=[n // 2 for n in weight.shape[2:]])


def values_and_gradients(
    convolve: Callable, shape: tuple, kernel: tuple, *, dtype: torch.dtype, layout
) -> dict[str, Tensor]:
    """By name, of a weighted sum of `convolve(x, weight, bias)`."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape), torch.randn(kernel), torch.randn(kernel[0])
    x, weight = (tensor.contiguous(memory_format=layout) for tensor in (x, weight))
    inputs = {"input": x, "weight": weight, "bias": bias}
    inputs = {name: tensor.to(dtype).requires_grad_() for name, tensor in inputs.items()}
    y = convolve(*inputs.values())
    assert y.shape == (shape[0], kernel[0], *shape[2:])
    cotangent = torch.arange(math.prod(y.shape)).view(y.shape).double().sin() + 1
    y.backward(cotangent.to(y.dtype))
    return {"output": y.detach()} | {name: tensor.grad for name, tensor in inputs.items()}
