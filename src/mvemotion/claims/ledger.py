"""The ledger: every claim beside what was found, as data (CSV) and for reading (Markdown)."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mvemotion.claims.claim import Claim, list_claims
from mvemotion.claims.comparing import compare_families
from mvemotion.claims.evidence import Results, Tier0
from mvemotion.claims.own_numbers import own_numbers
from mvemotion.claims.rules import Evidence, decide
from mvemotion.files import write_result_table, write_text
from mvemotion.provenance import git_commit

VERDICTS = ("matches", "close", "differs", "untested")
OWN = ("yes", "no", "cannot tell")
LEGEND = """\
*Own numbers*: do the paper's tables and its authors' confusion matrices support the claim? Yes, no
or cannot tell. A difference of two printed accuracies is a yes where 300 clips can show it (95 %
interval, unpaired: which clips each network had right is not published), and a no where it is zero
or has the wrong sign. What Section 5.3 says of kin emotions is held against chance on the counts of
the authors' best network. Column `rule` of ledger.csv names the pairs behind the numbers, in order.

*Verdict*: what our result files say, for scores only on the paper's own clips. A score *matches* if
the printed one lies in our 95 % interval; it is *close* within five points. Of several runs the
mean is taken, and the interval is the mean's: clips are drawn, not runs. A comparison *matches* if
its test on the same clips is significant at 5 % after Holm's correction within its family
(McNemar's exact test; of several runs, its generalisation to their mean on each clip); it is
*close* if only the sign agrees. That two networks are equal, or one not above the other, *matches*
only if the whole 95 % interval of their difference stays within five points; that no difference was
found is *close*. So are errors, those of the first run, that differ from those of the authors'
confusion matrix no more than chance allows (chi-square by random tables, 5 %); errors that differ
more do. Claims about kin
emotions are tested likewise, by permutations within clips. That an emotion is the hardest (of the
lowest recall), or two are confused (among the five most confused of the 15 pairs), *matches* if
95 % of resamples of the clips agree, and is *close* if the counts alone say so; *own numbers* are
these counts. What no result file decides is *untested*.
"""


def build_ledger(
    tier0: Tier0, results: Results | None, claims: Iterable[Claim] | None = None
) -> pd.DataFrame:
    """One row a claim.

    Parameters
    ----------
    tier0 : Tier0
    results : Results, optional
        Without it, only what tier 0 can decide is decided.
    claims : iterable of Claim, optional
        All of `list_claims` if not given.

    Returns
    -------
    DataFrame
        The claim (``id``, ``place``, ``quote``, ``kind``, ``tier``, ``networks``, ``command``,
        ``rule``), ``own`` and ``own_detail`` (the paper's own numbers), and ``ours``, ``verdict``,
        ``reason`` and ``source``.
    """
    claims = list_claims() if claims is None else tuple(claims)
    compared = compare_families(claims, results) if results else {}
    evidence = Evidence(tier0, results, compared)
    return pd.DataFrame([_row(claim, evidence) for claim in claims])


def write_ledger(ledger: pd.DataFrame, folder: Path) -> None:
    """Write ``ledger.csv`` and ``ledger.md``."""
    write_result_table(folder / "ledger.csv", ledger)
    write_text(folder / "ledger.md", ledger_markdown(ledger))


def summarize_ledger(ledger: pd.DataFrame) -> str:
    """Claims by kind and verdict, and by what the paper's own numbers say, in Markdown."""
    kinds = list(dict.fromkeys(ledger["kind"]))
    verdicts = _counted(ledger, "verdict", VERDICTS, kinds)
    own = _counted(ledger[ledger["own"] != ""], "own", OWN, kinds)
    frame = pd.concat({"verdict": verdicts, "own": own}, axis=1)
    frame.columns = [f"own: {w}" if group == "own" else w for group, w in frame.columns]
    frame.loc["all"] = frame.sum()
    frame.insert(0, "claims", [*ledger["kind"].value_counts().reindex(kinds), len(ledger)])
    return frame.rename_axis("kind").to_markdown()


def ledger_markdown(ledger: pd.DataFrame) -> str:
    """The ledger for reading: sentences one by one, cells of tables where they say something."""
    is_cell = ledger["id"].str.startswith("table-") & (ledger["place"] != "Table 1 Total")
    sentences, cells = ledger[~is_cell], ledger[is_cell]
    said = cells[cells["verdict"].isin(("close", "differs")) | (cells["own"] == "no")]
    parts = (
        ["# Claims", "", f"Drawn up by mvemotion at commit {git_commit()}.", ""],
        [LEGEND, summarize_ledger(ledger), ""],
        ["## Sentences", "", _readable(sentences), ""],
        ["## Cells of Tables 1-8", "", _cells_by_table(cells), ""],
        ["Those that differ, are close, or that the paper's own numbers contradict:", ""],
        [_readable(said) if len(said) else "None.", ""],
        ["## Why claims are untested", "", *_reasons(ledger), ""],
    )
    return "\n".join(line for part in parts for line in part)


def _row(claim: Claim, evidence: Evidence) -> dict:
    own, own_detail = own_numbers(claim, evidence.tier0)
    found = decide(claim, evidence)
    return {
        "id": claim.id,
        "place": claim.place,
        "quote": claim.quote,
        "kind": claim.kind,
        "tier": claim.tier,
        "networks": " ".join(claim.networks),
        "command": claim.command,
        "rule": claim.rule,
        "own": own,
        "own_detail": own_detail,
        "ours": found.ours,
        "verdict": found.verdict,
        "reason": found.reason,
        "source": found.source,
    }


def _counted(ledger: pd.DataFrame, column: str, words, kinds: list[str]) -> pd.DataFrame:
    counts = pd.crosstab(ledger["kind"], ledger[column])
    return counts.reindex(index=kinds, columns=list(words), fill_value=0)


def _readable(ledger: pd.DataFrame) -> str:
    is_same = (ledger["ours"] != "") & (ledger["ours"] == ledger["own_detail"])
    numbers = ledger["own"] + ledger["own_detail"].map(lambda text: f": {text}" if text else "")
    shown = pd.DataFrame(
        {
            "claim": ledger["id"],
            "place": ledger["place"],
            "the paper says": ledger["quote"],
            "own numbers": numbers,
            "ours": ledger["ours"].mask(is_same, "(the same)"),
            "verdict": ledger["verdict"],
        }
    )
    return shown.to_markdown(index=False, disable_numparse=True)


def _cells_by_table(cells: pd.DataFrame) -> str:
    table = cells["place"].str.extract(r"^(Table \d)", expand=False)
    counts = pd.crosstab(table, cells["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    return counts.rename_axis("cells of").to_markdown()


def _reasons(ledger: pd.DataFrame) -> list[str]:
    """Each reason with how many claims it holds for, most first; details are in ledger.csv."""
    reasons = ledger.loc[ledger["verdict"] == "untested", "reason"].str.split(": ").str[0]
    return [f"- {count}: {reason}" for reason, count in reasons.value_counts().items()]
