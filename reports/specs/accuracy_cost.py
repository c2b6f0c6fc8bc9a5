"""Accuracy against what it costs to run and to train a method, with the Pareto front."""

from clear_bench.report.figures.cost import cost
from clear_bench.report.figures.page import Figure

FIGURE = Figure(
    title="Accuracy and cost",
    draw=cost,
    options={
        "own": ("clear", "clear_soft", "clear_hard"),
        "costs": ("flops_per_image", "train_seconds"),
    },
)
