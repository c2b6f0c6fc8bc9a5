"""How the methods learn: their metric on val and their loss by epoch."""

from clear_bench.report.figures.history import training
from clear_bench.report.figures.page import Figure

FIGURE = Figure(
    title="Training",
    draw=training,
    options={"own": ("clear", "clear_soft", "clear_hard")},
)
