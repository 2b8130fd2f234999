"""BatchNorm that is PyTorch's, and exact and quick where PyTorch's own is not: on a CPU."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm


class BatchNorm(_BatchNorm):
    """Keras' BatchNormalization of (B, C, ...), with as many axes after C as there are.

    Epsilon is 1e-3; Keras' momentum 0.99 is 0.01 here (assumption 7). State and formula are those
    of `nn.BatchNorm2d` and `nn.BatchNorm3d`. On a CPU in 32 bits PyTorch 2.11 adds up channels-last
    values one by one: with 260,000 of them to a channel its variance is off by up to 0.4 %, and the
    gradients of music A2 by 1 to 3 %; where channels are few and not a multiple of eight, as in A0,
    it is four times slower, too. Here sums are pairwise, and gradients good to 1e-5.

    Parameters
    ----------
    channels : int
        C.
    """

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-3, momentum=0.01)

    def _check_input_dim(self, x: Tensor) -> None:
        """2D and 3D alike."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to the same shape."""
        if x.device.type != "cpu" or x.dtype != self.weight.dtype or is_short(x):
            return super().forward(x)  # a GPU, 16 bits, or shapes alone
        if not self.training:
            scale = self.weight * torch.rsqrt(self.running_var + self.eps)
            return scaled(x, scale, self.bias - self.running_mean * scale)
        variance, mean = variance_and_mean(x.detach())
        self._remember(mean, variance, x.numel() // x.shape[1])
        return _Normalised.apply(x, self.weight, self.bias, mean, torch.rsqrt(variance + self.eps))

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of `count` values a channel."""
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        variance = variance * (count / max(count - 1, 1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class _Normalised(torch.autograd.Function):
    """(x - mean) / sd * weight + bias, where mean and sd are those of x itself."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, rsd: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, mean, rsd)
        scale = weight * rsd
        return scaled(x, scale, bias - mean * scale)

    @staticmethod
    @once_differentiable
    def backward(ctx, g: Tensor) -> tuple:
        x, weight, mean, rsd = ctx.saved_tensors
        axes, count, scale = _axes(x), x.numel() // x.shape[1], weight * rsd
        to_bias = g.sum(axes)
        to_weight = ((g * x).sum(axes) - mean * to_bias) * rsd
        by_sd = -scale * rsd * to_weight / count  # x moves its own sd, and its own mean
        by_mean = -scale * to_bias / count - by_sd * mean
        to_x = scaled(x, by_sd, by_mean).addcmul_(g, _column(scale, g))
        return to_x, to_weight, to_bias, None, None


def is_short(x: Tensor) -> bool:
    """Whether numbers have 16 bits: too few to add them up, or to take a difference of means."""
    return x.dtype.itemsize < 4


def variance_and_mean(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of (B, C, ...): two times (C,), the variance that of the values at hand."""
    mean = x.mean(_axes(x))  # `torch.var_mean` would be as exact, and five times slower
    return (x - _column(mean, x)).square().mean(_axes(x)), mean


def _axes(x: Tensor) -> list[int]:
    return [0, *range(2, x.ndim)]


def _column(values: Tensor, x: Tensor) -> Tensor:
    """(C,) to (1, C, 1, ...)."""
    return values.view(1, -1, *[1] * (x.ndim - 2))


def scaled(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x * scale + shift``, (B, C, ...) with a number of each for every channel: (C,)."""
    return torch.addcmul(_column(shift, x), x, _column(scale, x))
