"""Seeds and data sets taken together."""

from clear_bench.report.tables.aggregate import over_datasets
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=over_datasets,
    order=1,
    options={
        "metrics": {
            "recognition": Column("IQM mA", "mA", spread=False),
            "retrieval": Column("IQM mAP", "mAP", spread=False),
        },
        "own": "clear",
    },
)
