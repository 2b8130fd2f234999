"""The networks on a GPU: clips a second at the best batch size, and how long the paper would take.

Imported by `networks.py --device cuda`. Channels last; bfloat16 by autocast over 32-bit weights, as
`mvemotion train --precision bf16-mixed` has it, and once in training as profile `paper` has it: in
its precision and batch size. What is measured here lies on the GPU; `gpu_input.py` adds the way of
the clips from a store to it.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path

import torch
import torch.nn.functional as F

from gpu_input import measure_input, write_store
from mvemotion.devices import set_arithmetic
from mvemotion.errors import InputError
from mvemotion.files import write_json
from mvemotion.layers import channels_last_
from mvemotion.networks import count_flops, create_network
from mvemotion.profiles import load_profile
from mvemotion.provenance import provenance
from mvemotion.specs import (
    PAPER_FORMAT,
    REFERENCE_NETWORKS,
    ClipFormat,
    find_network,
    list_networks,
    stream_shape,
)
from torch_cell import FORMATS

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
PAPER_CLIPS, PAPER_EPOCHS = 4_788, 20  # Table 1's training split; profile `paper`
READ_NETWORK, READ_BATCH = "video_a2+music_a2+face_a2", 16  # the quickest that reads every input
READ_CLIPS = 384  # 2.7 GB
REPEATS = 5
CEILING_SIZE = 8192


@dataclass(frozen=True)
class Cell:
    """What one network is to do."""

    network: str
    batch: int
    mode: str = "training"  # or "forward"
    precision: str = "bf16-mixed"
    backend: str = ""  # of `torch.compile`; "": not compiled
    clip_format: ClipFormat = PAPER_FORMAT

    @property
    def flops(self) -> int:
        """Of a clip; a training step counts as three forward passes."""
        passes = 3 if self.mode == "training" else 1
        return passes * operations(self.network, self.clip_format)


def measure_gpu(families: Sequence[str], out: Path) -> None:
    """Write and print the families' rates, and the hours of profile `paper` that follow."""
    device, networks = torch.device("cuda"), {}
    set_arithmetic(device, is_training=True)
    ceiling = matrix_product(device)
    origin = {"gpu": torch.cuda.get_device_name(), "provenance": provenance()}
    record = {"ceiling_tflop_per_s": round(ceiling / 1e12, 1), "networks": networks} | origin
    for name in families:
        networks[name] = measure_network(name, device, ceiling)
        print(name, networks[name], flush=True)
        write_json(out, record)
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder), READ_CLIPS, PAPER_FORMAT)
        record["input"] = measure_input(READ_NETWORK, store, device, READ_BATCH)
    record["paper_hours"] = estimate_paper(networks, record["input"]["read_per_s"])
    print(f"input: {record['input']}\nprofile paper, hours on this GPU: {record['paper_hours']}")
    write_json(out, record)


def matrix_product(device: torch.device, size: int = CEILING_SIZE) -> float:
    """Operations a second of a bfloat16 matrix product."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    return 2 * size**3 / best_seconds(lambda: torch.mm(a, a), device)


def measure_network(
    name: str,
    device: torch.device,
    ceiling: float,
    *,
    batches: Sequence[int] = BATCHES,
    backend: str = "inductor",
    clip_format: ClipFormat = PAPER_FORMAT,
) -> dict:
    """Clips a second, each at its best batch size that has room; `compiled` and `profile` at one.

    Raises
    ------
    InputError
        If not even the smallest batch has room.
    """
    result = {}
    for mode in ("forward", "training"):
        cells = [Cell(name, batch, mode, clip_format=clip_format) for batch in batches]
        result[mode] = best(cells, device, ceiling)
    batch = result["training"]["batch"]
    compiled = Cell(name, batch, backend=backend, clip_format=clip_format)
    result["compiled"] = rate_or_why_not(compiled, device, ceiling)
    training = load_profile("paper").config(name)
    profile = Cell(name, training.batch_size, "training", training.precision, "", clip_format)
    result["profile"] = rate_or_why_not(profile, device, ceiling)
    return result


def best(cells: Sequence[Cell], device: torch.device, ceiling: float) -> dict:
    """The quickest of growing batches, as far as there is room."""
    found = []
    for cell in cells:
        try:
            found.append(rate(cell, device, ceiling))
        except torch.OutOfMemoryError as error:
            if not found:
                raise InputError(
                    f"{cell.network}, {cell.mode}: a batch of {cell.batch} takes more memory than "
                    "this GPU has free; end what else runs there, or choose other --families"
                ) from error
            break
    return max(found, key=lambda one: one["clips_per_s"])


def rate_or_why_not(cell: Cell, device: torch.device, ceiling: float) -> dict:
    """A compiler, and a batch size that is given, may fail where all else goes well."""
    try:
        return rate(cell, device, ceiling)
    except Exception as error:
        lines = str(error).splitlines() or [""]
        return {"batch": cell.batch, "failed": f"{type(error).__name__}: {lines[0]}"}


def rate(cell: Cell, device: torch.device, ceiling: float) -> dict:
    """Clips a second, peak memory and share of the ceiling of one cell."""
    free(device)
    clips_per_s = cell.batch / best_seconds(make_step(cell, device), device)
    return {
        "batch": cell.batch,
        "clips_per_s": round(clips_per_s, 3),
        "gpu_peak_mb": peak_mb(device),
        "share_of_ceiling": round(cell.flops * clips_per_s / ceiling, 3),
    }


def make_step(cell: Cell, device: torch.device):
    """A forward pass, or a training step with Adam, on one random batch."""
    is_training, is_short = cell.mode == "training", cell.precision == "bf16-mixed"
    network = create_network(cell.network, clip_format=cell.clip_format)
    network = channels_last_(network).to(device).train(is_training)
    if cell.backend:
        network.compile(backend=cell.backend)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
    streams = {name: random_batch(name, cell, device) for name in network.streams}
    target = torch.arange(cell.batch, device=device) % 6

    def step() -> None:
        with torch.set_grad_enabled(is_training):
            with torch.autocast(device.type, torch.bfloat16, enabled=is_short):
                logits = network(streams)
            if is_training:
                optimizer.zero_grad()
                F.cross_entropy(logits.float(), target).backward()
                optimizer.step()

    return step


def random_batch(stream: str, cell: Cell, device: torch.device) -> torch.Tensor:
    x = torch.randn(cell.batch, *stream_shape(stream, cell.clip_format), device=device)
    return x.contiguous(memory_format=FORMATS[x.ndim])


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
    """Forget what was measured before: compiled code, memory and its peak."""
    torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


# --- The paper ------------------------------------------------------------------------------------
def estimate_paper(
    networks: dict, read_per_s: float, *, clip_format: ClipFormat = PAPER_FORMAT
) -> dict[str, float | None]:
    """Hours of training every network of profile `paper`, without validation.

    A network that was not measured is taken to compute at the rate of the measured one with the
    nearest number of operations, among those with pictures or those without. None learns quicker
    than clips are read. None where a measurement that this rests on has failed.
    """
    result = {}
    for way, key in {"as in the profile": "profile", "bfloat16, best batch": "training"}.items():
        rates = {name: found[key].get("clips_per_s") for name, found in networks.items()}
        result[way] = hours(rates, read_per_s, clip_format) if all(rates.values()) else None
    return result


def hours(rates: dict[str, float], read_per_s: float, clip_format: ClipFormat) -> float:
    names = paper_networks()
    flops = {name: operations(name, clip_format) for name in names}

    def seconds_a_clip(name: str) -> float:
        alike = [other for other in rates if has_pictures(other) == has_pictures(name)]
        nearest = min(alike or rates, key=lambda other: abs(log(flops[other] / flops[name])))
        return max(flops[name] / flops[nearest] / rates[nearest], 1 / read_per_s)

    seconds = sum(map(seconds_a_clip, names))
    return round(seconds * PAPER_CLIPS * PAPER_EPOCHS / 3600, 2)


def paper_networks() -> list[str]:
    """All that profile `paper` trains: the rows, and the references that are networks."""
    references = set(load_profile("paper").references) & {spec.id for spec in REFERENCE_NETWORKS}
    return [*list_networks(), *sorted(references)]


@cache
def operations(name: str, clip_format: ClipFormat) -> int:
    """Of one clip's forward pass."""
    return count_flops(name, clip_format=clip_format)


def has_pictures(name: str) -> bool:
    return find_network(name).modalities != ("music",)
