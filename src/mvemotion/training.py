"""Trains one network on a store: cross-entropy, best epoch on the validation split, resumable.

Lightning Fabric has the devices, precision and processes; the loop is here, in the open. Order of
clips, dropout and augmentation of an epoch depend on the seed and the epoch alone, so that a run
killed in epoch 7 and resumed ends, on a CPU, with the same weights as one that was not.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric, seed_everything
from lightning_fabric.plugins import Precision
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import ConcatDataset
from tqdm import tqdm

from mvemotion.data.batches import (
    ClipDataset,
    InputPipeline,
    augment_music,
    balanced_batches,
    check_inputs,
    clip_loader,
    input_pipeline,
)
from mvemotion.data.store import Store
from mvemotion.devices import open_fabric
from mvemotion.errors import DataError, DivergedError
from mvemotion.files import write_json, write_table
from mvemotion.history import EpochTotal, best_epoch
from mvemotion.layers import channels_last_
from mvemotion.networks import count_parameters, create_network
from mvemotion.processes import ending_together, share_norms, torchrun_devices
from mvemotion.provenance import peak_memory, provenance
from mvemotion.runs import TrainedNetwork, TrainingConfig, claim_run, is_complete, save_weights
from mvemotion.specs import find_network

EpochReport = Callable[[dict], object]


def train(
    config: TrainingConfig,
    store: Store,
    run: Path,
    *,
    device: str = "auto",
    devices: int = 1,
    on_epoch: EpochReport | None = None,
) -> Path:
    """Train a network and leave everything in the folder `run`.

    Complete runs are left alone; interrupted ones go on with the epoch they were in.

    Parameters
    ----------
    config : TrainingConfig
    store : Store
        Prepared clips with a Train split; Validation, where there is one, chooses the epoch.
    run : Path
        Folder of this run; made if missing.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    devices : int
        GPUs, or CPU processes, that share every epoch's clips (DDP). Each takes batches of
        `config.batch_size`, so that more devices mean larger steps: N devices train as one does
        with N times the batch size, BatchNorm included; dropout and masks are drawn otherwise.
        More than one needs a program that can be started again by its command line, as
        ``mvemotion train`` can. Under torchrun, all the processes that it started.
    on_epoch : callable, optional
        Called with each epoch's history row, in the first process only.

    Returns
    -------
    Path
        `run`, with ``weights.safetensors``, ``history.csv`` and ``run.json``.

    Raises
    ------
    DataError
        If `run` belongs to another configuration or store, or there is nothing to train on.
    DivergedError
        If the loss is no longer finite.
    InputError
        If there is no such device.
    """
    run = Path(run)
    if is_complete(run):
        claim_run(run, config, store.checksum())
        return run
    devices, machines = torchrun_devices() or (devices, 1)
    fabric = open_fabric(device, devices, config.precision, machines=machines, is_training=True)
    fabric.launch()
    with ending_together(fabric):
        job = _Job(config, store, run, fabric)
        with fabric.rank_zero_first():
            claim_run(run, config, store.checksum())
        job.resume()
        while job.epoch < config.epochs:
            row = job.run_epoch()
            if on_epoch and fabric.is_global_zero:
                on_epoch(row)
        job.finish()
    return run


def training_clips(store: Store, network_id: str, split: str = "Train") -> pd.DataFrame:
    """Clips of a split to learn from: a face-only network takes those with a face (assumption 11).

    Raises
    ------
    DataError
        If none is left, or the store lacks an array that the network reads.
    """
    check_inputs(store, network_id)
    clips, modalities = store.clips(split), find_network(network_id).modalities
    with_face = clips[clips["face_frames"] > 0].reset_index(drop=True)
    if split == "Train" and (clips.empty or ("face" in modalities and with_face.empty)):
        raise DataError(
            f"{store.root}: {len(clips)} usable clips in split {split!r}, {len(with_face)} with a "
            f"face; {network_id} needs both; see its manifest.csv and `mvemotion prepare --help`"
        )
    return with_face if modalities == ("face",) else clips


class _Job:
    """One training: network, optimizer, data and the state that a resume needs."""

    def __init__(self, config: TrainingConfig, store: Store, run: Path, fabric: Fabric):
        self.config, self.store, self.run, self.fabric = config, store, run, fabric
        seed_everything(config.seed, verbose=False)
        network = create_network(
            config.network, clip_format=store.clip_format, **config.alternatives
        )
        if fabric.world_size > 1:
            network = share_norms(network, fabric.device)
        optimizer = _optimizer(config, network)
        self.network, self.optimizer = fabric.setup(channels_last_(network), optimizer)
        self.datasets = {s: self._dataset(s) for s in ("Train", "Validation")}
        self.pipelines = {s: self._pipeline(s) for s, data in self.datasets.items() if len(data)}
        self.loader = clip_loader(ConcatDataset(self.datasets.values()), fabric.device)
        self.history: list[dict] = []
        self.origin = provenance()  # now: the code that runs may be edited before it ends

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return len(self.history)

    @property
    def precision(self) -> Precision:
        """What makes tensors as wide as the network wants them, and its logits 32 bits again."""
        return self.fabric.strategy.precision

    def resume(self) -> None:
        """Go back to the end of the last complete epoch, if there is one."""
        path = self.run / "last.ckpt"
        if path.exists():
            state = self._state()
            self.fabric.load(path, state, weights_only=True)
            self.history = state["history"]

    def run_epoch(self) -> dict:
        """Train one epoch, validate, keep the best weights; returns the history row."""
        start = time.perf_counter()
        seed_everything(_epoch_seed(self.config.seed, self.epoch), verbose=False)
        row = {"epoch": self.epoch + 1} | self._train_epoch()
        row["train_seconds"] = round(time.perf_counter() - start, 3)
        if self.config.settle_norms:
            self._settle_norms()
        row |= self._validate()
        row["seconds"] = round(time.perf_counter() - start, 3)
        self.history.append(row)
        if best_epoch(self.history) == self.epoch and self.fabric.is_global_zero:
            save_weights(self.run / "weights.safetensors", self._trained(), origin=self.origin)
        self._save_checkpoint()
        return row

    def finish(self) -> None:
        """Write history and provenance; the latter marks the run as complete."""
        if not self.fabric.is_global_zero:
            return
        history = pd.DataFrame(self.history)
        write_table(self.run / "history.csv", history)
        write_json(self.run / "run.json", self._record())
        (self.run / "last.ckpt").unlink(missing_ok=True)

    def _dataset(self, split: str) -> ClipDataset:
        clips = training_clips(self.store, self.config.network, split)
        return ClipDataset(self.store, clips, find_network(self.config.network).streams)

    def _pipeline(self, split: str) -> InputPipeline:
        streams = find_network(self.config.network).streams
        return input_pipeline(self.store, streams, self._statistics_split(split))

    def _statistics_split(self, split: str) -> str:
        return split if self.config.standardize == "split" else "Train"

    def _train_epoch(self) -> dict:
        self.network.train()
        dataset, total = self.datasets["Train"], EpochTotal()
        order = torch.randperm(len(dataset)).tolist()
        if self.fabric.world_size > 1:  # from here on, each draws its own dropout and masks
            torch.manual_seed(torch.initial_seed() + 7_919 * self.fabric.global_rank)
        batches = balanced_batches(self._share(order), self.config.batch_size)
        for batch, streams in self._stream("Train", batches):
            logits = self.network(streams)
            loss = F.cross_entropy(logits, batch["target"])
            self.optimizer.zero_grad()
            self.fabric.backward(loss)
            self.optimizer.step()
            total.add(loss, logits, batch["target"])
        row = total.means("train", self.fabric)  # of all processes: they end alike
        if not math.isfinite(row["train_loss"]):
            raise DivergedError(
                f"{self.config.network}: the loss is {row['train_loss']} in epoch "
                f"{self.epoch + 1}; train with a learning rate below {self.config.learning_rate:g}"
            )
        return row

    def _settle_norms(self) -> None:
        """Replace BatchNorm's moving averages by averages over the training clips."""
        part = self._share(list(range(len(self.datasets["Train"]))))
        batches = balanced_batches(part, self.config.batch_size)
        update_bn((streams for _, streams in self._stream("Train", batches)), self.network)

    def _share(self, order: list[int]) -> list[int]:
        """This process's part of an order of clips; all parts have the same length."""
        processes, rank = self.fabric.world_size, self.fabric.global_rank
        return (order + order[: -len(order) % processes])[rank::processes]

    @torch.no_grad()
    def _validate(self) -> dict:
        self.network.eval()
        dataset, total = self.datasets["Validation"], EpochTotal()
        part = range(len(dataset))[self.fabric.global_rank :: self.fabric.world_size]
        batches = balanced_batches(part, self.config.batch_size)
        for batch, streams in self._stream("Validation", batches):
            with self.fabric.autocast():  # not through DDP: parts may differ in length
                logits = self.network.module(streams)
            logits = self.precision.convert_output(logits)  # as Fabric in training: 32 bits
            total.add(F.cross_entropy(logits, batch["target"]), logits, batch["target"])
        return total.means("validation", self.fabric)

    def _stream(self, split: str, batches: list[list[int]]):
        """Yield (batch, network inputs) on the device, under a progress bar on a terminal."""
        start = 0 if split == "Train" else len(self.datasets["Train"])  # one loader reads both
        self.loader.batch_sampler[:] = [[start + clip for clip in batch] for batch in batches]
        label = f"{self.config.network} {self.epoch + 1}/{self.config.epochs} {split}"
        loader = tqdm(self.loader, desc=label, unit="batch", leave=False, disable=None)
        for batch in loader:
            batch = self.fabric.to_device(batch)
            streams = self.pipelines[split](batch)
            if self.config.augment and split == "Train":
                streams = augment_music(streams)
            yield batch, self.precision.convert_input(streams)

    def _state(self) -> dict:
        return {"network": self.network, "optimizer": self.optimizer, "history": self.history}

    def _save_checkpoint(self) -> None:
        part = self.run / ".last.part.ckpt"
        self.fabric.save(part, self._state())  # every process takes part, the first one writes
        if self.fabric.is_global_zero:
            os.replace(part, self.run / "last.ckpt")

    def _trained(self) -> TrainedNetwork:
        config = self.config
        return TrainedNetwork(
            self.network.module,
            config.network,
            self.store.clip_format,
            config.standardize,
            self.pipelines["Train"].statistics,
            self.store.options,
            asdict(config) | {"store_checksum": self.store.checksum()},
        )

    def _record(self) -> dict:
        rows, clips = self.history, len(self.datasets["Train"])
        seconds = sum(row["train_seconds"] for row in rows)
        return {
            "network": self.config.network,
            "store": str(self.store.root.resolve()),
            "splits": self.store.splits,
            "parameters": count_parameters(self.network.module).total,
            "best_epoch": best_epoch(rows),
            "best_epoch_by": "validation accuracy, then loss"
            if len(self.datasets["Validation"])
            else "last epoch: the store has no usable Validation clip",
            "clips": {split: len(dataset) for split, dataset in self.datasets.items()},
            "device": str(self.fabric.device),
            "processes": self.fabric.world_size,
            "threads": torch.get_num_threads(),
            "wall_seconds": round(sum(row["seconds"] for row in rows), 1),
            "train_seconds_per_clip": round(seconds / (clips * len(rows)), 4),
            **peak_memory(),
        } | self.origin


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 100_003 + epoch) % 2**32


def _optimizer(config: TrainingConfig, network: nn.Module) -> torch.optim.Optimizer:
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    kind = kinds[config.optimizer]
    return kind(network.parameters(), lr=config.learning_rate, fused=True)  # its step: a quarter
