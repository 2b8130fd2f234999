"""One printed number or statement, and what recomputing it gave."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What a check came to; see `check`."""

    name: str  # what the claims ledger calls it
    place: str  # in the paper
    printed: str
    found: str
    verdict: str  # "confirmed", "contradicted", or "cannot tell": not in the published material
    note: str = ""  # why, or the number of the discrepancy


def check(
    name: str, place: str, *, printed: str, found: str, holds: bool | None, note: str = ""
) -> Check:
    """A check that is confirmed, contradicted or (`holds` is None) cannot be told."""
    words = {None: "cannot tell", True: "confirmed", False: "contradicted"}
    return Check(name, place, printed, found, words[None if holds is None else bool(holds)], note)


def is_cut_or_rounded(printed: float, value: float) -> bool:
    """Whether `value` gives `printed` when cut off or rounded after three decimals or more.

    The paper cuts accuracies off: 0.516 is 155 of 300 = 0.51667, 0.449 is 135 of 300 = 0.45.

    Examples
    --------
    >>> is_cut_or_rounded(0.516, 155 / 300), is_cut_or_rounded(0.516, 154 / 300)
    (True, False)
    """
    return math.isclose(printed, value, rel_tol=0, abs_tol=1e-3 + 1e-9)
