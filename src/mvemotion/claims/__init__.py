"""The claims ledger: every checkable claim of the paper, and what our result files say to it."""

from mvemotion.claims.claim import Claim, list_claims
from mvemotion.claims.evidence import Results, Tier0
from mvemotion.claims.ledger import build_ledger, summarize_ledger, write_ledger

__all__ = [
    "Claim",
    "Results",
    "Tier0",
    "build_ledger",
    "list_claims",
    "summarize_ledger",
    "write_ledger",
]
