"""A method over all data sets at once: interquartile mean, probability of improvement."""

from collections.abc import Sequence
from math import isnan

from clear_bench.config.plugins import title_of
from clear_bench.report.bibliography import dataset_title
from clear_bench.report.tables.main import ALL, recipes
from clear_bench.report.tables.marks import mark_columns
from clear_bench.report.tables.methods import falling
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.aggregate import interquartile_mean, probability_of_improvement
from clear_bench.results.groups import Group
from clear_bench.results.load import Results

CHANCE = Column("P", scale=1.0, digits=2, spread=False, better=0)
INTERVAL = Column("95 % CI", better=0)


def over_datasets(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a task: a row a method, of runs on several data sets.

    Options: ``metrics``, task to its column; ``own``, the method that the others are set against;
    ``datasets``, those that count.
    """
    datasets = spec.options.get("datasets") or results.datasets
    tables = []
    for task, column in spec.options["metrics"].items():
        groups_by_set = {d: recipes(results, d, task) for d in datasets}
        groups_by_set = {d: gs for d, gs in groups_by_set.items() if any(g.runs for g in gs)}
        if len(groups_by_set) > 1:
            tables.append(_table(name, caption, spec, task, column, groups_by_set))
    return tables


def _table(
    name: str, caption: str, spec: TableSpec, task: str, column: Column,
    groups_by_set: dict[str, list[Group]],
) -> Table:  # fmt: skip
    """Return the table of one task."""
    own = spec.options["own"]
    by_method: dict[str, list[Group]] = {}
    for groups in groups_by_set.values():
        for group in groups:
            if group.values(column.metric):
                by_method.setdefault(group.method, []).append(group)
    columns = (column, INTERVAL, CHANCE, INTERVAL)
    rows = [
        _row(method, groups, by_method.get(own, []), column, groups_by_set)
        for method, groups in sorted(by_method.items())
    ]
    ordered = falling(rows, [row.cells[0].value for row in rows])
    sets = ", ".join(map(dataset_title, groups_by_set))
    details = (
        f"{column.head}: mean of the middle half of all seeds and data sets, per cent. P: how "
        f"probable it is that a run of {title_of(own)} beats one of the row, the mean over data "
        "sets; 0.5 is no difference. Intervals: bootstrap over seeds within each data set."
    )
    return Table(
        name, f"{ALL}-{name}-{task}", ALL, f"{caption} Attribute {task} on {sets}.", "method",
        columns, mark_columns(ordered, columns), details=details,
    )  # fmt: skip


def _row(
    method: str, groups: Sequence[Group], own: Sequence[Group], column: Column,
    groups_by_set: dict[str, list[Group]],
) -> Row:  # fmt: skip
    """Return the row of a method; one that lacks a data set has no number."""
    have = {g.dataset for g in groups}
    lacks = [dataset_title(d) for d in groups_by_set if d not in have]
    if lacks:
        return Row(method, (Cell(),) * 4, (f"not on {', '.join(lacks)}",), method)
    values = [list(g.values(column.metric).values()) for g in groups]
    runs = tuple(run_id for g in groups for run_id in g.run_ids)
    mean = cell(interquartile_mean(values), column, runs, protocol=ALL)
    better = Cell()
    if len(own) == len(groups) and own[0].method != method:
        ours = [list(g.values(column.metric).values()) for g in own]
        better = cell(probability_of_improvement(ours, values), CHANCE, runs)
    return Row(method, (mean, _ends(mean, 1), better, _ends(better, 2)), (), method)


def _ends(shown: Cell, digits: int) -> Cell:
    """Return the ends of an interval as words."""
    if isnan(shown.low):
        return Cell()
    return Cell(text=f"{shown.low:.{digits}f} to {shown.high:.{digits}f}")
