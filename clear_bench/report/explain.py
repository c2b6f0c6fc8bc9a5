"""What stands behind a cell of a table: its runs, and the number computed again from arrays."""

from collections.abc import Sequence
from dataclasses import replace
from math import isclose, isnan

from clear_bench.report.tables.build import chosen, find_column, find_row
from clear_bench.report.tables.model import Cell, Column, Table, number
from clear_bench.results.groups import Loaded
from clear_bench.results.load import Results
from clear_bench.results.origin import origin
from clear_bench.results.predictions import POSITIVE, TOLERANCE, attribute_again, metrics_again
from clear_bench.results.statistics import difference, estimate
from clear_bench.utils.errors import UserError


def explain(results: Results, name: str, row: str, column: str) -> list[str]:
    """Return the lines that explain a cell.

    Args:
        results: The runs.
        name: A spec that makes one table, or a table's file name.
        row: Its name, or the beginning of one.
        column: Its head.

    Raises:
        UserError: If there is no such cell, or its record and its predictions disagree.
    """
    table = _one(chosen(results, name), name)
    chosen_row, place = find_row(table, row), find_column(table, column)
    cell, head = chosen_row.cells[place], table.columns[place]
    head = replace(head, metric=cell.metric or head.metric)
    lines = [f"{table.stem}, {chosen_row.label}, {head.head}: {number(cell, head)}"]
    lines += [f"  note: {note}" for note in chosen_row.notes]
    runs = [results.by_id[run_id] for run_id in cell.runs]
    if not runs:
        source = "published, or made of the cells beside it" if cell.n else "no run"
        return [*lines, f"  behind it: {source}"]
    lines += [f"  protocol: {cell.protocol}", f"  checkpoint: {cell.checkpoint}"]
    values, value_lines = _values(runs, cell, head)
    lines += value_lines
    others: list[float] = []
    if cell.against:
        reference = [results.by_id[run_id] for run_id in cell.against]
        lines.append("  minus, of the same seeds:")
        subtracted = replace(cell, checkpoint=cell.against_checkpoint)
        others, value_lines = _values(reference, subtracted, head)
        lines += value_lines
    return [*lines, *_summary(values, others, cell, head), *_origin(results, cell)]


def _one(tables: Sequence[Table], name: str) -> Table:
    """Return the only table.

    Raises:
        UserError: If there are several.
    """
    if len(tables) > 1:
        stems = ", ".join(table.stem for table in tables)
        raise UserError(f"{name}: is {len(tables)} tables, name one: {stems}")
    return tables[0]


def _values(runs: Sequence[Loaded], cell: Cell, column: Column) -> tuple[list[float], list[str]]:
    """Return each run's value and the lines that say it."""
    values, lines = [], []
    for run in runs:
        value = recorded(run, cell, column)
        again, why = _again(run, cell, column)
        if again is not None and not isclose(value, again, abs_tol=TOLERANCE):
            raise UserError(
                f"{run.folder}: its record says {column.metric} = {value:.8f}, its predictions "
                f"give {again:.8f}; evaluate it again: python -m clear_bench.evaluate {run.folder}"
            )
        check = f"from its predictions {again:.8f}" if again is not None else why
        lines.append(f"  {run.record.run_id}: record {value:.8f}, {check}")
        values.append(value if again is None else again)
    return values, lines


def recorded(run: Loaded, cell: Cell, column: Column) -> float:
    """Return what a record says, in its own unit."""
    record = run.record
    if cell.attribute:
        place = record.per_attribute["name"].index(cell.attribute)
        if column.metric == POSITIVE:
            return float(record.positive_shares[place])
        value = record.per_attribute[column.metric][place]
        return float("nan") if value is None else value
    if column.metric in record.cost:
        return record.cost[column.metric]
    return record.metrics[cell.checkpoint]["test"][column.metric]


def _again(run: Loaded, cell: Cell, column: Column) -> tuple[float | None, str]:
    """Return a value computed from the predictions, or why there is none."""
    if column.metric in run.record.cost:
        return None, "measured while it ran"
    if cell.checkpoint != "selected":
        return None, f"no predictions of checkpoint {cell.checkpoint} are kept"
    if cell.attribute:
        value = attribute_again(run.folder, run.record, cell.attribute, column.metric)
        return (None, "undefined") if isnan(value) else (value, "")
    metrics = metrics_again(run.folder, run.record)
    if column.metric not in metrics:
        return None, "its predictions keep too little to compute it"
    return metrics[column.metric], ""


def _summary(
    values: Sequence[float], others: Sequence[float], cell: Cell, column: Column
) -> list[str]:
    """Return the mean that follows, and whether it is what the table shows."""
    defined = [value for value in values if not isnan(value)]
    if not defined:
        return ["  undefined in every run"]
    summary = difference(values, others) if others else estimate(defined)
    k, digits = column.scale, column.digits + 2
    line = f"  mean {k * summary.mean:.{digits}f}"
    if summary.n > 1:
        line += f", std {k * summary.std:.{digits}f} (n - 1), 95 % CI {k * summary.low:.{digits}f}"
        line += f" to {k * summary.high:.{digits}f}"
    line += f", n = {summary.n}"
    same = isclose(k * summary.mean, cell.value, abs_tol=abs(k) * TOLERANCE)
    return [line, f"  {'equals' if same else 'is NOT'} the cell's {cell.value:.{digits}f}"]


def _origin(results: Results, cell: Cell) -> list[str]:
    """Return where the runs come from."""
    group = next(g for g in results.all_groups if cell.runs[0] in g.run_ids)
    made_by = origin(group)
    versions = {k: v for run in group.runs for k, v in run.record.numbers.items()}
    code = {
        f"{run.record.code_hash[:12]} ({'not the present one' if run.of_other_code else 'present'})"
        for run in group.runs
    }
    changed = ", ".join(f"{k}={v}" for k, v in (made_by.changes or {}).items()) or "none"
    return [
        f"  commit: {', '.join(made_by.commits)}",
        f"  code: {', '.join(sorted(code))}",
        f"  numbers versions: {', '.join(f'{k} {v}' for k, v in sorted(versions.items()))}",
        f"  differs from the recipe: {'not recorded' if made_by.changes is None else changed}",
        f"  again: {made_by.command}",
        "  MLflow: experiment clear-bench, run names as the ids above",
    ]
