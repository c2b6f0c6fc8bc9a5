"""Published rows in the layout of the paper's table, each above the method's own."""

from collections.abc import Mapping, Sequence

from clear_bench.report.bibliography import dataset_title, paper_of
from clear_bench.report.tables.model import Cell, Column, Row
from clear_bench.report.tables.published import f1_note, protocol_of, published
from clear_bench.results.groups import Group

PUBLISHED = "published"


def published_rows(
    task: str, columns: Sequence[Column], groups_by_set: Mapping[str, Sequence[Group]]
) -> dict[str, list[Row]]:
    """Return method -> a row a source, of what was published on the splits of our runs.

    Args:
        task: ``recognition`` or ``retrieval``.
        columns: Of one data set.
        groups_by_set: Data set to our runs, in the order of the columns.
    """
    found: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for row in published():
        groups = groups_by_set.get(row["dataset"], ())
        runs = [run for group in groups for run in group.runs]
        if row["task"] != task or not runs:
            continue
        if row["protocol"].partition(";")[0] == protocol_of(runs[0].record.config)["split"]:
            sources = found.setdefault((row["method"], row["source"]), {})
            sources.setdefault(row["dataset"], []).append(row)
    rows: dict[str, list[Row]] = {}
    for (method, source), by_set in found.items():
        mine = rows.setdefault(method, [])
        number = f" {len(mine) + 1}" if mine else ""
        cells = [_cell(by_set.get(d, ()), c) for d in groups_by_set for c in columns]
        paper = paper_of(method)
        facts = (str(paper.year) if paper else "", "")
        label = f"{method} ({PUBLISHED}{number})"
        mine.append(Row(label, tuple(cells), _notes(source, by_set), method, "", facts))
    return rows


def _cell(numbers: Sequence[Mapping[str, str]], column: Column) -> Cell:
    """Return one published number, F1 in whichever convention; it is never marked."""
    names = [column.metric, "f1_instance"] if column.metric == "f1" else [column.metric]
    row = next((r for name in names for r in numbers if r["metric"] == name), None)
    return Cell(float(row["value"]), n=1, protocol=PUBLISHED) if row else Cell()


def _notes(source: str, by_set: Mapping[str, list[dict[str, str]]]) -> tuple[str, ...]:
    """Return where a row was published, by which protocol, and what its F1 is."""
    rules: dict[str, list[str]] = {}
    for dataset, rows in by_set.items():
        rules.setdefault(rows[0]["protocol"].partition("; ")[2], []).append(dataset_title(dataset))
    words = [rule if len(rules) == 1 else f"{', '.join(d)}: {rule}" for rule, d in rules.items()]
    kinds = dict.fromkeys(kind for rows in by_set.values() for kind in f1_note(rows))
    return (f"{PUBLISHED}: {'; '.join([source, *words, *kinds])}",)
