"""What decides a claim, by the first word of its rule in ``replication/claims.csv``.

``check NAME``                   checks of tier 0; ``*`` stands for anything
``parameters ID COUNT``          the census of tier 0
``score ID COLUMN PRINTED``      a network's test score
``errors ID``                    a network errs where the authors' matrix of it does
``clips SPLIT COUNT [each|E]``   clips of a split in all, of each emotion, or of one
``above A > B; C > D``           each first network is more accurate than its second
``not-above``, ``any-above``     none is; at least one is
``mixed A > B; C > D``           some are more accurate and some less
``equal A = B``                  they do not differ
``confused``, ``hardest``, ``alike``, ``unlike``, ``shared``   see `mvemotion.claims.emotions`
``audit [EMOTION CUE high|low]`` the audit of the clips: by its quote, or of a class
``unprinted``, ``unnamed-clip``  result files cannot decide it: see `UNDECIDED`
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mvemotion.claims.claim import AUDIT, Claim
from mvemotion.claims.comparing import COMPARING, Comparison, Pair
from mvemotion.claims.emotions import ABOUT_EMOTIONS, decide_emotions
from mvemotion.claims.evidence import Results, Tier0
from mvemotion.claims.finding import Finding, untested
from mvemotion.claims.our_numbers import (
    decide_audit,
    decide_check,
    decide_clips,
    decide_comparison,
    decide_errors,
    decide_parameters,
    decide_score,
)

FROM_TIER_0 = {"check": decide_check, "parameters": decide_parameters}
FROM_RESULTS = {"score": decide_score, "errors": decide_errors, "clips": decide_clips}
UNDECIDED = {
    "unprinted": "the paper prints no such row",
    "unnamed-clip": "the paper does not say which clip this is",
}
RULES = (*FROM_TIER_0, *FROM_RESULTS, AUDIT, *COMPARING, *ABOUT_EMOTIONS, *UNDECIDED)


@dataclass(frozen=True)
class Evidence:
    """What there is to decide by; `compared` holds the comparisons of each family."""

    tier0: Tier0
    results: Results | None
    compared: Mapping[str, Mapping[Pair, Comparison]]


def decide(claim: Claim, evidence: Evidence) -> Finding:
    """Our finding on a claim; without a result file it is untested."""
    rule, _, rest = claim.rule.partition(" ")
    if rule in UNDECIDED:
        return untested(UNDECIDED[rule])
    if rule in FROM_TIER_0:
        return FROM_TIER_0[rule](rest, evidence.tier0)
    if evidence.results is None:
        return untested("no results folder was given")
    if rule == AUDIT:
        return decide_audit(claim, evidence.results)
    if rule in FROM_RESULTS:
        return FROM_RESULTS[rule](rest, evidence.results)
    if rule in COMPARING:
        return decide_comparison(claim, evidence.compared[claim.family], evidence.results)
    return decide_emotions(claim, evidence.results)
