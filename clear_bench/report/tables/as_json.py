"""A table as JSON: all that is known of each cell, for whoever computes on."""

import json
from dataclasses import asdict
from math import isnan
from typing import Any

from clear_bench.report.tables.model import Cell, Column, Table


def table_json(table: Table) -> str:
    """Return a table as JSON; a number that is not there is null, what a cell lacks is left out."""
    heads = [c.name for c in table.columns]
    known = {
        "table": table.stem,
        "dataset": table.dataset,
        "caption": table.words,
        "notes": list(table.notes),
        "columns": [_column(column) for column in table.columns],
        "rows": [
            {
                table.head: row.label,
                "title": row.title,
                "notes": list(row.notes),
                "cells": {h: _cell(c) for h, c in zip(heads, row.cells, strict=True)},
            }
            for row in table.rows
        ],
    }
    return json.dumps(known, ensure_ascii=False, indent=1) + "\n"


def _column(column: Column) -> dict[str, Any]:
    """Return what tells how a column's numbers are to be read."""
    return {"head": column.name, "metric": column.metric, "better": column.better}


def _cell(cell: Cell) -> dict[str, Any]:
    """Return a cell: words alone, or a value and what else is known of it."""
    if cell.text:
        return {"text": cell.text}
    known = {name: value for name, value in asdict(cell).items() if value not in ("", (), False)}
    numbers = {n: v for n, v in known.items() if not isinstance(v, float) or not isnan(v)}
    return {"value": None, **numbers}
