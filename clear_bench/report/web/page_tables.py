"""The page's tables: those of ``reports/specs/``, each number with what is behind it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from math import isnan
from operator import attrgetter

from clear_bench.config import plugins
from clear_bench.config.method import TASKS
from clear_bench.report.explain import recorded
from clear_bench.report.tables import model
from clear_bench.report.tables.build import KIND
from clear_bench.report.tables.methods import by_method, stem
from clear_bench.report.tables.studies import SELF, by_variant
from clear_bench.report.web.model import GAP, Cell, Column, DialogData, PageTable, Row
from clear_bench.results.groups import Group
from clear_bench.results.load import Results

SECTIONS: dict[model.Build, str] = {by_method: "leaderboards", by_variant: "ablations"}
"""What makes a table to the section of the page that shows it; all others are ``tables``."""

NOTHING = "no such number"


def page_tables(
    results: Results, tables: Sequence[model.Table], dialog: DialogData
) -> dict[str, list[PageTable]]:
    """Return section -> tables of the page, in the order of the paper.

    Args:
        results: The records.
        tables: Of these records, in that order.
        dialog: Takes in what is behind each number.
    """
    by_section: dict[str, list[PageTable]] = {"leaderboards": [], "ablations": [], "tables": []}
    for name, group in groupby(tables, key=attrgetter("spec")):
        spec: model.TableSpec = plugins.load(KIND, name).TABLE
        section = SECTIONS.get(spec.build, "tables")
        mine = list(group)
        tabs = _tabs(mine, spec)
        for table in mine:
            behind = _Behind(results, dialog, table)
            by_section[section].append(_page_table(table, spec, behind, tabs[table.stem]))
    return by_section


def _tabs(tables: Sequence[model.Table], spec: model.TableSpec) -> dict[str, str]:
    """Return the stem of each table of a spec with what its tab says.

    Leaderboards of one data set are told apart by those parts of their protocols that differ.
    """
    if spec.build is not by_method:
        of_studies = spec.build is by_variant  # the section says already what they are
        stems = {
            t.stem: t.stem.replace(f"-{t.spec}-", "-") if of_studies else t.stem for t in tables
        }
        return {stem: name.replace("-", " ").replace("_", " ") for stem, name in stems.items()}
    tabs = {}
    for table in tables:
        parts = [set(_protocol(t).split("|")) for t in tables if t.dataset == table.dataset]
        special = [p for p in _protocol(table).split("|") if p not in set.intersection(*parts)]
        tabs[table.stem] = f"{table.dataset} {spec.task}" + (
            f": {' '.join(special)}" if special else ""
        )
    return tabs


def _protocol(table: model.Table) -> str:
    """Return the protocol of a table's numbers."""
    return next((c.protocol for row in table.rows for c in row.cells if c.protocol), "")


def _page_table(
    table: model.Table, spec: model.TableSpec, behind: "_Behind", tab: str
) -> PageTable:
    """Return a table as one of the page."""
    fallen = next((c.head for c in table.columns if spec.sort and c.metric == spec.sort), "")
    rows = [
        Row(
            row.label,
            [behind.cell(row, c, h) for c, h in zip(row.cells, table.columns, strict=True)],
            row.notes,
            any(c.text == SELF for c in row.cells),
        )
        for row in table.rows
    ]
    return PageTable(
        key=f"table-{table.stem}",
        stem=table.stem,
        tab=tab,
        caption=table.caption,
        columns=[Column(c.head, c.better >= 0) for c in table.columns],
        rows=rows,
        notes=table.notes,
        sorted_by=fallen if spec.build is by_method else "",
        first=table.head,
    )


class _Behind:
    """Finds what is behind the cells of one table.

    Args:
        results: The records.
        dialog: Takes it in.
        table: Whose cells they are.
    """

    def __init__(self, results: Results, dialog: DialogData, table: model.Table) -> None:
        self.results = results
        self.dialog = dialog
        self.table = table
        stems = {stem(s.dataset, f"{table.spec}-{s.study}"): s for s in results.studies}
        self.study = stems.get(table.stem)

    def cell(self, row: model.Row, shown: model.Cell, column: model.Column) -> Cell:
        """Return a cell of the table as one of the page."""
        column = replace(column, metric=shown.metric or column.metric)
        if shown.text:
            return Cell(shown.text, value=_key(shown.text))
        if isnan(shown.value):
            why = "; ".join(row.notes or self._notes_on(column)) or NOTHING
            return Cell(GAP, note=why, behind=self._place(row, shown, column, "No number."))
        text, _, spread = model.number(shown, column, "\t").partition("\t")
        spread = f"± {spread}" if spread else ""
        line = f"{' '.join(filter(None, [text, spread]))}, {_seeds(shown)}{_ends(shown, column)}."
        place = self._place(row, shown, column, line) if shown.runs else None
        return Cell(text, spread, shown.value, shown.mark, shown.dagger, behind=place)

    def _notes_on(self, column: model.Column) -> list[str]:
        """Return the table's own notes on a column; they begin with the heads of columns."""
        split = [(note, note.partition(": ")[0].split(", ")) for note in self.table.notes]
        return [note for note, heads in split if column.head in heads]

    def _place(
        self, row: model.Row, shown: model.Cell, column: model.Column, line: str
    ) -> int | None:
        """Take in what is behind a cell and return its place; None if nothing is known of it."""
        group = self._group((row.label, column.head), shown)
        if group is None:
            return None
        title = ", ".join(filter(None, [row.label, column.head, shown.attribute]))
        lines = [line, *row.notes]
        if shown.against:
            lines.append(f"Subtracted, seed by seed: {', '.join(shown.against)}.")
        values = self._values(shown, column)
        return self.dialog.add_cell(self.dialog.add_group(group), title, values, lines)

    def _group(self, names: Sequence[str], shown: model.Cell) -> Group | None:
        """Return the group of a cell's runs, cut to just these; of a gap, the one it lacks.

        Args:
            names: What a gap's group may be called: its row or its column.
            shown: The cell.
        """
        if shown.runs:
            whole = next(g for g in self.results.all_groups if shown.runs[0] in g.run_ids)
            return replace(
                whole, runs=tuple(r for r in whole.runs if r.record.run_id in shown.runs)
            )
        if self.study:
            groups = [self.results.variant(self.study, v) for v in self.study.variants]
        else:
            groups = self._planned()
        fits = [g for g in groups if g.protocol == shown.protocol and g.label in names]
        return fits[0] if fits else None

    def _planned(self) -> list[Group]:
        """Return all groups of the table's data set, those without a run too."""
        dataset = self.table.dataset
        return [g for t in TASKS for same in self.results.by_protocol(dataset, t) for g in same]

    def _values(self, shown: model.Cell, column: model.Column) -> dict[int, str]:
        """Return seed -> value in print; differences are paired by seed."""
        values = self._of(shown.runs, shown, column)
        form = f".{column.digits + 2}f"
        if not shown.against:
            return {seed: f"{value:{form}}" for seed, value in values.items()}
        subtracted = replace(shown, checkpoint=shown.against_checkpoint)
        base = self._of(shown.against, subtracted, column)
        return {seed: f"{value - base[seed]:+{form}}" for seed, value in values.items()}

    def _of(self, ids: Iterable[str], shown: model.Cell, column: model.Column) -> dict[int, float]:
        """Return seed -> what the records say, in the column's unit, where they say it."""
        value_by_seed = {}
        for run in (self.results.by_id[run_id] for run_id in ids):
            with suppress(KeyError):
                value_by_seed[run.record.seed] = column.scale * recorded(run, shown, column)
        return {seed: value for seed, value in value_by_seed.items() if not isnan(value)}


def _key(text: str) -> float | str | None:
    """Return what a cell of words is sorted by: its first number, if it begins with one."""
    if text == SELF:
        return None
    try:
        return float(text.removeprefix("< ").partition(" ")[0])
    except ValueError:
        return text


def _seeds(shown: model.Cell) -> str:
    """Return over how many seeds a number is."""
    return "one seed" if shown.n == 1 else f"{shown.n} seeds"


def _ends(shown: model.Cell, column: model.Column) -> str:
    """Return the confidence interval in words; nothing for one seed."""
    if isnan(shown.low):
        return ""
    low, high = (f"{end:.{column.digits}f}" for end in (shown.low, shown.high))
    return f", 95 % confidence interval of the mean {low} to {high}"
