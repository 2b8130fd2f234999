"""Checks of the printed clips and scores: Tables 1-6, Figure 6, abstract and conclusions."""

from collections.abc import Iterator
from itertools import permutations

import pandas as pd
from scipy.stats import binomtest

from mvemotion.comparisons import ALPHA
from mvemotion.published import (
    NETWORK_TABLES,
    PublishedConfusion,
    published_confusions,
    published_table,
)
from mvemotion.recomputation.check import Check, check, is_cut_or_rounded
from mvemotion.recomputation.matrices import macro_f1
from mvemotion.recomputation.printed import BEST, TEST_CLIPS, printed_rows
from mvemotion.specs import EMOTIONS

# Numbers of the paper's text, which is not among the tables in ``replication/published``.
TOTALS = {"Training": 4788, "Validation": 655, "Testing": 300}  # Table 1's last row
FIRST_DATASET = (720, 519, 599, 574, 498, 528)  # Section 3: the samples of [16], by class
BEST_SCORES = {
    "Abstract": {"Test Accuracy": 0.74, "F1-Score": 0.73, "ROC AUC Score": 0.926},
    "Conclusions": {"Test Accuracy": 0.74, "F1-Score": 0.73, "ROC AUC Score": 0.923},
}
SMALL_AUC_DIFFERENCE = 0.05
ALIKE = 5  # clips of 300: never significant, however they pair (`mcnemar_bounds`)


def check_clips() -> Iterator[Check]:
    """Table 1's sums, and what the text says about the number of clips."""
    table = published_table(1)
    for split, total in TOTALS.items():
        found = int(table[f"{split} Samples"].sum())
        yield check(
            f"total:{split}",
            "Table 1",
            printed=f"total {total:,}",
            found=f"{found:,}",
            holds=found == total,
        )
    each = sorted(set(table["Testing Samples"]))
    yield check(
        "equal-classes",
        "Section 5.1",
        printed="equally distributed",
        found=f"{', '.join(map(str, each))} of each class",
        holds=each == [TEST_CLIPS // len(EMOTIONS)],
    )
    before, now = sum(FIRST_DATASET), sum(TOTALS.values())
    yield check(
        "growth",
        "Section 3",
        printed="nearly twice as much data",
        found=f"{now:,} / {before:,} = {now / before:.2f}",
        holds=None,
        note="what counts as nearly is not said",
    )


def check_accuracies() -> Iterator[Check]:
    """Table by table: does each accuracy stand for a whole number of the 300 clips?"""
    for number in NETWORK_TABLES:
        rows = printed_rows().query("table == @number")
        pairs = zip(rows["Test Accuracy"], rows["hits"] / TEST_CLIPS, strict=True)
        whole = sum(is_cut_or_rounded(*pair) for pair in pairs)
        yield check(
            f"whole-clips:{number}",
            f"Table {number}",
            printed="test accuracies",
            found=f"{whole} of {len(rows)} are k / {TEST_CLIPS}, cut off",
            holds=whole == len(rows),
        )


def check_outputs() -> Iterator[Check]:
    """The five rows of which the authors published the test output."""
    for one in (one for one in published_confusions() if one.is_of_paper):
        row = printed_rows().loc[one.id]
        yield from _check_output(one, row, f"Table {row['table']} row {row['row']}")


def _check_output(one: PublishedConfusion, row: pd.Series, place: str) -> Iterator[Check]:
    accuracy = one.matrix.trace() / one.matrix.sum()
    yield check(
        f"accuracy:{one.id}",
        place,
        printed=f"accuracy {row['Test Accuracy']}",
        found=f"{accuracy:.4f}",
        holds=is_cut_or_rounded(row["Test Accuracy"], accuracy),
    )
    yield check(
        f"f1:{one.id}",
        place,
        printed=f"F1 {row['F1-Score']}",
        found=f"{macro_f1(one.matrix):.3f} of the most probable class",
        holds=None,
        note="the printed F1 rounds outputs, which a matrix does not hold (D5)",
    )
    is_same = row["ROC AUC Score"] == one.auc
    yield check(
        f"auc:{one.id}",
        place,
        printed=f"AUC {row['ROC AUC Score']:.3f}",
        found=f"{one.auc:.3f} in the authors' output",
        holds=is_same,
        note="" if is_same else "D3",
    )


def check_best_scores() -> Iterator[Check]:
    """The best row's scores as the abstract and the conclusions repeat them."""
    row = printed_rows().loc[BEST]
    aucs = [one.auc for one in published_confusions() if one.id == BEST and one.is_of_paper]
    for place, scores in BEST_SCORES.items():
        for column, printed in scores.items():
            yield check(
                f"{place.lower()}:{column}",
                place,
                printed=f"{column} {printed}",
                found=f"{row[column]:g} in Table 6 row 1",
                holds=row[column] == printed,
                note="" if row[column] == printed else f"the authors' output has {aucs[0]} (D3)",
            )


def check_figure_6() -> Iterator[Check]:
    """What Section 5.3 says about the ROC curves of the multimodal networks."""
    rows, place = printed_rows(), "Section 5.3"
    fused = rows[rows["table"].isin((5, 6))]
    aucs = fused["ROC AUC Score"]
    yield check(
        "similar-curves",
        place,
        printed="a small difference in the area under the curve",
        found=f"AUC {aucs.min():.3f} to {aucs.max():.3f}",
        holds=aucs.max() - aucs.min() <= SMALL_AUC_DIFFERENCE,
    )
    best = aucs.groupby(fused["table"]).max()
    yield check(
        "roc-best",
        place,
        printed="three modalities performed best",
        found=f"best AUC {best[6]:.3f} in Table 6, {best[5]:.3f} in Table 5",
        holds=None,
        note=f"{aucs[BEST]:.3f} in Table 6 row 1, the row called best; maxima have no interval, "
        f"and the authors' output denies {best[5]:.3f} (D3)",
    )
    higher, pairs = _lighter_is_better(fused)
    yield check(
        "light-is-better",
        place,
        printed="fewer parameters, higher AUC",
        found=f"the lighter has the higher AUC in {higher} of {pairs} pairs of like accuracy",
        holds=higher > pairs / 2 if binomtest(higher, pairs).pvalue < ALPHA else None,
    )


def _lighter_is_better(rows: pd.DataFrame) -> tuple[int, int]:
    """Pairs of rows of like accuracy in which the lighter has the higher AUC, and all pairs."""
    columns = rows[["Parameters", "hits", "ROC AUC Score"]].to_numpy()
    is_higher = [
        light[2] > heavy[2]
        for light, heavy in permutations(columns, 2)
        if light[0] < heavy[0] and abs(light[1] - heavy[1]) <= ALIKE
    ]
    return sum(is_higher), len(is_higher)
