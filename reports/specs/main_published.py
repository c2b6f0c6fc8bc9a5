"""Published numbers, each above ours, which the same protocol need not have made."""

from dataclasses import replace

from clear_bench.report.tables.model import TableSpec
from reports.specs.main import TABLE as MAIN

TABLE: TableSpec = replace(MAIN, order=3, options={**MAIN.options, "published": True})
