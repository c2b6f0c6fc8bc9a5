"""What makes a table of methods a leaderboard: ranks, papers, families, sizes and speeds."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from clear_bench.report.tables import model
from clear_bench.report.web.behind import Behind
from clear_bench.report.web.methods import is_floor, is_ours, of_group, title_of
from clear_bench.report.web.model import Cell, Column, PageTable, Row
from clear_bench.results.groups import Group

COSTS = (
    model.Column("params (M)", "parameters", 0, 2, 1e-6, spread=False),
    model.Column("images/s", "images_per_second", 0, 0, 1.0, spread=False),
)
WORDS = (
    Column("year", words=True),
    Column("family", up=False, words=True, filtered=True),
    Column("backbone", up=False, words=True),
)
OF_RETRIEVAL = (
    "params, images/s: of what learns on the parent's frozen features; the parent's own are in "
    "the leaderboard of recognition"
)


def leaderboard(shown: PageTable, table: model.Table, behind: Behind, sort: str) -> PageTable:
    """Return a table of methods with their ranks and what is known of them.

    Args:
        shown: The table as the page has it.
        table: The same as the paper has it.
        behind: Finds the runs of its rows.
        sort: Metric that ranks the rows.
    """
    place = next((k for k, c in enumerate(table.columns) if c.metric == sort), None)
    groups = [behind.group((row.label,), row.cells[0]) for row in table.rows]
    values = [row.cells[place].value if place is not None else float("nan") for row in table.rows]
    ranks = ranked(groups, values)
    facts = [
        [*words_of(group), *_costs(row, group, behind)]
        for row, group in zip(table.rows, groups, strict=True)
    ]
    own = zip(shown.rows, groups, ranks, strict=True)
    rows = [named(row, group, rank) for row, group, rank in own]
    heads = [*WORDS, *(Column(c.head) for c in COSTS)]
    of_retrieval = shown.facets["task"] == "retrieval"
    return with_facts(
        replace(
            shown,
            rows=rows,
            notes=[*shown.notes, *([OF_RETRIEVAL] if of_retrieval else [])],
            sorted_by=table.columns[place].head if place is not None else "",
        ),
        heads,
        facts,
    )


def with_facts(
    shown: PageTable, heads: Sequence[Column], facts: Sequence[Sequence[Cell]]
) -> PageTable:
    """Return a table with columns of facts before its own, but for those that nobody fills.

    Args:
        shown: The table.
        heads: Of the facts.
        facts: Of each row, one a head.
    """
    filled = [k for k in range(len(heads)) if any(row[k].text for row in facts)]
    rows = [
        replace(row, cells=[*(own[k] for k in filled), *row.cells])
        for row, own in zip(shown.rows, facts, strict=True)
    ]
    return replace(shown, rows=rows, columns=[*(heads[k] for k in filled), *shown.columns])


def ranked(groups: Sequence[Group | None], values: Sequence[float]) -> list[int]:
    """Return the rank of each row, equal ones for equal values; 0 for gaps and floors.

    Args:
        groups: Of the rows; None where none is known.
        values: What they are ranked by, more is better.
    """
    counted = [
        not isnan(value) and (group is None or not is_floor(group))
        for group, value in zip(groups, values, strict=True)
    ]
    better = [v for v, counts in zip(values, counted, strict=True) if counts]
    return [
        1 + sum(other > value for other in better) if counts else 0
        for value, counts in zip(values, counted, strict=True)
    ]


def named(row: Row, group: Group | None, rank: int) -> Row:
    """Return a row under its method's name in print, with its rank and the paper's address."""
    if group is None:
        return replace(row, rank=rank)
    return replace(
        row, name=title_of(group), rank=rank, url=of_group(group).url, ours=is_ours(group)
    )


def words_of(group: Group | None) -> list[Cell]:
    """Return year, family and backbone of a row's method."""
    if group is None:
        return [Cell("")] * len(WORDS)
    known = of_group(group)
    texts = (known.year, known.family, known.backbone)
    return [Cell(text, value=text or None) for text in texts]


def _costs(row: model.Row, group: Group | None, behind: Behind) -> list[Cell]:
    """Return how large and how fast a row's method is, with the runs that say so."""
    cells = []
    for column in COSTS:
        estimate = group.cost(column.metric) if group else None
        if group is None or estimate is None:
            cells.append(Cell(""))
            continue
        ids = tuple(group.run_ids)
        shown = model.cell(estimate, column, ids, protocol=group.protocol)
        cells.append(behind.cell(row, shown, column))
    return cells
