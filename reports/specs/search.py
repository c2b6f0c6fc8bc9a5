"""What a search of hyper-parameters saw on val, and which of them mattered."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.searches import search

FIGURE = FigureSpec(
    title="Searches",
    draw=search,
    options={},
)
