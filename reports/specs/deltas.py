"""What each change of a study does to the metrics of its method."""

from clear_bench.report.figures.page import Figure
from clear_bench.report.figures.studies import deltas

FIGURE = Figure(
    title="Ablations",
    draw=deltas,
    options={},
)
