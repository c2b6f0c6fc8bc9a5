"""What CLEAR and the best baseline find for a query, where CLEAR is best and where it is worst."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.qualitative import pages

FIGURE = Figure(
    title="Queries",
    draw=pages,
    options={"method": "clear", "own": ("clear", "clear_soft", "clear_hard")},
    persons=True,
)
