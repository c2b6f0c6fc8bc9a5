"""Mean accuracy mA of each attribute, and the share of test images that have it."""

from clear_bench.report.tables.attributes import by_attribute
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=by_attribute,
    order=7,
    task="recognition",
    columns=(
        Column("positive", "positive", 0, digits=1, spread=False),
        Column("", "mA", digits=1, spread=False),
    ),
    sort="mA",
)
