"""The accuracy of each attribute, of CLEAR and of the best baseline."""

from clear_bench.report.figures.methods import per_attribute
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(
    title="Attributes",
    draw=per_attribute,
    options={"method": "clear"},
)
