"""Links in Markdown that was written to be read elsewhere."""

import re
from functools import cache

from markupsafe import Markup, escape

from mvemotion.paths import replication_file

LINK = re.compile(r"(?<!!)\[(?P<words>[^\]\[]*)\]\((?P<target>[^)\s]+)\)")
DISCREPANCY = re.compile(r"(?P<before>[Dd]iscrepanc(?:y|ies) |\()(?P<name>D\d+)(?=[),;:. ])")
ASSUMPTION = re.compile(r"(?P<before>[Aa]ssumption )(?P<name>\d+)\b")
ENTRY = re.compile(r"^\*\*(D?\d+)\.", re.M)  # a paragraph that begins with its number
INDEX = "README.md"  # of the notebooks: the report has an index of its own


def mend_links(text: str, pages: set[str]) -> str:
    """Markdown whose links lead to pages that there are; other local links become plain text.

    Parameters
    ----------
    text : str
    pages : set of str
        What may be linked, as it is to be written.

    Examples
    --------
    >>> mend_links("[04](04.ipynb), [05](05.ipynb#x), [index](README.md)", {"04.ipynb", "index.md"})
    '[04](04.ipynb), 05, [index](index.md)'
    """

    def mend(link: re.Match) -> str:
        words, target = link["words"], link["target"].replace(INDEX, "index.md")
        if target.startswith(("http:", "https:", "mailto:", "#")):
            return link[0]
        return f"[{words}]({target})" if target.partition("#")[0] in pages else words

    return LINK.sub(mend, text)


def refer(text: str, *, up: str = "") -> str:
    """Markdown in which discrepancies and assumptions that there are, are links.

    Examples
    --------
    >>> refer("as coded (D5; assumption 7)")
    'as coded ([D5](discrepancies.md#d5); assumption [7](assumptions.md#assumption-7))'
    """

    def link(found: re.Match, page: str, anchor: str) -> str:
        known = anchor in numbered_entries()
        return f"{found['before']}[{found['name']}]({up}{page}#{anchor})" if known else found[0]

    text = DISCREPANCY.sub(lambda m: link(m, "discrepancies.md", m["name"].lower()), text)
    return ASSUMPTION.sub(lambda m: link(m, "assumptions.md", f"assumption-{m['name']}"), text)


def refer_in_html(text: str) -> Markup:
    """The same for plain text, as HTML.

    Examples
    --------
    >>> refer_in_html("90 & more (D12)")
    Markup('90 &amp; more (<a href="discrepancies.html#d12">D12</a>)')
    """

    def link(found: re.Match) -> str:
        name = found[0]
        if name.lower() not in numbered_entries():
            return name
        return f'<a href="discrepancies.html#{name.lower()}">{name}</a>'

    return Markup(re.sub(r"\bD\d+\b", link, str(escape(text))))


@cache
def numbered_entries() -> frozenset[str]:
    """Anchors of the discrepancies and assumptions: ``d5``, ``assumption-7``."""
    discrepancies, assumptions = (
        ENTRY.findall(replication_file(name).read_text(encoding="utf-8"))
        for name in ("discrepancies.md", "assumptions.md")
    )
    return frozenset([*map(str.lower, discrepancies), *(f"assumption-{n}" for n in assumptions)])


def anchor_entries(text: str, prefix: str) -> str:
    """Markdown in which each paragraph that begins with a bold number can be linked to.

    Examples
    --------
    >>> print(anchor_entries("**D5. F1.** Text", "").splitlines()[0])
    (d5)=
    """
    return ENTRY.sub(lambda m: f"({prefix}{m[1].lower()})=\n{m[0]}", text)
