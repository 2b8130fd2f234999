"""From stored clips to the tensors that a network takes.

The loader moves uint8 and float16 as they are stored; standardising, choosing the slow frames and
C3D's resizing happen on the device of the network (`InputPipeline`).
"""

import os
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.media.sampling import frame_indices
from mvemotion.specs import EMOTIONS, STREAMS, ClipFormat, Stream, find_network

Statistics = dict[str, tuple[float, float]]  # array name: (mean, standard deviation)
NO_FACE = (0.0, 1.0)  # statistics where no clip has a face: all are neutral (assumption 11)


class ClipDataset(Dataset):
    """Stored arrays of the given clips, with their emotion.

    Each item is a dict: one tensor per array as the store holds it, ``target`` (index into
    `EMOTIONS`), ``has_face`` and ``index`` (row of `clips`).
    """

    def __init__(self, store: Store, clips: pd.DataFrame, streams: Sequence[str]):
        self.store = store
        self.ids = list(clips["id"])
        self.targets = [EMOTIONS.index(emotion) for emotion in clips["emotion"]]
        self.has_face = (clips["face_frames"] > 0).tolist()
        self.arrays = sorted({STREAMS[name].array for name in streams})

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict:
        arrays = self.store.read(self.ids[index], self.arrays)
        item = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return item | {
            "target": self.targets[index],
            "has_face": self.has_face[index],
            "index": index,
        }


def check_inputs(store: Store, network_id: str) -> None:
    """Refuse a network whose inputs are not in the store.

    Raises
    ------
    DataError
        If the clips lack an array that one of its streams is read from.
    """
    streams = [STREAMS[name] for name in find_network(network_id).streams]
    missing = dict.fromkeys(_in_words(s) for s in streams if s.array not in store.arrays)
    if missing:
        raise DataError(
            f"{store.root}: {network_id} needs {' and '.join(missing)}, but these clips hold "
            f"{', '.join(store.arrays)}; choose a network without, or prepare a store from the "
            "videos, which give every input"
        )


def _in_words(stream: Stream) -> str:
    rate_hz = stream.sample_rate_hz
    return f"{stream.array} (sound at {rate_hz:,} Hz)" if rate_hz else stream.array


def balanced_batches(order: Sequence[int], batch_size: int) -> list[list[int]]:
    """Cut `order` into batches of nearly equal size, none above `batch_size`.

    No clip is dropped and no last batch of one remains, which BatchNorm could not train on.

    Examples
    --------
    >>> [len(batch) for batch in balanced_batches(range(9), 4)]
    [3, 3, 3]
    """
    count = -(-len(order) // batch_size)
    return [part.tolist() for part in np.array_split(np.asarray(order), max(count, 1)) if len(part)]


def clip_loader(
    dataset: Dataset, device: torch.device, batches: Sequence[list[int]] = ()
) -> DataLoader:
    """A loader over exactly these batches, in this order.

    Its ``batch_sampler`` is a list, to be filled anew for another epoch. Beside a GPU, worker
    processes read ahead, and live as long as the loader.
    """
    workers = min(8, len(os.sched_getaffinity(0))) if device.type == "cuda" else 0
    return DataLoader(
        dataset,
        batch_sampler=list(batches),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=workers > 0,
        multiprocessing_context="spawn" if workers else None,
    )


class InputPipeline:
    """Turns a batch of stored arrays into standardised network inputs, on the batch's device.

    Parameters
    ----------
    streams : sequence of str
        Names of the network's inputs.
    clip_format : ClipFormat
        Sizes of the stored clips.
    statistics : dict
        Mean and standard deviation of each array (assumption 8).
    """

    def __init__(self, streams: Sequence[str], clip_format: ClipFormat, statistics: Statistics):
        self.streams = tuple(streams)
        self.clip_format = clip_format
        self.statistics = statistics

    def __call__(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """{array: stored batch} -> {stream: float32 (B, C, ...), channels last in memory}."""
        arrays = {STREAMS[name].array for name in self.streams}
        standard = {name: self._standardize(name, batch) for name in arrays}
        return {name: self._derive(name, standard[STREAMS[name].array]) for name in self.streams}

    def _standardize(self, array: str, batch: dict[str, Tensor]) -> Tensor:
        mean, std = self.statistics[array]
        x = batch[array].float().sub_(mean).div_(std)
        if array == "face":  # a missing one is a neutral input, not a black picture (assumption 11)
            x *= batch["has_face"].to(x.dtype).view(-1, *[1] * (x.ndim - 1))
        if x.ndim == 4:
            return x.contiguous(memory_format=torch.channels_last)
        return x.permute(0, 4, 1, 2, 3)  # (B, H, W, T, C) in memory is channels last already

    def _derive(self, name: str, x: Tensor) -> Tensor:
        choice = STREAMS[name].frames
        if choice in ("", "frames"):
            return x
        chosen = _chosen_frames(x.shape[-1], getattr(self.clip_format, choice), x.device)
        x = x.movedim(1, -1).index_select(3, chosen).movedim(-1, 1)  # channels last in memory
        if choice == "c3d_frames":
            x = _resize_frames(x, self.clip_format.c3d_size)
        return x.contiguous(memory_format=torch.channels_last_3d)


@cache
def _chosen_frames(available: int, wanted: int, device: torch.device) -> Tensor:
    """`frame_indices` on the device: sent anew for each batch, they would let a GPU wait."""
    return torch.from_numpy(frame_indices(available, wanted)).to(device)


def input_pipeline(store: Store, streams: tuple[str, ...], split: str) -> InputPipeline:
    """The inputs of a network, standardised by the statistics of a split of a store."""
    statistics = {"face": NO_FACE} | store.statistics(split)
    arrays = {STREAMS[name].array for name in streams}
    return InputPipeline(streams, store.clip_format, {name: statistics[name] for name in arrays})


def _resize_frames(x: Tensor, side: int) -> Tensor:
    """Resize (B, C, H, W, T) to side x side, antialiased (assumption 10)."""
    from torchvision.transforms.v2.functional import resize  # a quarter of a training's start-up

    batch, channels, rows, columns, frames = x.shape
    flat = x.permute(0, 4, 1, 2, 3).reshape(batch * frames, channels, rows, columns)
    flat = resize(flat, [side, side], antialias=True)
    return flat.view(batch, frames, channels, side, side).permute(0, 2, 3, 4, 1)


def augment_music(streams: dict[str, Tensor]) -> dict[str, Tensor]:
    """SpecAugment's masks (Park et al. 2019), without its time warp, on each clip's spectrograms.

    One band of mel bands and one of frames are set to zero; other streams pass (assumption 13).
    """
    from torchaudio.transforms import FrequencyMasking, TimeMasking

    def mask(x: Tensor) -> Tensor:
        bands, frames = x.shape[-2:]
        masks = (FrequencyMasking(max(bands // 8, 1)), TimeMasking(max(frames // 10, 1)))
        clips = [masks[1](masks[0](clip)) for clip in x]  # the same mask on both channels
        return torch.stack(clips).contiguous(memory_format=torch.channels_last)

    return {n: mask(x) if STREAMS[n].modality == "music" else x for n, x in streams.items()}
