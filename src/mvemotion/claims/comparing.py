"""Paired tests of the runs that comparison claims name, corrected within each family."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mvemotion.claims.claim import Claim
from mvemotion.claims.evidence import Results, Run
from mvemotion.comparisons import ALPHA, MeanDifference, compare_runs, holm

COMPARING = ("above", "not-above", "any-above", "mixed", "equal")

Pair = tuple[str, str]  # ids of two networks


@dataclass(frozen=True)
class Comparison:
    """Two networks compared on the same test clips.

    Attributes
    ----------
    tested : MeanDifference
        Their mean difference over all common runs, its interval and p-value.
    runs : tuple of (Run, Run)
        The common runs.
    adjusted : float
        Holm's p-value within the family.
    """

    tested: MeanDifference
    runs: tuple[tuple[Run, Run], ...]
    adjusted: float

    @property
    def difference(self) -> float:
        """Mean accuracy of the first network less that of the second."""
        return self.tested.difference

    @property
    def is_significant(self) -> bool:
        """Whether they differ at 5 %, whichever is the better."""
        return self.adjusted < ALPHA


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
    tested = {pair: _test(runs) for pair, runs in common.items() if runs}
    adjusted = holm([found.p_value for found in tested.values()])
    return {
        pair: Comparison(found, common[pair], p_value)
        for (pair, found), p_value in zip(tested.items(), adjusted, strict=True)
    }


def _common_runs(results: Results, pair: Pair) -> tuple[tuple[Run, Run], ...]:
    """Runs of the same name (seed), or the first of each, that scored the same clips."""
    first, second = ({run.name: run for run in results.runs.get(name, ())} for name in pair)
    names = sorted(first.keys() & second.keys())
    both = [(first[name], second[name]) for name in names]
    if not names and first and second:
        both = [(next(iter(first.values())), next(iter(second.values())))]
    clips = [(a.predictions["id"].tolist(), b.predictions["id"].tolist()) for a, b in both]
    return tuple(
        pair for pair, ids in zip(both, clips, strict=True) if ids[0] == ids[1] == clips[0][0]
    )


def _test(runs: tuple[tuple[Run, Run], ...]) -> MeanDifference:
    first, second = ([_is_right(both[side]) for both in runs] for side in (0, 1))
    return compare_runs(np.stack(first), np.stack(second))


def _is_right(run: Run) -> np.ndarray:
    return (run.predictions["emotion"] == run.predictions["predicted"]).to_numpy()
