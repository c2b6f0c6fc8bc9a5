"""Which method beats which, image by image or query by query."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.pairs import wins

FIGURE = Figure(
    title="Pairs of methods",
    draw=wins,
    options={},
)
