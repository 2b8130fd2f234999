"""The way of clips from a store to a training step: what the network waits for, if it does.

Imported by `gpu.py`. The same loader, transfer, pipeline and step as in `mvemotion train`.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mvemotion.data.batches import ClipDataset, balanced_batches, clip_loader, input_pipeline
from mvemotion.data.clip_file import write_clip
from mvemotion.data.manifest import to_manifest, write_manifest
from mvemotion.data.store import Store, describe
from mvemotion.devices import open_fabric
from mvemotion.files import write_json
from mvemotion.layers import channels_last_
from mvemotion.networks import create_network
from mvemotion.specs import EMOTIONS, SAMPLE_RATES_HZ, ClipFormat, audio_frames, find_network

Batches = Iterator[tuple[dict[str, Tensor], Tensor]]


def write_store(root: Path, clips: int, clip_format: ClipFormat) -> Store:
    """A training split of one clip of noise, under many ids: sizes and dtypes are those of all."""
    write_json(root / "store.json", describe(clip_format, {"faces": "sampled"}))
    arrays, rows = noise(clip_format), []
    for number in range(clips):
        row = {"id": f"{number:05}", "split": "Train", "emotion": EMOTIONS[number % 6]}
        row |= {"status": "ok", "face_frames": 1, "face_searched": 1}
        write_clip(root, row["id"], arrays, row)
        rows.append(row)
    write_manifest(root, to_manifest(rows))
    return Store(root)


def noise(clip_format: ClipFormat) -> dict[str, np.ndarray]:
    draws, side, frames = np.random.default_rng(0), clip_format.frame_size, clip_format.frames
    sounds = {
        name: draws.normal(size=(2, clip_format.mel_bands, audio_frames(rate, clip_format)))
        for name, rate in SAMPLE_RATES_HZ.items()
    }
    pictures = draws.integers(0, 256, (2, side, side, frames, 3), dtype=np.uint8)
    return {name: sound.astype(np.float16) for name, sound in sounds.items()} | {
        "video": pictures[0],
        "face": pictures[1],
        "face_source": np.arange(frames, dtype=np.int32),
    }


def measure_input(name: str, store: Store, device: torch.device, batch: int) -> dict:
    """Clips a second read alone, learned alone, and read and learned: whole epochs, the second."""
    fabric = open_fabric(device.type, precision="bf16-mixed", is_training=True)
    dataset = ClipDataset(store, store.clips("Train"), find_network(name).streams)
    batches = balanced_batches(range(len(dataset)), batch)
    loader = clip_loader(dataset, fabric.device, batches)
    pipeline = input_pipeline(store, find_network(name).streams, "Train")

    def read() -> Batches:
        for clips in loader:
            clips = fabric.to_device(clips)
            yield pipeline(clips), clips["target"]

    step, kept = make_step(name, store.clip_format, fabric), next(iter(read()))
    ways = {
        "read": lambda: [None for _ in read()],
        "learned": lambda: [step(*kept) for _ in batches],
        "read_and_learned": lambda: [step(*inputs) for inputs in read()],
    }
    rates = {f"{way}_per_s": epoch_rate(run, len(dataset), device) for way, run in ways.items()}
    return {"network": name, "batch": batch, "workers": loader.num_workers, **rates}


def epoch_rate(run: Callable[[], object], clips: int, device: torch.device) -> float:
    """Of the second of two epochs: workers have started, algorithms are chosen, files cached."""
    for _ in range(2):
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    return round(clips / seconds, 2)


def make_step(name: str, clip_format: ClipFormat, fabric) -> Callable[[dict, Tensor], None]:
    """A training step as `mvemotion train --precision bf16-mixed` has it."""
    network = channels_last_(create_network(name, clip_format=clip_format))
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
    network, optimizer = fabric.setup(network, optimizer)

    def step(streams: dict[str, Tensor], target: Tensor) -> None:
        loss = F.cross_entropy(network(streams), target)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()

    return step
