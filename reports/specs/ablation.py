"""What one choice makes of a method."""

from clear_bench.report.tables.model import TableSpec
from clear_bench.report.tables.studies import by_variant

TABLE = TableSpec(build=by_variant, order=6)
