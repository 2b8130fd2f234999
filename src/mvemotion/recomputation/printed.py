"""The 39 printed rows, and which of their differences 300 test clips can show (discrepancy D7)."""

from functools import cache
from itertools import combinations

import pandas as pd

from mvemotion.comparisons import (
    ALPHA,
    PAPER_SUPPORT,
    difference_interval,
    mcnemar_bounds,
    unpaired_p_value,
)
from mvemotion.published import NETWORK_TABLES, published_table

TEST_CLIPS = sum(PAPER_SUPPORT.values())
BEST = "video_a3_mmtm+music_a0+face_a2_se"  # Table 6 row 1


@cache
def printed_rows() -> pd.DataFrame:
    """The rows of Tables 2-6 by network id: table, row, hits and the printed columns.

    `hits` is the whole number of the 300 clips that the printed accuracy stands for.
    """
    parts = [published_table(number).assign(table=number) for number in NETWORK_TABLES]
    rows = pd.concat(parts, ignore_index=True).set_index("id")
    rows["hits"] = (rows["Test Accuracy"] * TEST_CLIPS).round().astype(int)
    return rows


def printed_differences() -> pd.DataFrame:
    """Every two printed accuracies, compared.

    Returns
    -------
    DataFrame
        ``first``, ``second``, their tables, ``clips`` and ``difference`` (first less second), its
        95 % interval as if the two were measured on different clips (``low``, ``high``; the paper
        does not say which clips each network had right), ``unpaired`` (*first higher*, *second
        higher* or *cannot tell*) and Fisher's ``p_unpaired``; and by the bounds of the paired
        test's p-value (``p_smallest``, ``p_largest``) ``paired``: *significant*, *not
        significant* or *depends* on which clips they were.
    """
    rows = printed_rows()
    pairs = combinations(rows[["table", "hits"]].itertuples(), 2)
    return pd.DataFrame([_difference(first, second) for first, second in pairs])


def _difference(first, second) -> dict:
    low, high = difference_interval(first.hits, TEST_CLIPS, second.hits, TEST_CLIPS)
    smallest, largest = mcnemar_bounds(first.hits, second.hits, TEST_CLIPS)
    clips = first.hits - second.hits
    return {
        "first": first.Index,
        "second": second.Index,
        "table_first": first.table,
        "table_second": second.table,
        "clips": clips,
        "difference": clips / TEST_CLIPS,
        "low": low,
        "high": high,
        "unpaired": "first higher" if low > 0 else "second higher" if high < 0 else "cannot tell",
        "p_unpaired": unpaired_p_value(first.hits, TEST_CLIPS, second.hits, TEST_CLIPS),
        "p_smallest": smallest,
        "p_largest": largest,
        "paired": _paired_verdict(smallest, largest),
    }


def _paired_verdict(smallest: float, largest: float) -> str:
    if largest < ALPHA:
        return "significant"
    return "not significant" if smallest >= ALPHA else "depends"
