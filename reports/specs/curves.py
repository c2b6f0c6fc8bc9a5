"""How the metrics change with depth of fusion, number of training persons and image size."""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.studies import curves

FIGURE = FigureSpec(
    title="Curves",
    draw=curves,
    options={"studies": ("cross_depth", "data_size", "image_size")},
)
