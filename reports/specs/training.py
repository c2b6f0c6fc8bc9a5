"""How the methods learn: their metric on val and their loss by epoch."""

from clear_bench.report.figures.history import training
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(
    title="Training",
    draw=training,
    options={},
)
