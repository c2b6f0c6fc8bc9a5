"""How the metrics change with depth of fusion, number of training persons and image size."""

from clear_bench.plots.studies import curves
from clear_bench.plots.page import Figure

FIGURE = Figure(
    title="Curves",
    draw=curves,
    options={"studies": ("cross_depth", "data_size", "image_size")},
)
