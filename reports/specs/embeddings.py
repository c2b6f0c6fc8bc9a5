"""Queries and images in CLEAR's common space, seen along its two main directions."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.rankings import space

FIGURE = FigureSpec(
    title="Embeddings",
    draw=space,
    options={"method": "clear"},
)
