"""What the page shows, as data: tables of cells, each with what is behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clear_bench.results.load import Group
from clear_bench.results.origin import origin
from clear_bench.runs.files import RECORD

GAP = "–"
MLFLOW = "experiment clear-bench; each run there has the name of the run here"
MLFLOW_STUDY = "experiment clear-bench-studies, below the run {run}: {children}"
"""Names of `clear_bench.training.mlflow_mirror`, which nothing below it may import."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: What is read.
        spread: What follows it in smaller print, for instance "± 0.21".
        value: What it is sorted by; None, as in a gap, comes last.
        mark: ``best``, ``second`` or "".
        dagger: Whether it differs significantly, see the legend.
        note: Of a gap: why there is no number.
        behind: Place in `DialogData.cells` of what is behind it; None if there is nothing to say.
    """

    text: str
    spread: str = ""
    value: float | str | None = None
    mark: str = ""
    dagger: bool = False
    note: str = ""
    behind: int | None = None


@dataclass(frozen=True)
class Column:
    """Head of a column.

    Args:
        head: What is read.
        up: Whether more is better, and so comes first when it is sorted by.
        words: Whether its cells are words, which stand to the left.
        filtered: Whether the reader may keep the rows of one of its values alone.
    """

    head: str
    up: bool = True
    words: bool = False
    filtered: bool = False


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        name: Its head.
        cells: One a column.
        notes: Why runs of it are not there, and the like.
        reference: Whether the others are compared with it.
        rank: Its place; None without one, 0 in a table of methods that has no number for it.
        url: Of the paper; "" if none is known.
        ours: Whether it is CLEAR.
    """

    name: str
    cells: Sequence[Cell]
    notes: Sequence[str] = ()
    reference: bool = False
    rank: int | None = None
    url: str = ""
    ours: bool = False


@dataclass(frozen=True)
class PagePicture:
    """A figure.

    Args:
        title: In print.
        stem: Name of its files without suffix.
        caption: What it shows.
        source: The picture itself, as an address that holds it.
        size: Width and height in pixels, so that the page does not jump while it loads.
        wide: Whether it takes the page's whole width.
        qualitative: Whether it shows images.
    """

    title: str
    stem: str
    caption: str
    source: str
    size: tuple[int, int]
    wide: bool
    qualitative: bool


@dataclass(frozen=True)
class PageTable:
    """One sortable table, chosen by its facets.

    Args:
        key: Unique on the page, fit for an element's id and an address.
        stem: Name of the table's files.
        title: What stands above it.
        facets: What tells it from the section's others, name to value: a data set, a protocol.
        folder: Where its files lie, from the page; "" if they are in the page alone.
        caption: What its numbers are, by which protocol, what its marks mean.
        columns: Without that of the rows' names.
        rows: Best first.
        notes: Footnotes of the whole table.
        sorted_by: Head of the column that the rows are in order of.
        first: Head of the column of the rows' names.
        figures: Shown under it.
    """

    key: str
    stem: str
    title: str
    facets: Mapping[str, str]
    folder: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    sorted_by: str = ""
    first: str = "method"
    figures: Sequence[PagePicture] = ()

    @property
    def ranked(self) -> bool:
        """Whether its rows have ranks."""
        return any(row.rank is not None for row in self.rows)


@dataclass
class DialogData:
    """What the page's dialog can tell: JSON in the page.

    Args:
        root: Folder of all runs.
        groups: One for each row: its runs, facts, and the command that makes it again.
        cells: One for each number: its group, a title, and the value of each run.
        places: What tells groups apart to their number.
    """

    root: Path
    groups: list[dict[str, Any]] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)
    places: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add_group(self, group: Group, mlflow: str = MLFLOW) -> int:
        """Take in the runs of a row, each set of them once, and return their number.

        Args:
            group: The runs.
            mlflow: Where MLflow has them.
        """
        facts = (group.profile, group.dataset, group.task, group.protocol, group.label, mlflow)
        key = (*facts, *group.run_ids)
        if key not in self.places:
            self.places[key] = len(self.groups)
            self.groups.append(_behind(group, self.root, mlflow))
        return self.places[key]

    def add_cell(
        self, group: int, title: str, values: Mapping[str, str], lines: Sequence[str] = ()
    ) -> int:
        """Take in what is behind a number and return its place.

        Args:
            group: From `add_group`.
            title: Heading of the dialog.
            values: Run to value in print; a run without one shows a gap.
            lines: What else is to be said.
        """
        shown = [values.get(run["id"], GAP) for run in self.groups[group]["runs"]]
        self.cells.append({"group": group, "title": title, "lines": list(lines), "values": shown})
        return len(self.cells) - 1

    def data(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"groups": self.groups, "cells": self.cells}


def _behind(group: Group, root: Path, mlflow: str) -> dict[str, Any]:
    """Return a group's runs, facts and command as plain values."""
    made_by = origin(group)
    runs = [
        {
            "id": run.record.run_id,
            "seed": run.record.seed,
            "parent": run.record.parent,
            "commit": _commit(run.record.provenance)[:10],
            "record": record_place(run.folder, root),
        }
        for run in group.runs
    ]
    return {"runs": runs, "facts": _facts(group, mlflow), "command": made_by.command}


def _facts(group: Group, mlflow: str) -> list[tuple[str, str]]:
    """Return names and texts of what the runs of a group share."""
    made_by = origin(group)
    records = [run.record for run in group.runs]
    times = sorted(r.finished_at[:19].replace("T", " ") for r in records if r.finished_at)
    facts = [
        ("changes to recipe", _changes(made_by.changes)),
        ("git commit", "\n".join(made_by.commits)),
        ("protocol", group.protocol),
        ("finished", " to ".join(dict.fromkeys([*times[:1], *times[-1:]])) + " UTC" * bool(times)),
        ("environment", "; ".join(dict.fromkeys(environment(r.provenance) for r in records))),
        ("MLflow", mlflow if records else ""),
    ]
    return [(name, text) for name, text in facts if text]


def record_place(folder: Path, root: Path) -> str:
    """Return where a run's record lies, by the name of the folder of all runs."""
    return (root.name / folder.relative_to(root) / RECORD).as_posix()


def _changes(changes: Mapping[str, Any] | None) -> str:
    """Return what differs from the recipe, in words."""
    if changes is None:
        return "not recorded: the record is older than this field"
    return "\n".join(f"{k} = {v}" for k, v in sorted(changes.items())) or "none"


def _commit(provenance: Mapping[str, Any]) -> str:
    """Return the commit that made a run."""
    return str(provenance.get("git_commit", "unknown"))


def environment(provenance: Mapping[str, Any]) -> str:
    """Return the versions and the machine in one line."""
    libraries = provenance.get("libraries", {})
    versions = [f"{name} {libraries[name]}" for name in ("torch", "numpy") if name in libraries]
    parts = [f"Python {provenance.get('python', '?')}", *versions, str(provenance.get("cpu", ""))]
    return ", ".join(filter(None, parts))
