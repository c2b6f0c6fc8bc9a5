"""Comparison with the state of the art."""

from clear_bench.report.tables.main import across_datasets
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=across_datasets,
    order=0,
    options={
        "columns": {
            "recognition": (
                Column("mA", "mA", spread=False),
                Column("Acc", "accuracy", spread=False),
                Column("Prec", "precision", spread=False),
                Column("Rec", "recall", spread=False),
                Column("F1", "f1", spread=False),
            ),
            "retrieval": (
                Column("R@1", "rank1", spread=False),
                Column("R@5", "rank5", spread=False),
                Column("R@10", "rank10", spread=False),
                Column("mAP", "mAP", spread=False),
            ),
        },
        "own": ("clear_hard", "clear_soft", "clear"),
    },
)
