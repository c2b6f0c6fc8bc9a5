"""What a search of hyper-parameters saw on val, and which of them mattered."""

from clear_bench.plots.studies import search
from clear_bench.plots.page import Figure

FIGURE = Figure(
    title="Searches",
    draw=search,
    options={},
)
