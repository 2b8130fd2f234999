"""One network in PyTorch, as `cells.serve` wants it: ours, ours without one of the ways of being
quick, or the plain port of the same layers.

    .venv/bin/python benchmarks/torch_cell.py ours music_a2 4 training float32
    .venv/bin/python benchmarks/torch_cell.py "without folding" music_a2 4 training float32
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from cells import serve
from mvemotion import allocator, convolutions, layers, norms
from mvemotion.networks import create_network
from mvemotion.specs import stream_shape

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from plain_layers import make_plain, plain_pool

CEILING_SIZE = 2048


def nowhere(*_, **__) -> int:
    return 0


def join_plainly(x: torch.Tensor, d: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """The block's last step in the figures' order: concatenate, pool, add."""
    x_and_d, x_and_s = (torch.cat([x, layers.relu(other)], 1) for other in (d, s))
    return layers.max_pool(x_and_d) + layers.max_pool(x_and_s)


SWITCHES = {  # what to replace, and by what, to be without it
    "channels last": (layers, "channels_last_", lambda network: network),
    "spectra": (convolutions, "is_quicker_by_spectra", nowhere),
    "banded kernels": (convolutions, "band_width", nowhere),
    "folding": (convolutions, "fold_width", nowhere),
    "whole tiles": (convolutions, "row_surplus", nowhere),
    "weight gradients apart": (convolutions, "has_slow_weight_gradient", nowhere),
    "single clips twice": (convolutions, "_is_slow_alone", nowhere),
    "pooling by axes": (layers, "max_pool", plain_pool),
    "pooling before concatenation": (layers, "_join", join_plainly),
    "BatchNorm by its formula": (norms, "is_short", lambda x: True),
    "kept memory": (allocator, "keep_freed_memory", nowhere),
    "fused Adam": (),  # see build_step
}
FORMATS = convolutions.LAYOUTS


def main() -> None:
    side, network_id, batch, mode, precision = sys.argv[1:]
    torch.set_num_threads(1)
    if side.startswith("without "):
        switch_off(side.removeprefix("without "))
    if side != "plain":
        allocator.keep_freed_memory()  # as `mvemotion train`, `evaluate` and `predict` do on a CPU
    dtype = getattr(torch, precision)
    a = torch.randn(CEILING_SIZE, CEILING_SIZE).to(dtype)

    def ceiling() -> int:
        torch.mm(a, a)
        return 2 * CEILING_SIZE**3

    prepare = lambda: build_step(side, network_id, int(batch), mode, dtype)  # noqa: E731
    serve(prepare, ceiling=ceiling if side == "ours" else None)


def switch_off(switch: str) -> None:
    """Do without one of the ways of being quick, in all networks of this process from here on."""
    if replaced := SWITCHES[switch]:
        module, name, instead = replaced
        getattr(module, name)  # an error, should it be called otherwise now
        setattr(module, name, instead)


def build_step(side: str, network_id: str, batch: int, mode: str, dtype: torch.dtype):
    """A forward pass without gradients, or a training step with Adam, on one random batch."""
    torch.manual_seed(0)
    network = create_network(network_id)
    network = make_plain(network) if side == "plain" else layers.channels_last_(network)
    streams = {name: random_batch(name, batch, side) for name in network.streams}
    autocast = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
    if mode == "forward":
        network.eval()

        @torch.no_grad()
        def forward() -> None:
            with autocast:
                network(streams)

        return forward
    return training_step(
        network,
        streams,
        batch,
        fused=side not in ("plain", "without fused Adam"),
        autocast=autocast,
    )


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
    if side in ("plain", "without channels last"):
        return x
    return x.contiguous(memory_format=FORMATS[x.ndim])


if __name__ == "__main__":
    main()
