"""What a training says of each epoch: its mean loss, its accuracy, and which one is kept."""

import math

import torch
from lightning_fabric import Fabric
from torch import Tensor


class EpochTotal:
    """Running sums of loss and hits over an epoch.

    They stay on the device, in 64 bits: reading one at every step would let a GPU wait.
    """

    def __init__(self):
        self.loss: Tensor | float = 0.0
        self.hits: Tensor | int = 0
        self.count = 0

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, target: Tensor) -> None:
        """A batch: its mean loss (), logits (B, K) and true classes (B,)."""
        self.loss = self.loss + loss.double() * len(target)
        self.hits = self.hits + (logits.argmax(1) == target).sum()
        self.count += len(target)

    def means(self, name: str, fabric: Fabric) -> dict:
        """Over all processes; None where there was nothing to average."""
        sums = [float(self.loss), int(self.hits), self.count]
        sums = torch.tensor(sums, dtype=torch.float64, device=fabric.device)
        loss, hits, count = fabric.all_reduce(sums, reduce_op="sum").tolist()
        if not count:
            return {f"{name}_loss": None, f"{name}_accuracy": None}
        return {f"{name}_loss": loss / count, f"{name}_accuracy": hits / count}


def best_epoch(history: list[dict]) -> int:
    """The epoch, from 1, of best validation accuracy, then loss; else the last (assumption 14)."""
    if not history or history[-1]["validation_accuracy"] is None:
        return len(history)

    def rank(row: dict) -> tuple[float, float]:
        loss = row["validation_loss"]
        return row["validation_accuracy"], -loss if math.isfinite(loss) else -math.inf

    return max(history, key=rank)["epoch"]
