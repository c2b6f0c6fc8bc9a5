"""Precision at every recall of attribute retrieval."""

from clear_bench.plots.rankings import precision_recall
from clear_bench.plots.page import Figure

FIGURE = Figure(
    title="Precision and recall",
    draw=precision_recall,
    options={"own": ("clear", "clear_soft", "clear_hard")},
)
