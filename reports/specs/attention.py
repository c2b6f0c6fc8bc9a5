"""Where the two branches of CLEAR's cross-transformer look."""

from clear_bench.report.figures.attention import maps
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(title="Attention", draw=maps, persons=True)
