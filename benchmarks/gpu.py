"""The networks on a GPU: clips a second at the best batch size, and how long the paper would take.

Imported by `networks.py --device cuda`. bfloat16 by autocast over 32-bit weights, channels last, as
`mvemotion train --precision bf16-mixed` has it; inputs lie on the GPU.
"""

import time
from math import log
from pathlib import Path

import torch
import torch.nn.functional as F
from torch_cell import FORMATS

from mvemotion.files import write_json
from mvemotion.layers import channels_last_
from mvemotion.networks import count_flops, create_network
from mvemotion.provenance import provenance
from mvemotion.specs import find_network, list_networks, stream_shape

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
PAPER_CLIPS, PAPER_EPOCHS = 4_788, 20  # Table 1's training split; profile `paper`
REPEATS = 5
CEILING_SIZE = 8192


def measure_gpu(families: list[str], out: Path) -> None:
    """Write and print the families' rates, and the time of profile `paper` estimated from them."""
    device, networks = torch.device("cuda"), {}
    ceiling = matrix_product(device)
    for name in families:
        networks[name] = measure_network(name, device, ceiling)
        record = {"ceiling_tflop_per_s": round(ceiling / 1e12, 1), "networks": networks}
        print(name, networks[name], flush=True)
        gpu = torch.cuda.get_device_name()
        write_json(out, record | {"gpu": gpu, "provenance": provenance()})
    hours = estimate_paper(networks)
    print(f"profile paper, all networks: about {hours:.1f} hours of computing on this GPU")
    write_json(out, record | {"gpu": gpu, "paper_hours": hours, "provenance": provenance()})


def matrix_product(device: torch.device, size: int = CEILING_SIZE) -> float:
    """Operations a second of a bfloat16 matrix product."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    return 2 * size**3 / best_seconds(lambda: torch.mm(a, a), device)


def measure_network(name: str, device: torch.device, ceiling: float, batches=BATCHES) -> dict:
    """Clips a second forward and in training, each at its best batch size that has room."""
    result = {}
    for mode, passes in {"forward": 1, "training": 3}.items():
        rates = {}
        for batch in batches:
            try:
                rates[batch] = rate(name, batch, mode, device)
            except torch.OutOfMemoryError:
                break
            finally:
                free(device)
        batch = max(rates, key=lambda batch: rates[batch]["clips_per_s"])
        share = passes * count_flops(name) * rates[batch]["clips_per_s"] / ceiling
        result[mode] = {"batch": batch, **rates[batch], "share_of_ceiling": round(share, 3)}
    return result


def rate(name: str, batch: int, mode: str, device: torch.device) -> dict:
    network = channels_last_(create_network(name)).to(device).train(mode == "training")
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
    shapes = {stream: (batch, *stream_shape(stream)) for stream in network.streams}
    streams = {
        stream: torch.randn(shape, device=device).contiguous(memory_format=FORMATS[len(shape)])
        for stream, shape in shapes.items()
    }
    target = torch.arange(batch, device=device) % 6

    def step() -> None:
        with torch.set_grad_enabled(mode == "training"):
            with torch.autocast(device.type, torch.bfloat16):
                loss = F.cross_entropy(network(streams), target)
            if mode == "training":
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    seconds = best_seconds(step, device)
    return {"clips_per_s": round(batch / seconds, 2), "gpu_peak_mb": peak_mb(device)}


def best_seconds(step, device: torch.device) -> float:
    """The quickest of some, after two to warm up."""
    step()
    step()
    times = []
    for _ in range(REPEATS):
        synchronize(device)
        start = time.perf_counter()
        step()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_mb(device: torch.device) -> int | None:
    return torch.cuda.max_memory_allocated() // 2**20 if device.type == "cuda" else None


def free(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def estimate_paper(networks: dict) -> float:
    """Hours of training every network of profile `paper`, without validation.

    A network that was not measured is taken to compute at the rate of the measured one with the
    nearest number of operations, among those with pictures or those without.
    """
    seconds = sum(seconds_a_clip(name, networks) for name in list_networks())
    return round(seconds * PAPER_CLIPS * PAPER_EPOCHS / 3600, 2)


def seconds_a_clip(name: str, networks: dict) -> float:
    flops = count_flops(name)
    alike = [other for other in networks if has_pictures(other) == has_pictures(name)]
    nearest = min(alike or networks, key=lambda other: abs(log(count_flops(other) / flops)))
    clips_per_s = networks[nearest]["training"]["clips_per_s"]
    return flops / count_flops(nearest) / clips_per_s


def has_pictures(name: str) -> bool:
    return find_network(name).modalities != ("music",)
