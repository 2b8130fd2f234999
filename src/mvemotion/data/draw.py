"""A random split: whole groups of clips, balanced classes, the same from the same seed."""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mvemotion.errors import InputError
from mvemotion.specs import SPLITS

# The paper's own shares, 4788 : 655 : 300, would leave few clips to test on in a small collection.
SHARES = dict(zip(SPLITS, (0.7, 0.15, 0.15), strict=True))
ROUNDING = 1e-9  # a gain below it is none, or two places might be changed for ever


def assign_splits(
    emotions: Sequence[str],
    groups: Sequence[str],
    *,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
    placed: Mapping[str, str] | None = None,
) -> list[str]:
    """Draw a split for every clip: whole groups, classes balanced, the same whatever the order.

    Groups, large ones first and equal ones in an order drawn from the seed, go where they bring
    most classes that a split lacks, then where they bring the counts of classes closest to
    their shares; then each is moved again until no move is better. Where groups hold one class
    each, a class with as many groups as there are splits is therefore in all of them.

    Parameters
    ----------
    emotions, groups : sequence of str
        Class and group of each clip.
    shares : mapping
        Split to its share of the clips; they add up to 1. A split of share 0 stays empty.
    seed : int
        Another seed, another draw.
    placed : mapping, optional
        Group to the split it has already; it stays there.

    Returns
    -------
    list of str
        A key of `shares` (or value of `placed`) for each clip.

    Raises
    ------
    InputError
        If the shares are negative or do not add up to 1.
    """
    check_shares(shares)
    names = sorted(name for name, share in shares.items() if share > 0)
    placed, counts = dict(placed or {}), _count_by_group(emotions, groups)
    targets = np.outer([shares[name] for name in names], sum(counts.values()))
    held = np.zeros_like(targets)
    for group in counts.keys() & placed.keys():
        held[[name == placed[group] for name in names]] += counts[group]
    free = sorted(counts.keys() - placed.keys(), key=lambda g: (-counts[g][-1], _hash(seed, g)))
    found = _settle([counts[group] for group in free], held, targets)
    split = {group: names[index] for group, index in zip(free, found, strict=True)} | placed
    return [split[group] for group in groups]


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise InputError unless shares are positive or 0, and add up to 1."""
    values = list(shares.values())
    if min(values, default=-1) < 0 or not math.isclose(sum(values), 1.0, abs_tol=1e-6):
        text = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise InputError(f"shares {text}: none may be negative, and they must add up to 1")


def _count_by_group(emotions: Sequence[str], groups: Sequence[str]) -> dict[str, np.ndarray]:
    """Of each group, the clips of each class, and of all."""
    table = pd.crosstab(np.asarray(groups, object), np.asarray(emotions, object))
    table["all"] = table.sum(axis=1)
    return dict(zip(table.index, table.to_numpy(float), strict=True))


def _hash(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed} {group}".encode()).digest()


def _settle(counts: list[np.ndarray], held: np.ndarray, targets: np.ndarray) -> list[int]:
    """Place every group, and again until all stay: each move betters `held`, so that it ends."""
    places: list[int | None] = [None] * len(counts)
    is_settled = False
    while not is_settled:
        before = list(places)
        for i, count in enumerate(counts):
            if places[i] is not None:
                held[places[i]] -= count
            places[i] = _best_place(count, held, targets, places[i])
            held[places[i]] += count
        is_settled = places == before
    return places


def _best_place(
    count: np.ndarray, held: np.ndarray, targets: np.ndarray, current: int | None
) -> int:
    new_classes = ((held == 0) & (count > 0)).sum(1)
    # Growth of the squared distance from the targets, relative to the size of each class.
    misfit = (count * (2 * (held - targets) + count) / targets.sum(0)).sum(1)
    if current is not None:
        misfit[current] -= ROUNDING
    return min(range(len(held)), key=lambda place: (-new_classes[place], misfit[place]))
