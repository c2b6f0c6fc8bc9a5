"""Accuracy against what it costs to run and to train a method, with the Pareto front."""

from clear_bench.report.figures.cost import cost
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(
    title="Accuracy and cost",
    draw=cost,
    options={
        "costs": ("flops_per_image", "train_seconds"),
    },
)
