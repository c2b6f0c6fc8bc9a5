"""What each change of a study does to the metrics of its method."""

from clear_bench.plots.page import Figure
from clear_bench.plots.studies import deltas

FIGURE = Figure(
    title="Ablations",
    draw=deltas,
    options={},
)
