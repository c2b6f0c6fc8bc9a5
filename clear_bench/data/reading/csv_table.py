"""A table that somebody made: comma-separated text, each cell of which is data and nothing else."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from clear_bench.utils.errors import UserError

LARGEST = 1 << 30
"""Bytes of a file."""

LONGEST = 1 << 20
"""Letters of a line."""

MOST_COLUMNS = 2000
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read_table(path: Path, separator: str = ",") -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and of each row its line and its cells, stripped of blanks.

    UTF-8, with or without the mark that Excel writes before it; lines end as anywhere.  Empty lines
    are no rows.

    Args:
        path: The file.
        separator: What stands between two cells.

    Raises:
        UserError: If the file is none of these, is too large, has no rows, or a row has another
            number of cells than the header or a control character in one.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; to begin one: python -m clear_bench.data new DIR")
    if path.stat().st_size > LARGEST:
        raise UserError(
            f"{path}: has more than {LARGEST >> 30} GiB; split it into several data sets"
        )
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(_lines(stream, path), delimiter=separator, strict=True)
        try:
            lines = list(_filled(reader, path))
        except UnicodeDecodeError:
            raise UserError(f"{path}: is not UTF-8; save it as 'CSV UTF-8'") from None
        except csv.Error as error:
            where = f"{path}: line {reader.line_num}"
            raise UserError(f"{where}: {error}; is a quote left open?") from None
    if not lines:
        raise UserError(f"{path}: is empty; it needs a line of column names and a line a picture")
    header, rows = _header(lines[0][1], path), lines[1:]
    if not rows:
        raise UserError(f"{path}: has column names but no rows; add a line a picture")
    return header, rows


def _filled(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each line that is not empty; all have as many cells."""
    width = 0
    for cells in reader:
        line = reader.line_num
        if max(width, len(cells)) > MOST_COLUMNS:
            raise UserError(f"{path}: more than {MOST_COLUMNS} columns; is it a table?")
        stripped = [_clean(cell, path, line) for cell in cells]
        if stripped in ([], [""]):
            continue
        width = width or len(stripped)
        if len(stripped) != width:
            raise UserError(f"{path}: line {line}: {len(stripped)} cells, the header has {width}")
        yield line, stripped


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of a file."""
    number = 0
    while line := stream.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise UserError(f"{path}: line {number}: longer than {LONGEST} letters; is it a table?")
        yield line


def _clean(cell: str, path: Path, line: int) -> str:
    """Return a cell without the blanks around it."""
    found = CONTROL.search(cell)
    if found:
        raise UserError(
            f"{path}: line {line}: holds the control character {found.group()!a}; a cell is one "
            "line of text"
        )
    return cell.strip()


def _header(names: list[str], path: Path) -> list[str]:
    """Return the names of the columns."""
    if len(names) == 1:
        used = [word for letter, word in SEPARATORS.items() if letter in names[0]]
        if used:
            raise UserError(f"{path}: {used[0]} stand between its columns, must be commas")
    for number, name in enumerate(names, 1):
        if not name:
            raise UserError(f"{path}: column {number} has no name; give it one or take it out")
        if names.index(name) < number - 1:
            raise UserError(f"{path}: two columns are called '{name[:60]}'; take one out")
    return names
