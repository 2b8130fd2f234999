"""What our result files say to a claim about a count, a score, clips or a comparison."""

from collections.abc import Mapping, Sequence

from mvemotion.agreement import compare_errors
from mvemotion.audit.claims import FAILS, HOLDS, OPEN
from mvemotion.claims.claim import Claim
from mvemotion.claims.comparing import Comparison, Pair, pairs_of
from mvemotion.claims.evidence import AUDIT_FILE, Results, Tier0, comparable
from mvemotion.claims.finding import CLOSE, DIFFERS, MATCHES, UNTESTED, Finding, untested
from mvemotion.claims.own_numbers import from_checks
from mvemotion.comparisons import CLOSE as MARGIN
from mvemotion.comparisons import score_verdict
from mvemotion.published import published_confusions
from mvemotion.reporting import errors_verdict
from mvemotion.statistics import accuracy_interval, seeds_summary

METRICS = {"Test Accuracy": "accuracy", "F1-Score": "f1_rounded", "ROC AUC Score": "auc"}
NO_TIER_0 = "tier 0 was not run (mvemotion replicate --tier 0)"
AUDITED = {HOLDS: MATCHES, FAILS: DIFFERS}
CLIPS_TOLERANCE = 0.02  # "close": within two percent of the printed number of clips


# --- Tier 0 ---------------------------------------------------------------------------------------
def decide_check(pattern: str, tier0: Tier0) -> Finding:
    """Arithmetic on printed numbers."""
    word, detail = from_checks(tier0.checks(pattern))
    if not word:
        return untested(NO_TIER_0)
    if word == "cannot tell":
        return untested("the published material does not hold it", ours=detail)
    return Finding(detail, MATCHES if word == "yes" else DIFFERS, source=tier0.path.name)


def decide_parameters(rest: str, tier0: Tier0) -> Finding:
    """The network as built here has the printed number of parameters, or not."""
    network_id, printed = rest.split(" ")
    row = tier0.parameters(network_id)
    if row is None:
        return untested(NO_TIER_0)
    verdict = MATCHES if row["parameters"] == int(printed) else DIFFERS
    note = "" if verdict == MATCHES else f"{row['parameters'] - int(printed):+,} (D12)"
    return Finding(f"{row['parameters']:,}", verdict, note, tier0.path.name)


# --- Scores and clips -----------------------------------------------------------------------------
def decide_score(rest: str, results: Results) -> Finding:
    """A printed score lies in our interval, or close to our value, or neither."""
    network_id, _, rest = rest.partition(" ")
    column, _, printed = rest.rpartition(" ")
    runs = results.runs.get(network_id, ())
    if not runs:
        return untested(f"not run: {network_id}")
    source = results.relative(runs[0].folder / "metrics.json")
    values = [run.metrics[METRICS[column]] for run in runs]
    if None in values:
        return untested("a class has no clip in the test split", source=source)
    seeds, bounds = seeds_summary(values), results.intervals(network_id)
    interval = _interval(column, seeds["mean"], runs[0].metrics["n"], bounds)
    reason = comparable(results, runs) or ("" if interval else _no_interval(bounds))
    verdict = UNTESTED if reason else score_verdict(float(printed), seeds["mean"], interval)
    return Finding(_score_text(seeds, interval), verdict, reason, source)


def _interval(column: str, mean: float, n: int, bounds: dict) -> Sequence[float] | None:
    """Of an accuracy Wilson's on n clips, which is if anything too wide for a mean over runs."""
    if column == "Test Accuracy":
        return accuracy_interval(round(mean * n), n)
    return bounds.get(METRICS[column])


def _no_interval(bounds: dict) -> str:
    return bounds.get("note") or "scored before intervals were kept; `mvemotion evaluate` adds them"


def _score_text(seeds: dict, interval) -> str:
    text = f"{seeds['mean']:.3f}"
    text += f" ± {seeds['sd']:.3f} over {seeds['seeds']} runs" if seeds["seeds"] > 1 else ""
    return text + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def decide_errors(network_id: str, results: Results) -> Finding:
    """Errors of the first run against those of the authors' matrix: they differ, or may not."""
    runs = results.runs.get(network_id, ())[:1]
    if not runs:
        return untested(f"not run: {network_id}")
    theirs = next(c for c in published_confusions() if c.id == network_id and c.is_of_paper)
    found = compare_errors(runs[0].metrics["confusion"], theirs.matrix)
    ours = (
        f"{found['errors_first']} and {found['errors_second']} errors, "
        f"chi-square {found['chi_square']:.1f} of {found['degrees']}, p = {found['p_value']:.2g}"
    )
    reason = comparable(results, runs)
    verdict = UNTESTED if reason else errors_verdict(found["p_value"])
    return Finding(ours, verdict, reason, results.relative(runs[0].folder / "metrics.json"))


def decide_clips(rest: str, results: Results) -> Finding:
    """``SPLIT COUNT``, then ``each`` (of every class), a class, or nothing (in all)."""
    split, printed, *which = rest.split(" ")
    found = results.summary.get("classes", {}).get(split)
    if not found:
        return untested(f"summary.json does not say how many clips {split} has")
    counts = _counts(found, which)
    ours = ", ".join(map(str, sorted(set(counts))))
    reason, source = results.why_untested, "summary.json"
    if reason:
        return untested(reason, ours=ours, source=source)
    off = max(abs(count / int(printed) - 1) for count in counts)
    verdict = MATCHES if off == 0 else CLOSE if off <= CLIPS_TOLERANCE + 1e-9 else DIFFERS
    return Finding(ours, verdict, source=source)


def _counts(found: Mapping[str, int], which: list[str]) -> list[int]:
    if not which:
        return [sum(found.values())]
    return list(found.values()) if which == ["each"] else [found[which[0]]]


# --- The audit ------------------------------------------------------------------------------------
def decide_audit(claim: Claim, results: Results) -> Finding:
    """What the audit found of clips or classes: it holds, does not, or these clips cannot tell."""
    row = _audited(claim, results.audit)
    if row is None:
        return untested("not audited: `mvemotion audit STORE --out RESULTS/audit`, or notebook 01")
    audited, verdict = results.audit["provenance"].get("store_checksum"), row["verdict"]
    reason = results.why_untested
    if audited != results.summary.get("store_checksum"):
        reason = "the audit is of other clips, or of another split"
    if not reason and verdict not in AUDITED:
        reason = "the clips cannot tell" if verdict == OPEN else "the audit did not measure it"
    return Finding(row["found"], UNTESTED if reason else AUDITED[verdict], reason, AUDIT_FILE)


def _audited(claim: Claim, audit: Mapping) -> dict | None:
    """What an audit found (``found``) and its ``verdict``; None where it did not ask."""
    _, *words = claim.rule.split(" ")
    if not words:
        rows = audit.get("claims_on_clips", ())
        return next((row for row in rows if row["quote"] == claim.quote), None)
    for row in audit.get("claims", ()):
        if [row["emotion"], row["cue"], row["direction"]] == words:
            return {"verdict": row["verdict"], "found": _class_text(row)}
    return None


def _class_text(row: Mapping) -> str:
    """How a class differs from the others in a cue; empty where there are too few clips."""
    numbers = [row.get(name) for name in ("auc", "low", "high", "p_holm")]
    if None in numbers:
        return ""
    auc, low, high, p_value = numbers
    return f"AUC {auc:.2f} [{low:.2f}, {high:.2f}] against other classes, p = {p_value:.2g}"


# --- Comparisons ----------------------------------------------------------------------------------
def decide_comparison(
    claim: Claim, compared: Mapping[Pair, Comparison], results: Results
) -> Finding:
    """Paired tests of every pair; one pair that was not run leaves the claim untested."""
    pairs = pairs_of(claim)
    missing = [pair for pair in pairs if pair not in compared]
    found = [compared[pair] for pair in pairs if pair in compared]
    ours = _comparison_text(found)
    if missing:
        return untested(f"not run on the same clips: {_name(missing, len(pairs))}", ours=ours)
    runs = tuple(run for one in found for both in one.runs for run in both)
    source = results.relative(runs[0].folder / "predictions.csv")
    reason = comparable(results, runs)
    if reason:
        return untested(reason, ours=ours, source=source)
    return Finding(ours, judge(claim.rule.split(" ")[0], found), source=source)


def judge(rule: str, found: list[Comparison]) -> str:
    """The verdict on a comparison.

    ``above``: matches if every difference is significant, close if every one has the sign, else
    differs; ``any-above``, ``mixed``: matches by significance, close by sign. Finding no difference
    does not show that there is none: ``equal`` matches if each whole interval lies within five
    points of zero, ``not-above`` if each ends below five, with no significant difference against
    the claim; they are close if one of the two holds, else differ.
    """
    above = [one.difference > 0 for one in found]
    below = [one.difference < 0 for one in found]
    surely_above = [one.difference > 0 and one.is_significant for one in found]
    surely_below = [one.difference < 0 and one.is_significant for one in found]
    if rule == "above":
        return _verdict(all(surely_above), all(above))
    if rule == "any-above":
        return _verdict(any(surely_above), any(above))
    if rule == "mixed":
        both = any(surely_above) and any(surely_below)
        return _verdict(both, any(above) and any(below))
    is_small = all(one.tested.high < MARGIN for one in found)
    is_shown = any(surely_above)
    if rule == "equal":
        is_small = is_small and all(one.tested.low > -MARGIN for one in found)
        is_shown = is_shown or any(surely_below)
    return _verdict(is_small and not is_shown, is_small or not is_shown)


def _verdict(is_match: bool, is_close: bool) -> str:
    return MATCHES if is_match else CLOSE if is_close else DIFFERS


def _comparison_text(found: list[Comparison]) -> str:
    if len(found) != 1:
        signs = f"{sum(one.difference > 0 for one in found)} of {len(found)} above"
        return f"{signs}, {sum(one.is_significant for one in found)} significant" if found else ""
    one, runs = found[0], found[0].tested.runs
    mean = f"{100 * one.difference:+.1f} points" + (f", mean of {runs} runs" if runs > 1 else "")
    bounds = f"[{100 * one.tested.low:+.1f}, {100 * one.tested.high:+.1f}]"
    return f"{mean} {bounds}, p = {one.adjusted:.2g}"


def _name(pairs: list[Pair], total: int) -> str:
    if len(pairs) > 1:
        return f"{len(pairs)} of {total} pairs"
    return " and ".join(pairs[0])
