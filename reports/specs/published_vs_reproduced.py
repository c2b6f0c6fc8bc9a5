"""Published numbers, ours, and the difference (ours minus published) where one protocol made both.

Where split, training images, selection or threshold differ, or are not stated there, the footnote
says so and nothing is subtracted.
"""

from clear_bench.report.tables.model import Column, TableSpec
from clear_bench.report.tables.published import against_published

TABLE = TableSpec(
    build=against_published,
    order=3,
    options={
        "columns": {
            "recognition": (
                Column("mA", "mA", digits=1, spread=False),
                Column("Acc", "accuracy", digits=1, spread=False),
                Column("Prec", "precision", digits=1, spread=False),
                Column("Rec", "recall", digits=1, spread=False),
                Column("F1", "f1", digits=1, spread=False),
            ),
            "retrieval": (
                Column("R@1", "rank1", digits=1, spread=False),
                Column("R@5", "rank5", digits=1, spread=False),
                Column("R@10", "rank10", digits=1, spread=False),
                Column("mAP", "mAP", digits=1, spread=False),
            ),
        }
    },
)
