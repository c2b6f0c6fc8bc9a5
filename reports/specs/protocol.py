"""The rules by which the numbers are made.

Only numbers of equal rules stand in one column or are compared.
"""

from clear_bench.report.tables.appendix import by_rule
from clear_bench.report.tables.model import TableSpec

TABLE = TableSpec(build=by_rule, order=9)
