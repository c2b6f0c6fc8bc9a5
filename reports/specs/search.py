"""What a search of hyper-parameters saw on val, and which of them mattered."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.searches import search

FIGURE = Figure(
    title="Searches",
    draw=search,
    options={},
)
