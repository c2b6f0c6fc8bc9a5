"""Tables as LaTeX (booktabs, by pandas' Styler) and Markdown as read, CSV with all digits."""

import csv
import io
from collections.abc import Sequence
from functools import cache
from math import isnan
from pathlib import Path

from clear_bench.report.tables import layout
from clear_bench.report.tables.as_json import table_json
from clear_bench.report.tables.model import Cell, Column, Table, number
from clear_bench.report.tables.text import escape, numbered
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.files import write_text
from clear_bench.utils.terminal import print_table

CSS = {"best": "textbf:--rwrap;", "second": "underline:--rwrap;", "": ""}
STYLE_OF = {"best": "bold", "second": "underline", "": ""}
MANY = 8  # columns that stand closer together


def latex(table: Table) -> str:
    """Return a floating booktabs table.

    One for a style of `clear_bench.report.tables.layout` is never scaled; another one that is too
    wide or too high is.
    """
    if table.style:
        return layout.latex(table)
    notes = numbered(table)
    lines = [
        r"\begin{table*}[!htbp]",
        r"\centering",
        r"\small",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\label{{tab:{table.stem}}}",
        *([r"\setlength{\tabcolsep}{3pt}"] if len(table.columns) > MANY else []),
        r"\begin{adjustbox}{max width=\linewidth, max totalheight=0.72\textheight}",
        _tabular(table, notes).rstrip("\n"),
        r"\end{adjustbox}",
    ]
    footnotes = [escape(text) for text in (table.details, *table.notes) if text]
    footnotes += [rf"\textsuperscript{{{mark}}}~{escape(text)}" for text, mark in notes.items()]
    if footnotes:
        lines += [
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
            "\\par\n".join(footnotes),
            r"\end{minipage}",
        ]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def _tabular(table: Table, notes: dict[str, str]) -> str:
    """Return the tabular alone; pandas' Styler writes it."""
    import pandas as pd

    heads = [escape(c.head) for c in table.columns]
    if table.rotate:
        heads = [rf"\rotatebox{{90}}{{{head}}}" for head in heads]
    body = [[_latex_name(row.title, row.notes, notes), *_latex_cells(row.cells, table.columns)]
            for row in table.rows]  # fmt: skip
    frame = pd.DataFrame(body, columns=range(len(heads) + 1), dtype=object)
    css = pd.DataFrame(
        [["", *(CSS[cell.mark] for cell in row.cells)] for row in table.rows],
        columns=frame.columns,
    )
    styler = frame.style.hide(axis="index").apply(lambda _: css, axis=None)
    worded = [any(row.cells[k].text for row in table.rows) for k in range(len(heads))]
    sides = "".join("l" if is_worded else "r" for is_worded in worded)
    names = [escape(table.head), *heads]
    styler = styler.format_index(lambda place: names[int(str(place))], axis="columns")
    return styler.to_latex(hrules=True, column_format=f"@{{}}l{sides}@{{}}")


def _latex_name(label: str, texts: Sequence[str], notes: dict[str, str]) -> str:
    """Return a row's name with the marks of its footnotes."""
    marks = ",".join(notes[text] for text in texts)
    return escape(label) + (rf"\textsuperscript{{{marks}}}" if marks else "")


def _latex_cells(cells: Sequence[Cell], columns: Sequence[Column]) -> list[str]:
    """Return the cells of a row."""
    return [
        _minus(escape(number(cell, column))) + (r"$^\dagger$" if cell.dagger else "")
        for cell, column in zip(cells, columns, strict=True)
    ]


def _minus(text: str) -> str:
    """Return a negative number with a minus sign instead of a hyphen."""
    return f"$-${text[1:]}" if text[:1] == "-" and text[1:2].isdigit() else text


def markdown(table: Table) -> str:
    """Return a Markdown table under its caption; second places are underlined by HTML."""
    notes = numbered(table)
    lines = [[_head(h) for h in (table.head, *table.facts, *(c.name for c in table.columns))]]
    lines.append([*("---" for _ in (0, *table.facts)), *("---:" for _ in table.columns)])
    for row in table.rows:
        marks = ",".join(notes[text] for text in row.notes)
        name = _plain(row.title) + (f" <sup>{marks}</sup>" if marks else "")
        lines.append(
            [
                name,
                *map(_plain, row.facts),
                *(_marked(c, k) for c, k in zip(row.cells, table.columns, strict=True)),
            ]
        )
    text = [_plain(table.caption), ""]
    text += ["| " + " | ".join(line) + " |" for line in lines]
    under = [_plain(note) for note in (table.details, *table.notes) if note]
    under += [f"<sup>{mark}</sup> {_plain(note)}" for note, mark in notes.items()]
    return "\n".join([*text, *(line for note in under for line in ("", note))]) + "\n"


def _marked(cell: Cell, column: Column) -> str:
    """Return a cell with its marks as Markdown."""
    text = _plain(number(cell, column)) + ("†" if cell.dagger else "")
    return {"best": f"**{text}**", "second": f"<u>{text}</u>", "": text}[cell.mark]


def _head(text: str) -> str:
    """Return a head, which may be an attribute's name, without what breaks a table or a page."""
    return " ".join(
        text.replace("|", r"\|").replace("](", r"\](").replace("<", "&lt;").splitlines()
    )


def _plain(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    for raw in ("\\", "|", "*", "_", "`", "]("):
        text = text.replace(raw, "\\" + raw)
    return " ".join(text.replace("<", "&lt;").splitlines())


def table_csv(table: Table) -> str:
    """Return all digits: mean, std, ends of the interval, n, marks and run ids of each cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        [table.head, "column", "value", "std", "ci_low", "ci_high", "n", "mark", "dagger",
         "protocol", "checkpoint", "runs", "notes"]
    )  # fmt: skip
    for row in table.rows:
        for cell, column in zip(row.cells, table.columns, strict=True):
            numbers = [_digits(x) for x in (cell.value, cell.std, cell.low, cell.high)]
            if cell.text:
                numbers[0] = csv_text(cell.text)
            rest = [cell.mark, "yes" if cell.dagger else "", cell.protocol, cell.checkpoint]
            ids, notes = " ".join(cell.runs), "; ".join(row.notes)
            writer.writerow([csv_text(row.label), csv_text(column.name), *numbers, cell.n or "",
                             *rest, ids, csv_text(notes)])  # fmt: skip
    return stream.getvalue()


def _digits(value: float) -> str:
    """Return a number with all digits that mean something; "" for a gap."""
    return "" if isnan(value) else f"{value:.12g}"


FORMATS = {"latex": latex, "markdown": markdown, "csv": table_csv, "json": table_json}
SUFFIXES = {"latex": ".tex", "markdown": ".md", "csv": ".csv", "json": ".json"}


@cache  # a report writes them as files, and once more into the page's archive
def forms(table: Table) -> dict[str, str]:
    """Return the name of each of a table's files -> its text, one a format."""
    return {f"{table.stem}{SUFFIXES[form]}": make(table) for form, make in FORMATS.items()}


def write_forms(table: Table, folder: Path) -> list[Path]:
    """Write a table in every format, whole or not at all, and return the files."""
    return [write_text(folder / name, text) for name, text in forms(table).items()]


def show(table: Table) -> None:
    """Print a table on the terminal: best bold, second underlined, a dagger for significance."""
    notes = numbered(table)
    rows, styles = [], []
    for row in table.rows:
        marks = ",".join(notes[text] for text in row.notes)
        cells = [
            number(c, column) + ("†" if c.dagger else "")
            for c, column in zip(row.cells, table.columns, strict=True)
        ]
        rows.append([row.title + (f" ({marks})" if marks else ""), *row.facts, *cells])
        styles.append([STYLE_OF[c.mark] for c in row.cells])
    heads = [c.name for c in table.columns]
    print_table(table.stem, [table.head, *table.facts], heads, rows, styles)
    for text, mark in notes.items():
        print(f"({mark}) {text}")
    print("\n".join(table.notes), end="\n" if table.notes else "")
