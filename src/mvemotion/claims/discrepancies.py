"""The numbered places where the paper disagrees with itself, its code or arithmetic."""

import re

import pandas as pd

from mvemotion.paths import replication_file

_ENTRY = re.compile(r"^\*\*(D\d+)\. (.+?)\.?\*\*(.+?)(?=^\*\*D\d+\. |\Z)", re.DOTALL | re.MULTILINE)
_HERE = " Here: "


def list_discrepancies() -> pd.DataFrame:
    """Every entry of ``replication/discrepancies.md``.

    Returns
    -------
    DataFrame
        ``id`` (D1, D2, ...), ``title``, ``found`` (what is said and what was found) and ``here``
        (what this package does), as Markdown on one line each.
    """
    text = replication_file("discrepancies.md").read_text(encoding="utf-8")
    rows = [_row(*match.groups()) for match in _ENTRY.finditer(text)]
    return pd.DataFrame(rows, columns=["id", "title", "found", "here"])


def _row(number: str, title: str, body: str) -> tuple[str, str, str, str]:
    found, _, here = " ".join(body.split()).partition(_HERE.strip() + " ")
    return number, title, found.strip(), here.strip()
