"""What the runs were made with, and how many by each."""

from clear_bench.report.tables.appendix import by_environment
from clear_bench.report.tables.model import TableSpec

TABLE = TableSpec(build=by_environment, order=10)
