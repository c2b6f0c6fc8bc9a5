"""What is behind the cells of a table: their runs, and what each of these says."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from math import isnan

from clear_bench.config.method import TASKS
from clear_bench.report.explain import recorded
from clear_bench.report.tables import model
from clear_bench.report.tables.methods import stem
from clear_bench.report.tables.studies import SELF
from clear_bench.report.web.methods import title_of
from clear_bench.report.web.model import GAP, MLFLOW, MLFLOW_STUDY, Cell, DialogData
from clear_bench.results.groups import Group
from clear_bench.results.load import Results

NOTHING = "no such number"


class Behind:
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

    def _mlflow(self, row: model.Row, group: Group) -> str:
        """Return where MLflow has the runs of a row, see `clear_bench.training.mlflow_mirror`."""
        if not self.study:
            return MLFLOW
        run = f"{self.study.study} {self.study.dataset} {self.study.profile}"
        children = "; ".join(f"{row.label}, seed {seed}" for seed in group.seeds)
        return MLFLOW_STUDY.format(run=run, children=children)

    def cell(self, row: model.Row, shown: model.Cell, column: model.Column) -> Cell:
        """Return a cell of the table as one of the page."""
        column = replace(column, metric=shown.metric or column.metric)
        if shown.text:
            return Cell(shown.text, value=key_of(shown.text))
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
        group = self.group((row.label, column.head), shown)
        if group is None:
            return None
        title = ", ".join(filter(None, [row.title, column.name, shown.attribute]))
        lines = [line, *row.notes]
        if shown.against:
            lines.append(f"Subtracted, seed by seed: {', '.join(shown.against)}.")
        others = sorted({run.record.dataset for run in group.runs} - {group.dataset})
        if others:
            more = ", ".join(others)
            lines.append(f"The command is that of {group.dataset}; of {more} it is the same.")
        values = self._values(shown, column)
        return self.dialog.add_cell(
            self.dialog.add_group(group, self._mlflow(row, group)), title, values, lines
        )

    def group(self, names: Sequence[str], shown: model.Cell) -> Group | None:
        """Return the group of a cell's runs, cut to just these; of a gap, the one it lacks.

        Args:
            names: What a gap's group may be called: its row or its column.
            shown: The cell.
        """
        if shown.runs:
            whole = self.results.group_of[shown.runs[0]]
            return replace(whole, runs=tuple(self.results.by_id[run_id] for run_id in shown.runs))
        if self.study:
            groups = [self.results.variant(self.study, v) for v in self.study.variants]
        else:
            groups = self._planned
        fits = [
            g
            for g in groups
            if g.protocol == shown.protocol and {g.label, title_of(g)} & set(names)
        ]
        return fits[0] if fits else None

    @cached_property
    def _planned(self) -> list[Group]:
        """Return all groups of the table's data set, those without a run too."""
        dataset = self.table.dataset
        return [g for t in TASKS for same in self.results.by_protocol(dataset, t) for g in same]

    def _values(self, shown: model.Cell, column: model.Column) -> dict[str, str]:
        """Return run -> value in print; differences are paired by seed."""
        values = self._of(shown.runs, shown, column)
        form = f".{column.digits + 2}f"
        if not shown.against:
            return {run_id: f"{value:{form}}" for run_id, value in values.items()}
        subtracted = replace(shown, checkpoint=shown.against_checkpoint)
        base = self._of(shown.against, subtracted, column)
        base_of = {self.results.by_id[run_id].record.seed: v for run_id, v in base.items()}
        seed_of = {run_id: self.results.by_id[run_id].record.seed for run_id in values}
        return {i: f"{value - base_of[seed_of[i]]:+{form}}" for i, value in values.items()}

    def _of(self, ids: Iterable[str], shown: model.Cell, column: model.Column) -> dict[str, float]:
        """Return run -> what its record says, in the column's unit, where it says it."""
        value_by_run = {}
        for run_id in ids:
            with suppress(KeyError):
                run = self.results.by_id[run_id]
                value_by_run[run_id] = column.scale * recorded(run, shown, column)
        return {run_id: value for run_id, value in value_by_run.items() if not isnan(value)}


def key_of(text: str) -> float | str | None:
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
