"""Precision at every recall of attribute retrieval."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.rankings import precision_recall

FIGURE = FigureSpec(
    title="Precision and recall",
    draw=precision_recall,
    options={},
)
