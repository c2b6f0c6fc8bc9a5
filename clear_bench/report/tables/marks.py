"""Which number is the best and which the second: before rounding, within one protocol."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from clear_bench.report.tables.model import Cell, Column, Row


def mark_columns(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """Return the rows with the best and second numbers of each column marked.

    Equal numbers are marked alike.  A gap is never marked, and neither is a number without
    another one to compare it with.
    """
    marked = [
        mark([row.cells[place] for row in rows], column.better)
        for place, column in enumerate(columns)
    ]
    return tuple(
        replace(row, cells=tuple(cells[number] for cells in marked))
        for number, row in enumerate(rows)
    )


def mark_rows(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """Return the rows with the best and second number of each row marked."""
    marked = []
    for row in rows:
        places = [p for p, column in enumerate(columns) if column.better]
        better = columns[places[0]].better if places else 0
        cells = list(row.cells)
        for place, cell in zip(places, mark([cells[p] for p in places], better), strict=True):
            cells[place] = cell
        marked.append(replace(row, cells=tuple(cells)))
    return tuple(marked)


def mark(cells: Sequence[Cell], better: int) -> list[Cell]:
    """Return cells with their marks.

    Args:
        cells: Numbers of one kind.
        better: 1 if more is better, -1 if less is, 0 marks nothing.
    """
    marked = list(cells)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        if not isnan(cell.value):
            groups[cell.protocol].append(place)
    for places in groups.values():
        if not better or len(places) < 2:
            continue
        falling = sorted({cells[p].value for p in places}, reverse=better > 0)
        for name, value in zip(("best", "second"), falling, strict=False):
            for place in places:
                if cells[place].value == value:
                    marked[place] = replace(cells[place], mark=name)
    return marked
