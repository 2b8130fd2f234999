"""Paired tests of the runs that comparison claims name, corrected within each family."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mvemotion.claims.claim import Claim
from mvemotion.claims.evidence import Results, Run
from mvemotion.comparisons import PairedDifference, compare_paired, holm

COMPARING = ("above", "not-above", "any-above", "mixed", "equal")

Pair = tuple[str, str]  # ids of two networks


@dataclass(frozen=True)
class Comparison:
    """Two networks compared on the same test clips.

    Attributes
    ----------
    first : PairedDifference
        Of the first common run: the test is decided before further seeds are looked at.
    mean : float
        Difference in accuracy over all common runs.
    runs : tuple of (Run, Run)
        The common runs.
    adjusted : float
        Holm's p-value within the family.
    """

    first: PairedDifference
    mean: float
    runs: tuple[tuple[Run, Run], ...]
    adjusted: float

    @property
    def is_significant(self) -> bool:
        """Whether the first run differs at 5 % in the direction of the mean."""
        return self.adjusted < 0.05 and self.mean * self.first.difference > 0


def pairs_of(claim: Claim) -> tuple[Pair, ...]:
    """The pairs of networks that a comparison's rule names.

    Examples
    --------
    >>> pairs_of(Claim("", "", "", "comparison", 2, "above a > b; c > d"))
    (('a', 'b'), ('c', 'd'))
    """
    rule, _, rest = claim.rule.partition(" ")
    if rule not in COMPARING:
        return ()
    return tuple(tuple(pair.replace("=", ">").split(" > ")) for pair in rest.split("; "))


def compare_families(
    claims: Iterable[Claim], results: Results
) -> dict[str, dict[Pair, Comparison]]:
    """By family, every pair of networks that has runs on the same clips, compared."""
    pairs: dict[str, set[Pair]] = {}
    for claim in claims:
        pairs.setdefault(claim.family, set()).update(pairs_of(claim))
    return {family: _compare(sorted(found), results) for family, found in pairs.items()}


def _compare(pairs: list[Pair], results: Results) -> dict[Pair, Comparison]:
    common = {pair: _common_runs(results, pair) for pair in pairs}
    tested = {
        pair: [_compare_runs(*both) for both in runs] for pair, runs in common.items() if runs
    }
    adjusted = holm([differences[0].p_value for differences in tested.values()])
    return {
        pair: Comparison(
            first=differences[0],
            mean=float(np.mean([one.difference for one in differences])),
            runs=common[pair],
            adjusted=p_value,
        )
        for (pair, differences), p_value in zip(tested.items(), adjusted, strict=True)
    }


def _common_runs(results: Results, pair: Pair) -> tuple[tuple[Run, Run], ...]:
    """Runs of the same name (seed), or the first of each, that scored the same clips."""
    first, second = ({run.name: run for run in results.runs.get(name, ())} for name in pair)
    names = sorted(first.keys() & second.keys())
    both = [(first[name], second[name]) for name in names]
    if not names and first and second:
        both = [(next(iter(first.values())), next(iter(second.values())))]
    return tuple(
        (a, b) for a, b in both if a.predictions["id"].tolist() == b.predictions["id"].tolist()
    )


def _compare_runs(first: Run, second: Run) -> PairedDifference:
    return compare_paired(_is_right(first), _is_right(second))


def _is_right(run: Run) -> np.ndarray:
    return (run.predictions["emotion"] == run.predictions["predicted"]).to_numpy()
