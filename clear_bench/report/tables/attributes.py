"""Tables with one row an attribute, and the comparison with published numbers."""

from collections.abc import Sequence
from csv import DictReader
from dataclasses import replace

import numpy as np

from clear_bench.config.plugins import folder
from clear_bench.report.tables.marks import mark_rows
from clear_bench.report.tables.methods import falling, notes_of, protocol_words, seeds_words, stem
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.statistics import Estimate, estimate

PUBLISHED = "published.csv"


def by_attribute(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set and protocol: a row an attribute, a column a method."""
    tables = []
    for dataset in results.datasets:
        for place, groups in enumerate(results.by_protocol(dataset, spec.task)):
            shown = [g for g in groups if g.attributes(spec.sort)[0]]
            if not shown:
                continue
            names = shown[0].attributes(spec.sort)[0]
            ordered = sorted(groups, key=lambda g: _falling_mean(g, spec.sort))
            columns = [spec.columns[0], *(replace(spec.columns[1], head=g.label) for g in ordered)]
            rows = [_attribute_row(k, names, shown[0], ordered, columns) for k in range(len(names))]
            sentences = f"{dataset}, test split, per cent. {_of_means(groups)} "
            sentences += "Bold best of the row, underlined second. "
            sentences += protocol_words(groups[0].protocol)
            tables.append(
                Table(
                    name, stem(dataset, name, place), dataset, f"{caption} {sentences}",
                    "attribute", tuple(columns), mark_rows(rows, columns), rotate=True,
                    notes=_lacks(ordered),
                )
            )  # fmt: skip
    return tables


def _lacks(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the footnotes of columns: what lacks and in which."""
    labels_by_note: dict[str, list[str]] = {}
    for group in groups:
        if group.gaps:
            labels_by_note.setdefault("; ".join(notes_of(group)), []).append(group.label)
    return tuple(f"{', '.join(labels)}: {note}" for note, labels in labels_by_note.items())


def _falling_mean(group: Group, metric: str) -> tuple[float, str]:
    """Return the sort key of a method's column: the best first, those without numbers last."""
    summary = group.estimate(metric)
    return (-summary.mean if summary else np.inf), group.label


def _of_means(groups: Sequence[Group]) -> str:
    """Return the sentence on seeds of a table without ±."""
    sentence = seeds_words(groups)
    return sentence.replace("Mean ± standard deviation (n − 1)", "Mean")


def _attribute_row(
    place: int, names: Sequence[str], ratio_of: Group, groups: Sequence[Group],
    columns: Sequence[Column],
) -> Row:  # fmt: skip
    """Return the row of one attribute."""
    first = ratio_of.runs[0].record
    images = first.data.get("test_images")
    positives = first.per_attribute["positives"][place]
    ratio = estimate([positives / images]) if images else None
    origin = {"protocol": ratio_of.protocol, "attribute": names[place]}
    cells = [cell(ratio, columns[0], (first.run_id,), **origin)]
    for group, column in zip(groups, columns[1:], strict=True):
        cells.append(_attribute_cell(place, names, group, column))
    return Row(names[place], tuple(cells))


def _attribute_cell(place: int, names: Sequence[str], group: Group, column: Column) -> Cell:
    """Return one method's number of one attribute; a gap where it is undefined."""
    group_names, table = group.attributes(column.metric)
    values = table[:, place] if group_names == list(names) else np.array([])
    values = values[~np.isnan(values)]
    summary: Estimate | None = estimate(values) if len(values) else None
    origin = {"protocol": group.protocol, "attribute": names[place]}
    return cell(summary, column, tuple(group.run_ids), **origin)


def against_published(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set, task and protocol: published, reproduced and their difference."""
    numbers = published()
    tables = []
    for dataset in results.datasets:
        for task, columns in spec.options["columns"].items():
            wanted = [r for r in numbers if (r["dataset"], r["task"]) == (dataset, task)]
            places = enumerate(results.by_protocol(dataset, task)) if wanted else ()
            for place, groups in places:
                rows = _published_rows(wanted, groups, columns)
                sentences = f"Attribute {task} on {dataset}, test split, per cent. "
                sentences += f"{_of_means(groups)} pub.: published. Ours: "
                sentences += protocol_words(groups[0].protocol)
                heads = tuple(part for column in columns for part in _triple(column))
                tables.append(
                    Table(
                        name, stem(dataset, f"{name}-{task}", place), dataset,
                        f"{caption} {sentences}", "method", heads, rows,
                    )
                )  # fmt: skip
    return tables


def published() -> list[dict[str, str]]:
    """Return the rows of the published numbers that lie beside the methods."""
    with (folder("method") / PUBLISHED).open(encoding="utf-8", newline="") as stream:
        return list(DictReader(stream))


def _triple(column: Column) -> tuple[Column, Column, Column]:
    """Return the three columns of a metric."""
    return (
        replace(column, head=f"{column.head} pub.", better=0, scale=1.0, spread=False),
        replace(column, head=column.head, better=0),
        replace(column, head=f"Δ {column.head}", better=0, scale=1.0, spread=False, sign=True),
    )


def _published_rows(
    wanted: Sequence[dict[str, str]], groups: Sequence[Group], columns: Sequence[Column]
) -> tuple[Row, ...]:
    """Return one row a (method, published protocol, source)."""
    keys = dict.fromkeys((r["method"], r["protocol"], r["source"]) for r in wanted)
    recipe = {g.method: g for g in groups if g.label == g.method}
    rows = []
    for method, protocol, source in keys:
        numbers = [r for r in wanted if (r["method"], r["protocol"], r["source"]) ==
               (method, protocol, source)]  # fmt: skip
        group = recipe.get(method)
        cells = [c for column in columns for c in _published_cells(numbers, group, column)]
        notes = [f"published: {protocol}; {source}", *_f1_note(numbers)]
        notes += notes_of(group) if group else ["ours: not run"]
        rows.append(Row(f"{method}, {protocol.partition(';')[0]}", tuple(cells), tuple(notes)))
    return falling(rows, [row.cells[0].value for row in rows])


def _published_cells(
    numbers: Sequence[dict[str, str]], group: Group | None, column: Column
) -> list[Cell]:
    """Return published, ours and the difference of one metric; F1 in the published convention."""
    names = [column.metric, "f1_instance"] if column.metric == "f1" else [column.metric]
    row = next((r for name in names for r in numbers if r["metric"] == name), None)
    metric = row["metric"] if row else column.metric
    theirs = Cell(float(row["value"]), n=1, protocol="published") if row else Cell()
    ours = Cell()
    if group:
        ids = tuple(group.run_ids)
        origin = {"protocol": group.protocol, "metric": metric}
        ours = cell(group.estimate(metric), column, ids, **origin)
    return [theirs, ours, Cell(ours.value - theirs.value, n=ours.n, protocol=ours.protocol)]


def _f1_note(numbers: Sequence[dict[str, str]]) -> list[str]:
    """Return what F1 means in a published row, where it is not that of the means."""
    conventions = {r["f1_convention"] for r in numbers} - {"", "of_means"}
    meanings = {
        "mean_of_f1": "F1 is the mean of the images' own F1, ours too",
        "unclear": "which F1 is published is unclear; ours is of mean precision and recall",
    }
    return [meanings[c] for c in sorted(conventions)]
