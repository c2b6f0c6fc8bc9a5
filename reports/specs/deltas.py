"""What each change of a study does to the metrics of its method."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.studies import deltas

FIGURE = FigureSpec(
    title="Ablations",
    draw=deltas,
    options={},
)
