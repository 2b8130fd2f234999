"""Exactly one assignment of a file's layers to a network's modules, or why there is none."""

from collections import Counter

from mvemotion.errors import DataError
from mvemotion.keras_import.creation import CreationOrder, Slot, by_creation, possible_orders
from mvemotion.keras_import.hdf5 import KerasFile, KerasLayer, Shapes
from mvemotion.keras_import.listing import Assignment, concatenation_orders, contradiction
from mvemotion.specs import Network

SHOWN = 4  # layers that a message names on either side
Fit = tuple[Assignment, list[CreationOrder]]


def left_over(layers: list[KerasLayer], slots: list[Slot]) -> str:
    """What the shapes of a file and of a network do not have in common, as a sentence."""
    theirs, ours = Counter(la.shapes for la in layers), Counter(slot.shapes for slot in slots)
    sides = _describe(layers, theirs - ours), _describe(slots, ours - theirs)
    return (
        "" if theirs == ours else f"only in the file: {sides[0]}; only in the network: {sides[1]}"
    )


def assign_layers(
    slots: tuple[Slot, ...], file: KerasFile, spec: Network, branches: tuple[str, ...] = ()
) -> Fit:
    """The one assignment that shapes, names and list allow, and the orders that lead to it.

    Parameters
    ----------
    slots : tuple of Slot
        Of the network, without its head; their shapes are those of the file's layers.
    file : KerasFile
        Without the head.
    spec : Network
    branches : tuple of str, optional
        The order in which the branches were created, where several would do.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    fits, denied = _fits(slots, _sequences(file, spec), file, spec)
    if len(fits) > 1 and branches:
        fits = [fit for fit in fits if branches in {order.streams for order in fit[1]}]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        reason = denied or "no order of creation that it knows gives the order of its layers"
        raise DataError(f"{file.path}: every shape fits {spec.id}, but not in place: {reason}")
    first, second = (fit[0] for fit in fits[:2])
    slot = next(slot for slot in slots if first[slot.name] != second[slot.name])
    raise DataError(
        f"{file.path}: {first[slot.name]} and {second[slot.name]} could both be {slot}: branches "
        f"of {spec.id} are alike; say in which order they were made, such as "
        f"--branches {','.join(spec.streams)}"
    )


def concatenation(
    fit: Fit, slots: tuple[Slot, ...], file: KerasFile, spec: Network, branches: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    """Order of the branches in the head's input, and whether the file shows it.

    Where the list leaves several, the one in which the branches were created is taken, or the
    paper's if that too is open.

    Raises
    ------
    DataError
        If `branches` is not what the file shows, or nothing decides.
    """
    assignment, orders = fit
    seen = concatenation_orders(assignment, slots, file, spec)
    created = {order.streams for order in orders}
    likely = [order for order in seen if order in created] or seen
    chosen = branches or (spec.streams if spec.streams in likely else (*likely, ())[0])
    if chosen not in seen or (not branches and chosen != spec.streams and len(likely) > 1):
        raise DataError(
            f"{file.path}: its branches are concatenated in one of the orders "
            f"{' or '.join(map(','.join, seen)) or 'that contradict each other'}; "
            "pass the right one as --branches"
        )
    return chosen, len(seen) == 1


def _sequences(file: KerasFile, spec: Network) -> dict[str, list[KerasLayer]]:
    """Layers by kind as they were created, or as listed for a lone branch without numbers."""
    kinds: dict[str, list[KerasLayer]] = {}
    for layer in file.layers:
        kinds.setdefault(layer.kind, []).append(layer)
    created = {kind: by_creation(layers) for kind, layers in kinds.items()}
    if all(created.values()):
        return created
    if len(spec.branches) == 1:
        return kinds
    nameless = next(kinds[kind] for kind, layers in created.items() if not layers)
    raise DataError(
        f"{file.path}: layers are called {', '.join(map(str, nameless[:SHOWN]))}; branches of "
        f"{spec.id} have layers of equal shape, which only Keras' automatic names (conv3d_1, ...) "
        "tell apart; give a file with these"
    )


def _fits(
    slots: tuple[Slot, ...], layers: dict[str, list[KerasLayer]], file: KerasFile, spec: Network
) -> tuple[list[Fit], str]:
    """Assignments that nothing contradicts, and what contradicts the last one that was not kept."""
    found: dict[tuple[KerasLayer, ...], Fit] = {}
    denied = ""
    pair = spec.exchange.between if spec.exchange else ()
    for order in possible_orders(spec):
        assignment = _assign(order.sort(slots, pair), layers)
        key = tuple(assignment.get(slot.name) for slot in slots)
        if key in found:
            found[key][1].append(order)
        elif assignment:
            reason = contradiction(assignment, slots, file)
            denied = reason or denied
            if not reason:
                found[key] = (assignment, [order])
    return list(found.values()), denied


def _assign(created: list[Slot], layers: dict[str, list[KerasLayer]]) -> Assignment:
    """Kind by kind, the nth slot takes the nth layer; empty if a shape does not fit."""
    rest = {kind: iter(members) for kind, members in layers.items()}
    assignment = {slot.name: next(rest[slot.kind]) for slot in created}
    is_fit = all(assignment[slot.name].shapes == slot.shapes for slot in created)
    return assignment if is_fit else {}


def _describe(items: list[KerasLayer] | list[Slot], shapes: Counter[Shapes]) -> str:
    """The first items of these shapes, as ``conv3d_4 (5x5x2x16 + 16)``."""
    left, found = shapes.copy(), []
    for item in items:
        if left[item.shapes] > 0:
            left[item.shapes] -= 1
            sizes = " + ".join("x".join(map(str, shape)) for shape in item.shapes)
            found.append(f"{item} ({sizes})")
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (", ".join(found[:SHOWN]) + more) or "nothing"
