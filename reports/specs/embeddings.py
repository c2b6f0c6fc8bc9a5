"""Queries and images in CLEAR's common space, seen along its two main directions."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.rankings import space

FIGURE = Figure(
    title="Embeddings",
    draw=space,
    options={"method": "clear"},
)
