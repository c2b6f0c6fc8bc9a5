"""Which method beats which, image by image or query by query."""

from clear_bench.report.figures.pairs import wins
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(
    title="Pairs of methods",
    draw=wins,
    options={},
)
