"""All methods side by side, on every metric that papers print."""

from clear_bench.plots.methods import comparison
from clear_bench.plots.page import Figure

FIGURE = Figure(
    title="Methods",
    draw=comparison,
    options={
        "own": ("clear", "clear_soft", "clear_hard"),
        "metrics": {
            "recognition": ("mA", "f1", "accuracy"),
            "retrieval": ("mAP", "rank1", "rank10"),
        },
    },
)
