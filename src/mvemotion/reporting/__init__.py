"""Our results beside the paper's tables: as data (CSV) and for reading (HTML, Markdown)."""

from mvemotion.reporting.class_outputs import compare_outputs
from mvemotion.reporting.confusions import compare_confusions, errors_verdict
from mvemotion.reporting.earlier_studies import compare_earlier, earlier_for_reading
from mvemotion.reporting.intervals import intervals_over_runs
from mvemotion.reporting.reading import coverage, readable, show_table, style_table, to_markdown
from mvemotion.reporting.tables import (
    PAPER_CLIPS,
    compare_table,
    networks_table,
    parameter_total,
    read_histories,
    save_table,
    targets_and_probabilities,
)

__all__ = [
    "PAPER_CLIPS",
    "compare_confusions",
    "compare_earlier",
    "compare_outputs",
    "compare_table",
    "coverage",
    "earlier_for_reading",
    "errors_verdict",
    "intervals_over_runs",
    "networks_table",
    "parameter_total",
    "read_histories",
    "readable",
    "save_table",
    "show_table",
    "style_table",
    "targets_and_probabilities",
    "to_markdown",
]
