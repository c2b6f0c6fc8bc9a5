"""Precision at every recall of attribute retrieval."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.rankings import precision_recall

FIGURE = Figure(
    title="Precision and recall",
    draw=precision_recall,
    options={"own": ("clear", "clear_soft", "clear_hard")},
)
