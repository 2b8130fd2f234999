"""What a Keras file's list of layers says about an assignment.

Keras lists layers from the inputs to the output, by the longest path to the output; where that is
equal, by a walk that starts at the output and takes the first input first. It is the same in Keras
2 and 3, and independent of the order of creation: the one checks the other.
"""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise, product

from mvemotion.keras_import.creation import END, MAIN, SKIP, Slot, branch_orders
from mvemotion.keras_import.hdf5 import KerasFile, KerasLayer
from mvemotion.specs import STREAMS, Network

Assignment = dict[str, KerasLayer]  # by `Slot.name`

PATHS = ((*MAIN, *END[:4]), (*SKIP, "conv_o", "norm_o", "project"))  # through a block's graph
TIED = (("conv_z", "conv_s"), ("norm_z", "norm_s"))  # equally deep: both listed main or skip first


def contradiction(assignment: Assignment, slots: tuple[Slot, ...], file: KerasFile) -> str:
    """What the list denies of an assignment, as a sentence; empty if nothing.

    A layer is listed after those that it takes from. Of two branches of equal structure one is
    listed first throughout: the walk finishes it before it reaches the other. Where they
    exchange, this holds up to block 4: the gates of block 5 follow the final concatenation.
    """
    listed = _Listed(assignment, file)
    branches = _branches(slots)
    for earlier, later in (edge for branch in branches for edge in _edges(branch)):
        if listed.direction(later, earlier) > 0:
            return f"{listed[later]} takes from {listed[earlier]}, but is listed before it"
    groups = [_ties(roles) for branch in branches for roles in _by_role(branch)]
    for first, second in combinations(branches, 2):
        groups.append(_counterparts(first, second))
    for pairs in groups:
        ways = {way: pair for pair in pairs if (way := listed.direction(*pair))}
        if len(ways) == 2:
            (a, b), (c, d) = (map(listed.__getitem__, pair) for pair in ways.values())
            return f"{a} and {b} are listed the other way round than {c} and {d}"
    return ""


def concatenation_orders(
    assignment: Assignment, slots: tuple[Slot, ...], file: KerasFile, spec: Network
) -> list[tuple[str, ...]]:
    """Orders in which the branches may have been concatenated, as far as the list tells.

    The last poolings, 2D for music and 3D for the others, are listed in that order, and so are
    the last layers of branches of equal structure.
    """
    listed, branches = _Listed(assignment, file), _branches(slots)
    known = [
        (first[-1].stream, second[-1].stream)[::way]
        for first, second in combinations(branches, 2)
        if _is_alike(first, second) and (way := listed.direction(first[-1], second[-1]))
    ]
    ranks = pooling_ranks(file.listed, len(branches))
    return [
        order
        for order in branch_orders(spec)
        if all(order.index(first) < order.index(second) for first, second in known)
        and ranks in ((), tuple(_rank(stream) for stream in order))
    ]


def pooling_ranks(listed: tuple[str, ...], branches: int) -> tuple[int, ...]:
    """Ranks of the global poolings right before the last concatenation; empty if not to be seen."""
    names = list(listed)
    while names and not names[-1].startswith("concatenate"):
        names.pop()
    found = [re.match(r"global_\w*pooling([23])d", name) for name in names[:-1][-branches:]]
    is_seen = len(found) == branches > 1 and all(found)
    return tuple(int(match[1]) for match in found) if is_seen else ()


class _Listed:
    """Places in the list of the layers assigned to slots."""

    def __init__(self, assignment: Assignment, file: KerasFile):
        self.assignment = assignment
        self.places = {layer: index for index, layer in enumerate(file.layers)}
        self.is_total = bool(file.listed)

    def __getitem__(self, slot: Slot) -> KerasLayer:
        return self.assignment[slot.name]

    def direction(self, first: Slot, second: Slot) -> int:
        """1 if listed in this order, -1 in the other one, 0 if it cannot be told."""
        if not self.is_total and first.kind != second.kind:
            return 0
        return 1 if self.places[self[first]] < self.places[self[second]] else -1


def _branches(slots: tuple[Slot, ...]) -> list[list[Slot]]:
    streams = dict.fromkeys(slot.stream for slot in slots)
    return [[slot for slot in slots if slot.stream == stream] for stream in streams]


def _edges(branch: list[Slot]) -> Iterator[tuple[Slot, Slot]]:
    """Pairs of a branch of which the second takes from the first, if by a way round."""
    blocks = _by_role(branch)
    if not blocks[0].keys() & set(MAIN):  # C3D: a chain
        yield from combinations(branch, 2)
    for roles in blocks:
        for path in PATHS:
            yield from combinations([roles[role] for role in path if role in roles], 2)
    for before, after in pairwise(blocks):
        ends = [slot for role, slot in before.items() if role in END]
        yield from product(ends, (slot for role, slot in after.items() if role not in END))


def _by_role(branch: list[Slot]) -> list[dict[str, Slot]]:
    """{role: slot} of each block."""
    blocks = [{} for _ in range(branch[-1].block + 1)]
    for slot in branch:
        blocks[slot.block][slot.role] = slot
    return blocks


def _ties(roles: dict[str, Slot]) -> list[tuple[Slot, Slot]]:
    return [(roles[a], roles[b]) for a, b in TIED if a in roles and b in roles]


def _is_alike(first: list[Slot], second: list[Slot]) -> bool:
    """Whether two branches have the same layers in the same places, of whatever size."""
    return [slot.place for slot in first] == [slot.place for slot in second]


def _counterparts(first: list[Slot], second: list[Slot]) -> list[tuple[Slot, Slot]]:
    """Pairs of layers in the same places of two branches that are alike; no gate of block 5."""
    if not _is_alike(first, second):
        return []
    last = first[-1].block
    pairs = zip(first, second, strict=True)
    return [(a, b) for a, b in pairs if not (a.is_exchange and a.block == last)]


def _rank(stream: str) -> int:
    return 2 if STREAMS[stream].modality == "music" else 3
