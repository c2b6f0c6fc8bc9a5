"""From names to tables: loads the specs of ``reports/specs/`` and carries them out."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

from clear_bench.config import plugins
from clear_bench.report.tables.model import Row, Table, TableSpec
from clear_bench.report.tables.write import SUFFIXES, write_forms
from clear_bench.results.load import Results
from clear_bench.utils.errors import UserError, unknown

KIND = "table"


def build(results: Results, name: str, **options: Any) -> list[Table]:
    """Return the tables of a spec.

    Args:
        results: What they are made of.
        name: File name of the spec.
        options: Take the place of the spec's own.

    Raises:
        UserError: If there is no such spec.
    """
    module = plugins.load(KIND, name)
    spec: TableSpec = module.TABLE
    spec = replace(spec, options={**spec.options, **options})
    caption = " ".join(inspect.cleandoc(module.__doc__ or "").split())
    return spec.build(results, spec, name, caption)


def build_all(results: Results) -> list[Table]:
    """Return the tables of all specs, in the order of the paper."""
    return [table for name in in_order() for table in build(results, name)]


def in_order() -> list[str]:
    """Return the names of all specs in the order of the paper."""
    return sorted(plugins.available(KIND), key=lambda n: (plugins.load(KIND, n).TABLE.order, n))


def chosen(results: Results, name: str, **options: Any) -> list[Table]:
    """Return the tables that a word means: a spec's, or the one with that file name.

    Args:
        results: What they are made of.
        name: The word.
        options: See `build`.

    Raises:
        UserError: If it means none; the nearest names are said.
    """
    specs = plugins.available(KIND)
    if name in specs:
        tables = build(results, name, **options)
        if not tables:
            raise UserError(f"{name}: no run that this table could show")
        return tables
    spec = next((s for s in sorted(specs, key=len, reverse=True) if f"-{s}" in name), None)
    tables = build(results, spec, **options) if spec else []
    tables = [table for table in tables if table.stem == name]
    if not tables:
        raise unknown("table", name, [*specs, *(t.stem for t in tables)])
    return tables


def find_row(table: Table, label: str) -> Row:
    """Return a row by its name, or by the beginning of just one name.

    Raises:
        UserError: If there is none; the nearest names are said.
    """
    exact = [row for row in table.rows if row.label == label]
    begins = [row for row in table.rows if row.label.startswith(label)]
    if exact or len(begins) == 1:
        return (exact or begins)[0]
    raise unknown(f"row of {table.stem}", label, [row.label for row in table.rows])


def find_column(table: Table, head: str) -> int:
    """Return a column's place by its head.

    Raises:
        UserError: If there is none; the nearest heads are said.
    """
    heads = [c.name for c in table.columns]
    if head not in heads:
        raise unknown(f"column of {table.stem}", head, heads)
    return heads.index(head)


def write_tables(tables: list[Table], folder: Path) -> list[Path]:
    """Write each table in every format, whole or not at all, and return the files.

    Files of an earlier report that no table has any more are removed, those that this knows to be
    its own by their name alone: ``DATASET-SPEC*`` of a spec and a format.
    """
    written = [file for table in tables for file in write_forms(table, folder)]
    for old in sorted(folder.glob("*-*")):
        ours = old.suffix in SUFFIXES.values() and _is_table(old.stem)
        if ours and old not in written:
            old.unlink()
    return written


def _is_table(stem: str) -> bool:
    """Return whether a file name is one that `write_tables` gives."""
    return any(f"-{name}-" in f"{stem}-" for name in plugins.available(KIND))
