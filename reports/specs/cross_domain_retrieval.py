"""Retrieval on a domain that no training image comes from (leave one out).

mAP; a column the domain that was left out and tested on.
"""

from clear_bench.report.tables.model import Column, TableSpec
from clear_bench.report.tables.studies import by_domain

TABLE = TableSpec(
    build=by_domain,
    order=5,
    task="retrieval",
    columns=(Column("", "mAP"),),
    options={"prefix": "loo-"},
)
