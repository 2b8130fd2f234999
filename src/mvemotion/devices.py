"""The device that computes, and how it rounds: Lightning Fabric's settings, and PyTorch's own."""

import warnings

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from mvemotion.allocator import keep_freed_memory
from mvemotion.errors import InputError


def open_fabric(
    device: str,
    devices: int = 1,
    precision: str = "32-true",
    *,
    machines: int = 1,
    is_training: bool = False,
) -> Fabric:
    """Lightning's hold on devices and precision; on a CPU, memory is kept from step to step.

    On a GPU, sets for the whole process how 32-bit numbers are multiplied: see `set_arithmetic`.

    Raises
    ------
    InputError
        If this machine has no such device, or the device no such precision.
    """
    warnings.filterwarnings("ignore", message=".*AMP with fp16 is not supported on CPU")  # refused
    # Jobs of a cluster start one process themselves, and this one may be no job at all.
    warnings.filterwarnings("ignore", message="The `srun` command is available on your system")
    try:
        fabric = Fabric(
            accelerator=device, devices=devices, num_nodes=machines, precision=precision
        )
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        raise InputError(
            f"device {device!r}, {devices} of them, precision {precision!r}: {error}; choose what "
            "this machine has: --device cpu works everywhere"
        ) from error
    _check_precision(fabric.device, precision)
    set_arithmetic(fabric.device, is_training=is_training)
    if fabric.device.type == "cpu":
        keep_freed_memory()
    return fabric


def set_arithmetic(device: torch.device, *, is_training: bool) -> None:
    """Let a GPU train quickly and score exactly (assumption 20); a CPU has nothing to set.

    In training, 32-bit products are rounded to TF32 (8 bits of exponent, 10 of mantissa) and cuDNN
    tries its algorithms at each new shape and keeps the quickest. Else 32 bits are 32 bits, and
    cuDNN chooses by rule: the same network and clips give the same scores.
    """
    if device.type != "cuda":
        return
    torch.set_float32_matmul_precision("high" if is_training else "highest")
    torch.backends.cudnn.allow_tf32 = is_training
    torch.backends.cudnn.benchmark = is_training


def _check_precision(device: torch.device, precision: str) -> None:
    """Lightning would warn, and train in another precision than the run then records."""
    if device.type == "cpu" and precision == "16-mixed":
        raise InputError(
            "precision '16-mixed' on a CPU: PyTorch has no autocast to float16 there; choose "
            "bf16-mixed or 32-true, or a GPU"
        )
