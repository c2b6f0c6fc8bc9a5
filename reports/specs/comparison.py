"""All methods side by side, on every metric that papers print."""

from clear_bench.report.figures.methods import comparison
from clear_bench.report.figures.picture import FigureSpec

FIGURE = FigureSpec(
    title="Methods",
    draw=comparison,
    options={
        "metrics": {
            "recognition": ("mA", "f1", "accuracy"),
            "retrieval": ("mAP", "rank1", "rank10"),
        },
    },
)
