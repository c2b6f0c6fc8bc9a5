"""What CLEAR and the best baseline find for a query, where CLEAR is best and where it is worst."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.qualitative import queries_and_answers

FIGURE = FigureSpec(
    title="Queries",
    draw=queries_and_answers,
    options={"method": "clear"},
    persons=True,
)
