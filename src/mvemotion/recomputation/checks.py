"""Printed numbers against one another and against the authors' published outputs."""

from collections.abc import Mapping
from itertools import chain

from mvemotion.recomputation.check import Check
from mvemotion.recomputation.parameters import check_costs, check_fusions, check_sizes, check_units
from mvemotion.recomputation.scores import (
    check_accuracies,
    check_best_scores,
    check_clips,
    check_figure_6,
    check_outputs,
)
from mvemotion.recomputation.tables_7_8 import (
    check_clr,
    check_counts,
    check_earlier_studies,
    check_table_7,
)


def check_prints(gflops: Mapping[str, float]) -> list[Check]:
    """Every check, in the paper's order.

    Parameters
    ----------
    gflops : mapping of str to float
        Billions of operations of one forward pass by network id, as `mvemotion.census` counts
        them: the paper speaks of computational cost and prints parameters.
    """
    parts = (
        check_clips(),
        check_accuracies(),
        check_outputs(),
        check_units(),
        check_fusions(),
        check_costs(gflops),
        check_sizes(),
        check_best_scores(),
        check_figure_6(),
        check_table_7(),
        check_counts(),
        check_earlier_studies(),
        check_clr(),
    )
    return list(chain.from_iterable(parts))
