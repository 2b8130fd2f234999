"""One network in PyTorch, as `cells.serve` wants it: ours, or the plain port of the same layers.

.venv/bin/python benchmarks/torch_cell.py ours music_a2 4 training float32
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from cells import serve
from torch import nn

from mvemotion.allocator import keep_freed_memory
from mvemotion.layers import channels_last_
from mvemotion.networks import create_network
from mvemotion.specs import stream_shape

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from plain_layers import make_plain

CEILING_SIZE = 2048
FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def main() -> None:
    side, network_id, batch, mode, precision = sys.argv[1:]
    torch.set_num_threads(1)
    if side == "ours":
        keep_freed_memory()  # as `mvemotion train`, `evaluate` and `predict` do on a CPU
    dtype = getattr(torch, precision)
    a = torch.randn(CEILING_SIZE, CEILING_SIZE).to(dtype)

    def ceiling() -> int:
        torch.mm(a, a)
        return 2 * CEILING_SIZE**3

    prepare = lambda: build_step(side, network_id, int(batch), mode, dtype)  # noqa: E731
    serve(prepare, ceiling=ceiling if side == "ours" else None)


def build_step(side: str, network_id: str, batch: int, mode: str, dtype: torch.dtype):
    """A forward pass without gradients, or a training step with Adam, on one random batch."""
    torch.manual_seed(0)
    network = create_network(network_id)
    network = make_plain(network) if side == "plain" else channels_last_(network)
    streams = {name: random_batch(name, batch, side) for name in network.streams}
    autocast = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
    if mode == "forward":
        network.eval()

        @torch.no_grad()
        def forward() -> None:
            with autocast:
                network(streams)

        return forward
    return training_step(network, streams, batch, fused=side == "ours", autocast=autocast)


def training_step(network: nn.Module, streams: dict, batch: int, *, fused: bool, autocast):
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=fused or None)
    target = torch.arange(batch) % 6

    def step() -> None:
        optimizer.zero_grad()
        with autocast:
            loss = F.cross_entropy(network(streams), target)
        loss.backward()
        optimizer.step()

    return step


def random_batch(stream: str, batch: int, side: str) -> torch.Tensor:
    x = torch.randn(batch, *stream_shape(stream))
    return x if side == "plain" else x.contiguous(memory_format=FORMATS[x.ndim])


if __name__ == "__main__":
    main()
