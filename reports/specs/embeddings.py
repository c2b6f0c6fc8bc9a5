"""Queries and images in CLEAR's common space, seen along its two main directions."""

from clear_bench.plots.page import Figure
from clear_bench.plots.rankings import space

FIGURE = Figure(
    title="Embeddings",
    draw=space,
    options={"method": "clear"},
)
