"""Several processes that train one network: together they compute what one would, and end."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from mvemotion.errors import ReplicationError
from mvemotion.norms import BatchNorm, is_short, scaled, variance_and_mean

WATCH_S = 0.2
GRACE_S = 3.0  # for an error that all processes meet to be told by each of them


def torchrun_devices() -> tuple[int, int] | None:
    """Processes a machine, and machines, where torchrun started this one; None elsewhere."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


# --- Batches --------------------------------------------------------------------------------------
class SharedBatchNorm(BatchNorm):
    """BatchNorm by the statistics of every process's batch together, on any device.

    All batches must be equally large. PyTorch's own SyncBatchNorm needs GPUs.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to the same shape."""
        if not self.training:
            return super().forward(x)
        if is_short(x):
            return self.forward(x.float()).to(x.dtype)
        processes = dist.get_world_size()
        variance, mean = variance_and_mean(x)
        whole = all_reduce(mean) / processes
        spread = all_reduce(variance + (mean - whole).square()) / processes
        self._remember(whole.detach(), spread.detach(), processes * x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(spread + self.eps)
        return scaled(x, scale, self.bias - whole * scale)


def share_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """Let every BatchNorm normalise by the batches of all processes; parameters keep their names.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    device : torch.device
        On GPUs PyTorch's own layer does it.
    """
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for name, child in list(network.named_modules()):
        if isinstance(child, BatchNorm):
            network.set_submodule(name, _shared(child))
    return network


def _shared(norm: BatchNorm) -> SharedBatchNorm:
    shared = SharedBatchNorm(norm.num_features)
    shared.load_state_dict(norm.state_dict())
    return shared


# --- Ends -----------------------------------------------------------------------------------------
@contextmanager
def ending_together(fabric: Fabric) -> Iterator[None]:
    """End this process, with a sentence, as soon as another one of the training has failed.

    Whoever waits for a process that is gone would wait for ever, or fail with words of the network
    library. Where torchrun started the processes, it ends them, and they end with it.
    """
    if fabric.world_size == 1:
        yield
        return
    children = getattr(fabric.strategy.launcher, "procs", [])
    watch, watched = (_watch_children, children) if children else (_watch_parent, os.getppid())
    threading.Thread(target=watch, args=(watched,), daemon=True).start()
    try:
        yield
    except RuntimeError:  # of the network library, perhaps: then the watching thread knows more
        time.sleep(GRACE_S)
        raise


def _watch_children(children: list[subprocess.Popen]) -> None:
    while not (failed := [child for child in children if child.poll()]):
        time.sleep(WATCH_S)
    code, rank = failed[0].returncode, children.index(failed[0]) + 1
    if code > 0:
        time.sleep(GRACE_S)
    for child in children:
        child.kill()
    how = f"by signal {-code}{' (out of memory?)' if code == -9 else ''}" if code < 0 else ""
    how = how or f"with exit code {code}: see above"
    _end(f"process {rank + 1} of {len(children) + 1} ended {how}", code)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    _end(f"process {parent}, which started this one, has ended", 0)


def _end(what: str, code: int) -> None:
    """End this process at once, whatever it waits for."""
    print(
        f"mvemotion train: {what}; the training has ended. The same command goes on with the epoch "
        "that it was in",
        file=sys.stderr,
        flush=True,
    )
    os._exit(code if code > 0 else ReplicationError.exit_code)
