"""Checks of Tables 7 and 8: six clips' outputs, and the results of earlier studies."""

from collections.abc import Iterator
from itertools import combinations

import pandas as pd

from mvemotion.comparisons import ALPHA
from mvemotion.correlation.chance import examine_claims
from mvemotion.correlation.outputs import answers
from mvemotion.published import published_confusions, published_table
from mvemotion.recomputation.check import Check, check
from mvemotion.recomputation.printed import BEST, printed_rows
from mvemotion.specs import EMOTIONS

EARLIER_SCORES = (0.542, 0.534, 0.709, 0.764, 0.90, 0.744)  # Section 5.4, in Table 8's order
ONE_CLIP = "one clip of each class: no correlation can be estimated"
CHECKPOINT = "music_video_face_mm_best2"  # of the network that Section 5.3 speaks of


def check_table_7() -> Iterator[Check]:
    """Whether the outputs are probabilities, and what Section 5.3 reads from them."""
    table, place = published_table(7).set_index("Ground truth")[list(EMOTIONS)], "Table 7"
    yield check(
        "table-7:range",
        place,
        printed="class-wise probability",
        found=f"{table.min(axis=None):.4f} to {table.max(axis=None):.6f}",
        holds=table.ge(0).all(axis=None) and table.le(1).all(axis=None),
    )
    own = int((table.idxmax(axis=1) == table.index).sum())
    yield check(
        "table-7:own-class",
        place,
        printed="test results of the best network",
        found=f"{own} of {len(table)} clips highest in their own class",
        holds=own == len(table),
    )
    yield from _check_pairs(table, place)
    others = pd.Series({emotion: table[emotion].drop(emotion).mean() for emotion in EMOTIONS})
    yield check(
        "table-7:neutral",
        place,
        printed="Neutral carries features of the other emotions",
        found=f"mean Neutral output on the other clips {others['Neutral']:.3f}, "
        f"number {others.rank(ascending=False)['Neutral']:.0f} of 6",
        holds=None,
        note=ONE_CLIP,
    )


def _check_pairs(table: pd.DataFrame, place: str) -> Iterator[Check]:
    pairs = combinations(EMOTIONS, 2)
    both = pd.Series({pair: table.loc[pair] + table.loc[pair[::-1]] for pair in pairs})
    ranks = both.rank(ascending=False)
    for pair, are_alike in {("Fear", "Tension"): True, ("Excited", "Sad"): False}.items():
        there, back, rank = table.loc[pair], table.loc[pair[::-1]], ranks[pair]
        yield check(
            f"table-7:{'-'.join(pair).lower()}",
            place,
            printed="correlated" if are_alike else "not correlated",
            found=f"{there:.3f} and {back:.3f}, number {rank:.0f} of 15 pairs",
            holds=None,
            note=ONE_CLIP,
        )


def check_counts() -> Iterator[Check]:
    """What Section 5.3 reads from Table 7, on the authors' counts of the same network.

    A share of answers is confirmed or contradicted where it differs from what chance makes of as
    many wrong answers, at 5 % after Holm's correction; see `examine_claims`.
    """
    matrix = next(one.matrix for one in published_confusions() if one.checkpoint == CHECKPOINT)
    found = examine_claims(answers(matrix), "answer", statistics=("mean output",))
    for row in found.itertuples():
        is_shown = row.p_holm < ALPHA
        yield check(
            f"counts:{row.claim.replace(' and ', '-').lower()}",
            "Section 5.3",
            printed=row.says,
            found=f"{row.value:.1%} of the clips, {row.chance:.1%} by chance, p = {row.p_holm:.2g}",
            holds=row.verdict == "matches" if is_shown else None,
            note="" if is_shown else "cannot be told from chance",
        )


def check_earlier_studies() -> Iterator[Check]:
    """Table 8 against Section 5.4, and its own two rows against Tables 5 and 6."""
    table = published_table(8)
    scores = table["Score"].str.split(" ").str[0].astype(float)
    is_ours = table["Method"] == "Our"
    for line in table[~is_ours].itertuples():
        yield _check_reference(line)
    for (_, line), told in zip(table.iterrows(), EARLIER_SCORES, strict=False):
        yield check(
            f"table-8-score:{line['row']}:{line['Dataset']}",
            f"Table 8 row {line['row']}, {line['Dataset']}",
            printed=line["Score"],
            found=f"{told:g} in Section 5.4",
            holds=scores[line.name] == told,
        )
    yield from _check_our_rows(table[is_ours]["row"], scores[is_ours])
    ours = printed_rows().loc[BEST, "F1-Score"]
    above = int((scores[~is_ours] > ours).sum())
    yield check(
        "table-8:outperformed",
        "Section 5.4",
        printed="could not outperform",
        found=f"{above} of {(~is_ours).sum()} earlier scores above {ours}",
        holds=above > 0,
        note="accuracies and F1 of 4 to 18 classes on other data: not comparable",
    )


def check_clr() -> Iterator[Check]:
    """The second score that Section 5.4 gives of one earlier study."""
    table = published_table(8)
    printed = table.loc[table["Method"].str.startswith("CLR"), "Score"].iloc[0]
    yield check(
        "table-8-score:5:CLR",
        "Section 5.4",
        printed="Calibrated Label Ranking (CLR) classifier (72.24%)",
        found=f"Table 8 prints {printed} for CLR",
        holds=None,
        note="in the text that is the score with optical flow",
    )


def _check_reference(line) -> Check:
    told = f"[{line.reference_in_text:.0f}]"
    return check(
        f"table-8:{line.row}:{line.Dataset}",
        f"Table 8 row {line.row}, {line.Dataset}",
        printed=line.Method,
        found=f"{told} in Section 5.4",
        holds=told in line.Method,
        note="D8",
    )


def _check_our_rows(rows: pd.Series, scores: pd.Series) -> Iterator[Check]:
    printed = printed_rows()
    for row, score, number in zip(rows, scores, (5, 6), strict=True):
        best = printed.query("table == @number")["F1-Score"].max()
        yield check(
            f"table-8:{row}:Own",
            f"Table 8 row {row}",
            printed=f"F1 {score}",
            found=f"{best} in Table {number}",
            holds=score == best,
        )
