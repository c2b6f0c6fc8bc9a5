"""Attribute-based retrieval.

The share of queries with a right image among the first 1, 5 and 10, and mean average precision.
"""

from clear_bench.report.tables.methods import by_method
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=by_method,
    order=2,
    task="retrieval",
    columns=(
        Column("R@1", "rank1"),
        Column("R@5", "rank5"),
        Column("R@10", "rank10"),
        Column("mAP", "mAP"),
    ),
    sort="mAP",
)
