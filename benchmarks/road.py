"""How long the road takes on this machine: prepare per clip, a training step per network.

    .venv/bin/python benchmarks/road.py path/to/clips --out benchmarks/results/road.json

Everything is measured in one run, so that ratios hold on a shared machine: `prepare` against a bare
sequential decode of the same clips, training steps against this machine's matrix product. Times are
medians; the JSON says how each was taken.
"""

import argparse
import statistics
import time
from pathlib import Path

import av
import torch
import torch.nn.functional as F

from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.sources import scan
from mvemotion.files import write_json
from mvemotion.layers import channels_last_
from mvemotion.networks import count_flops, create_network
from mvemotion.provenance import provenance
from mvemotion.specs import PAPER_FORMAT, stream_shape

NETWORKS = ("music_a2", "music_a1_se", "video_a2", "face_a2_se", "video_a2+music_a2+face_a2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="raw clips, as `mvemotion prepare` takes them")
    parser.add_argument("--clips", type=int, default=12, help="how many of them")
    parser.add_argument("--repeats", type=int, default=3, help="of every training step")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/road.json"))
    options = parser.parse_args()
    sources = scan(options.data)
    paths = [source.path for source in sources[:: max(len(sources) // options.clips, 1)]]
    result = {
        "prepare": measure_prepare(paths[: options.clips]),
        "training": measure_training(options.repeats),
        "threads": torch.get_num_threads(),
        "provenance": provenance(),
    }
    write_json(options.out, result)
    print(options.out.read_text())


def measure_prepare(paths: list[Path]) -> dict:
    """Seconds a clip on one core, and the same relative to decoding it and no more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers of `prepare` do
    bare = [seconds(decode_everything, path) for path in paths]
    cells = {"bare decode": cell(bare, bare)}
    for faces in ("none", "sampled"):
        options = Options(PAPER_FORMAT, faces, "quick")
        cells[f"faces {faces}"] = cell([seconds(convert_clip, p, options) for p in paths], bare)
    torch.set_num_threads(threads)
    how = (
        "one process and thread, each clip once, paper's sizes; bare: PyAV, every frame and sample"
    )
    return {"clips": len(paths), "how": how, "cells": cells}


def cell(times: list[float], bare: list[float]) -> dict:
    ratios = [a / b for a, b in zip(times, bare, strict=True)]
    return {
        "seconds_per_clip": round(statistics.median(times), 3),
        "times_bare_decode": round(statistics.median(ratios), 2),
        "range_of_ratios": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def decode_everything(path: Path) -> None:
    with av.open(str(path)) as container:
        for stream in container.streams:
            stream.thread_type = "NONE"
        for packet in container.demux(container.streams.video[0], container.streams.audio[0]):
            packet.decode()


def measure_training(repeats: int) -> dict:
    """Seconds a clip of a training step and of a forward pass, batch 2, 32-bit."""
    ceiling = matrix_product_flops()
    rows = {name: measure_network(name, repeats, ceiling) for name in NETWORKS}
    how = f"batch 2, Adam, best of {repeats} after one to warm up; share: of a 2048 matrix product"
    return {"how": how, "matrix_product_gflop_per_s": round(ceiling / 1e9, 1), "networks": rows}


def measure_network(name: str, repeats: int, ceiling: float) -> dict:
    torch.manual_seed(0)
    network = channels_last_(create_network(name))
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    batch = {stream: random_batch(stream) for stream in network.streams}
    target = torch.zeros(2, dtype=torch.long)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(batch), target).backward()
        optimizer.step()

    training = min(seconds(step) for _ in range(repeats + 1)) / 2
    network.eval()
    with torch.no_grad():
        forward = min(seconds(network, batch) for _ in range(repeats + 1)) / 2
    share = count_flops(name) / forward / ceiling
    return {
        "training_s_per_clip": round(training, 3),
        "forward_s_per_clip": round(forward, 3),
        "forward_share_of_matrix_product": round(share, 3),
    }


def random_batch(stream: str) -> torch.Tensor:
    x = torch.randn(2, *stream_shape(stream))
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return x.contiguous(memory_format=formats[x.ndim])


def matrix_product_flops(size: int = 2048) -> float:
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(seconds(torch.mm, a, b) for _ in range(5))


def seconds(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
