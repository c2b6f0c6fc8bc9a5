"""Tables with one row a method: metrics, costs."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from clear_bench.config.dataset_name import in_files
from clear_bench.report.tables.marks import mark_columns
from clear_bench.report.tables.model import Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.significance import compare, explanation, how

MARKS = "Bold best, underlined second."


def by_method(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set and protocol: one row a method, the best on top.

    Records may be older than all of a table's metrics; then there is no table.
    """
    tables = []
    for dataset in results.datasets:
        for place, groups in enumerate(results.by_protocol(dataset, spec.task)):
            if not any(group.estimate(c.metric) for group in groups for c in spec.columns):
                continue
            unsorted = [_row(group, spec.columns) for group in groups]
            rows = falling(unsorted, [_order(group, spec) for group in groups])
            marked, legend = _tested(groups, mark_columns(rows, spec.columns), spec)
            facts = f"{dataset}, test split, per cent. {seeds_words(groups)} {legend}"
            tables.append(
                Table(
                    name, stem(dataset, name, place), dataset,
                    f"{caption} {facts} {protocol_words(groups[0].protocol)}",
                    "method", spec.columns, marked,
                )
            )  # fmt: skip
    return tables


def by_cost(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set, task and protocol: what each method costs; nothing is marked."""
    tables = []
    for dataset in results.datasets:
        for task, note in spec.options["notes"].items():
            for place, groups in enumerate(results.by_protocol(dataset, task)):
                rows = [_cost_row(group, spec.columns) for group in groups]
                sentences = f"Attribute {task} on {dataset}. {seeds_words(groups)} "
                sentences += hardware(groups)
                tables.append(
                    Table(
                        name, stem(dataset, f"{name}-{task}", place), dataset,
                        f"{caption} {sentences} {note} {protocol_words(groups[0].protocol)}",
                        "method", spec.columns, tuple(rows),
                    )
                )  # fmt: skip
    return tables


def falling(rows: Sequence[Row], values: Sequence[float]) -> tuple[Row, ...]:
    """Return rows by falling value, those without one last, by name."""
    keyed = zip(rows, values, strict=True)
    order = sorted(keyed, key=lambda k: (isnan(k[1]), 0 if isnan(k[1]) else -k[1], k[0].label))
    return tuple(row for row, _ in order)


def stem(dataset: str, name: str, place: int = 0) -> str:
    """Return a table's file name; the second and later protocols have a number."""
    return f"{in_files(dataset)}-{name}" + (f"-{place + 1}" if place else "")


def notes_of(group: Group) -> tuple[str, ...]:
    """Return the footnotes of a group: what lacks and why, and what older code made."""
    if group.gaps and len({(g.why, g.reason) for g in group.gaps}) == 1 and not group.runs:
        gap = group.gaps[0]
        return (f"{gap.why}: {gap.reason}" if gap.reason != "not run" else "not run",)
    return (*(str(gap) for gap in group.gaps), *_of_older_code(group))


def _of_older_code(group: Group) -> tuple[str, ...]:
    """Return the footnote on runs of other code that gives the same numbers."""
    older = sum(run.of_other_code and not run.stale for run in group.runs)
    if not older:
        return ()
    which = (
        "its run is" if older == len(group.runs) == 1 else f"{older} of {len(group.runs)} runs are"
    )
    return (f"{which} of older code, of the same numbers versions",)


def seeds_words(groups: Sequence[Group]) -> str:
    """Return the sentence on seeds and ±."""
    counts = sorted({len(g.runs) for g in groups if g.runs})
    if not counts:
        return "No run can be shown."
    if counts == [1]:
        return "One seed, so no deviation."
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    more = " (footnotes say where one lacks)" if len(counts) > 1 else ""
    return f"Mean ± standard deviation (n − 1) over n = {n} seeds{more}."


def protocol_words(protocol: str) -> str:
    """Return the sentence on the protocol."""
    return f"Protocol: {protocol}" if protocol else "No protocol: nothing was run."


def hardware(groups: Sequence[Group]) -> str:
    """Return what the runs ran on."""
    places = set()
    for run in (run for group in groups for run in group.runs):
        cost, where = run.record.cost, run.record.provenance
        device = cost.get("device", "cpu")
        name = where.get("cpu", "an unknown processor") if device == "cpu" else device
        places.add(f"{name}, threads: {cost.get('threads', '?')}")
    return "Measured on " + "; ".join(sorted(places)) + "." if places else ""


def _row(group: Group, columns: Sequence[Column]) -> Row:
    """Return the row of a method."""
    cells = tuple(
        cell(group.estimate(c.metric), c, tuple(group.run_ids), protocol=group.protocol)
        for c in columns
    )
    return Row(group.label, cells, notes_of(group))


def _cost_row(group: Group, columns: Sequence[Column]) -> Row:
    """Return the row of a method's costs."""
    ids = tuple(group.run_ids)
    cells = tuple(cell(group.cost(c.metric), c, ids, protocol=group.protocol) for c in columns)
    return Row(group.label, cells, notes_of(group))


def _order(group: Group, spec: TableSpec) -> float:
    """Return the value by which rows fall; NaN without one."""
    summary = group.estimate(spec.sort)
    return summary.mean if summary else float("nan")


def _tested(
    groups: Sequence[Group], rows: tuple[Row, ...], spec: TableSpec
) -> tuple[tuple[Row, ...], str]:
    """Return the rows with a dagger at each metric that differs, and what daggers mean.

    The reference is the best of the metric that the table is sorted by.
    """
    place = next((k for k, c in enumerate(spec.columns) if c.metric == spec.sort), None)
    best = next(
        (r.label for r in rows if place is not None and r.cells[place].mark == "best"), None
    )
    if best is None:
        return rows, ""
    reference = next(g for g in groups if g.label == best)
    comparison = compare(groups, reference, [c.metric for c in spec.columns])
    if best in comparison.untested:
        return rows, f"{MARKS} No test against {best}: {_short(comparison.untested[best])}."
    daggered = []
    for row in rows:
        cells = [
            replace(shown, dagger=comparison.differs(row.label, column.metric))
            for shown, column in zip(row.cells, spec.columns, strict=True)
        ]
        reason = comparison.untested.get(row.label)
        notes = (*row.notes, *([f"not tested: {_short(reason)}"] if reason else []))
        daggered.append(replace(row, cells=tuple(cells), notes=notes))
    return tuple(daggered), f"{MARKS} {explanation(spec.task, best)} {how(spec.task)}"


def _short(reason: str) -> str:
    """Return a reason without the path of a file."""
    return reason.rpartition("npz: ")[2]
