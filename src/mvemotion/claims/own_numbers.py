"""What the paper's own numbers say to a claim: *yes*, *no* or *cannot tell*, and which numbers.

Two printed accuracies on 300 clips support a difference only where its interval excludes zero (as
if unpaired: which clips each network had right is not published); where any one of several pairs
would do, Holm's correction is on top. A printed difference of the wrong sign supports no claim that
the first is above, however small it is.
"""

from mvemotion.claims.claim import Claim
from mvemotion.claims.comparing import COMPARING, pairs_of
from mvemotion.claims.emotions import own_emotions
from mvemotion.claims.evidence import Printed, Tier0
from mvemotion.comparisons import ALPHA, holm
from mvemotion.recomputation import TEST_CLIPS

YES, NO, CANNOT_TELL = "yes", "no", "cannot tell"
WORDS = {"confirmed": YES, "contradicted": NO, "cannot tell": CANNOT_TELL}


def own_numbers(claim: Claim, tier0: Tier0) -> tuple[str, str]:
    """The word and the numbers; both empty where nothing is published, or tier 0 was not run."""
    rule, _, rest = claim.rule.partition(" ")
    if rule in COMPARING:
        return _comparison(claim, rule, tier0)
    if rule == "check" or claim.own:
        return from_checks(tier0.checks(claim.own or rest))
    return own_emotions(claim, tier0)


def from_checks(checks: list[dict]) -> tuple[str, str]:
    """Several checks support a claim if all are confirmed."""
    words = {WORDS[check["verdict"]] for check in checks}
    if not words:
        return "", ""
    if len(checks) > 1:
        confirmed = sum(check["verdict"] == "confirmed" for check in checks)
        detail = f"{confirmed} of {len(checks)} confirmed"
    else:
        detail = "; ".join(filter(None, (checks[0]["found"], checks[0]["note"])))
    return _all(words), detail


def _all(words: set[str]) -> str:
    return NO if NO in words else CANNOT_TELL if CANNOT_TELL in words else YES


def _comparison(claim: Claim, rule: str, tier0: Tier0) -> tuple[str, str]:
    found = [tier0.difference(*pair) for pair in pairs_of(claim)]
    if not tier0.path.is_file():
        return "", ""
    if None in found:
        return CANNOT_TELL, "a row is not printed"
    clips = ", ".join(f"{one.clips:+d}" for one in found)
    return _judge(rule, found), f"{clips} of {TEST_CLIPS} clips"


def _judge(rule: str, found: list[Printed]) -> str:
    signs = {(one.clips > 0) - (one.clips < 0) for one in found}
    if rule == "above":
        return _three(yes=all(one.is_told_apart for one in found), no=signs != {1})
    sure = {
        (one.clips > 0) - (one.clips < 0)
        for one, p_value in zip(found, holm([one.p_value for one in found]), strict=True)
        if p_value < ALPHA
    }
    if rule == "not-above":
        return _three(yes=1 not in signs, no=1 in sure)
    if rule == "any-above":
        return _three(yes=1 in sure, no=1 not in signs)
    if rule == "mixed":
        return _three(yes={1, -1} <= sure, no=not {1, -1} <= signs)
    return _three(yes=signs == {0}, no=bool(sure))


def _three(*, yes: bool, no: bool) -> str:
    return NO if no else YES if yes else CANNOT_TELL
