"""The accuracy of each attribute, of CLEAR and of the best baseline."""

from clear_bench.plots.methods import per_attribute
from clear_bench.plots.page import Figure

FIGURE = Figure(
    title="Attributes",
    draw=per_attribute,
    options={"method": "clear", "own": ("clear", "clear_soft", "clear_hard")},
)
