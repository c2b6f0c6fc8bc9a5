"""Tables with one row an attribute."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clear_bench.report.bibliography import dataset_title, row_title
from clear_bench.report.tables.marks import mark_rows
from clear_bench.report.tables.methods import notes_of, protocol_words, seeds_words, stem
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.statistics import Estimate, estimate


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
            columns = [
                spec.columns[0],
                *(replace(spec.columns[1], head=row_title(g.label, g.method)) for g in ordered),
            ]
            rows = [_attribute_row(k, names, shown[0], ordered, columns) for k in range(len(names))]
            details = f"{of_means(groups)} Bold best of the row, underlined second. "
            details += _unknown(shown[0]) + protocol_words(groups[0].protocol)
            tables.append(
                Table(
                    name, stem(dataset, name, place), dataset,
                    f"{caption} {dataset_title(dataset)}, test split, per cent.",
                    "attribute", tuple(columns), mark_rows(rows, columns), rotate=True,
                    notes=_lacks(ordered), details=details,
                )
            )  # fmt: skip
    return tables


def _unknown(group: Group) -> str:
    """Return the sentence on labels that are left out; "" if all are known."""
    record = group.runs[0].record
    known = record.per_attribute.get("known")
    if known is None:
        return ""
    cells = len(known) * record.data["test_images"]
    return f"{cells - sum(known)} of {cells} labels are unknown and left out. "


def _lacks(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the footnotes of columns: what lacks and in which."""
    labels_by_note: dict[str, list[str]] = {}
    for group in groups:
        if group.gaps:
            labels_by_note.setdefault("; ".join(notes_of(group)), []).append(
                row_title(group.label, group.method)
            )
    return tuple(f"{', '.join(labels)}: {note}" for note, labels in labels_by_note.items())


def _falling_mean(group: Group, metric: str) -> tuple[float, str]:
    """Return the sort key of a method's column: the best first, those without numbers last."""
    summary = group.estimate(metric)
    return (-summary.mean if summary else np.inf), group.label


def of_means(groups: Sequence[Group]) -> str:
    """Return the sentence on seeds of a table without ±."""
    sentence = seeds_words(groups)
    return sentence.replace("Mean ± standard deviation (n − 1)", "Mean")


def _attribute_row(
    place: int, names: Sequence[str], ratio_of: Group, groups: Sequence[Group],
    columns: Sequence[Column],
) -> Row:  # fmt: skip
    """Return the row of one attribute."""
    first = ratio_of.runs[0].record
    share = first.positive_shares[place] if first.data.get("test_images") else np.nan
    ratio = None if np.isnan(share) else estimate([share])
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
