"""What is found about a claim."""

from dataclasses import dataclass

MATCHES, CLOSE, DIFFERS, UNTESTED = "matches", "close", "differs", "untested"


@dataclass(frozen=True)
class Finding:
    """Our side of a claim.

    Attributes
    ----------
    ours : str
        Our value, with its interval or p-value.
    verdict : str
        ``matches``, ``close``, ``differs`` or ``untested``.
    reason : str
        Why it is untested; otherwise what else must be known.
    source : str
        The file that it rests on.
    """

    ours: str
    verdict: str
    reason: str = ""
    source: str = ""


def untested(reason: str, *, ours: str = "", source: str = "") -> Finding:
    """A claim that was not decided, and why."""
    return Finding(ours, UNTESTED, reason, source)
