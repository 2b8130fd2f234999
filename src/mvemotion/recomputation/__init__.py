"""Tier 0: everything that follows from what the paper and its authors printed, without any data."""

from mvemotion.recomputation.check import Check
from mvemotion.recomputation.checks import check_prints
from mvemotion.recomputation.matrices import class_scores, matrix_scores
from mvemotion.recomputation.printed import BEST, TEST_CLIPS, printed_differences, printed_rows

__all__ = [
    "BEST",
    "TEST_CLIPS",
    "Check",
    "check_prints",
    "class_scores",
    "matrix_scores",
    "printed_differences",
    "printed_rows",
]
