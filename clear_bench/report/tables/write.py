"""Tables as LaTeX (booktabs, by pandas' Styler) and Markdown as read, CSV with all digits."""

import csv
import io
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from string import ascii_lowercase

from clear_bench.report.tables.model import Cell, Column, Table, number
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.files import write_text

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_\allowbreak{}", "&": r"\&",
    "%": r"\%", "#": r"\#", "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "|": r"\textbar\allowbreak{}", ":": r":\allowbreak{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "±": r"$\pm$", "Δ": r"$\Delta$", "†": r"$\dagger$", "↑": r"$\uparrow$",
    "−": r"$-$", "–": "--", "\n": " ",
}  # fmt: skip
CSS = {"best": "textbf:--rwrap;", "second": "underline:--rwrap;", "": ""}
MANY = 8  # columns that stand closer together
LATIN = 0x17F  # what pdflatex sets without more packages


def latex(table: Table) -> str:
    """Return a floating booktabs table; one that is too wide or too high is scaled to fit."""
    notes = _numbered(table)
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
    if notes or table.notes:
        footnotes = [rf"\textsuperscript{{{mark}}}~{escape(text)}" for text, mark in notes.items()]
        footnotes += [escape(text) for text in table.notes]
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
    body = [[_latex_name(row.label, row.notes, notes), *_latex_cells(row.cells, table.columns)]
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


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is; what pdflatex cannot print becomes its code."""
    return "".join(
        SPECIAL.get(c, c if c.isprintable() and ord(c) <= LATIN else rf"\texttt{{U+{ord(c):04X}}}")
        for c in text
    )


def markdown(table: Table) -> str:
    """Return a Markdown table under its caption; second places are underlined by HTML."""
    notes = _numbered(table)
    lines = [[_head(table.head), *(_head(c.head) for c in table.columns)]]
    lines.append(["---", *("---:" for _ in table.columns)])
    for row in table.rows:
        marks = ",".join(notes[text] for text in row.notes)
        name = _plain(row.label) + (f" <sup>{marks}</sup>" if marks else "")
        lines.append(
            [name, *(_marked(c, k) for c, k in zip(row.cells, table.columns, strict=True))]
        )
    text = [_plain(table.caption), ""]
    text += ["| " + " | ".join(line) + " |" for line in lines]
    under = [f"<sup>{mark}</sup> {_plain(note)}" for note, mark in notes.items()]
    under += [_plain(note) for note in table.notes]
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
            writer.writerow([csv_text(row.label), csv_text(column.head), *numbers, cell.n or "",
                             *rest, ids, csv_text(notes)])  # fmt: skip
    return stream.getvalue()


def _digits(value: float) -> str:
    """Return a number with all digits that mean something; "" for a gap."""
    return "" if isnan(value) else f"{value:.12g}"


def _numbered(table: Table) -> dict[str, str]:
    """Return the rows' footnotes with their letters, each text once."""
    texts = dict.fromkeys(text for row in table.rows for text in row.notes)
    return {text: _letters(place) for place, text in enumerate(texts)}


def _letters(place: int) -> str:
    """Return a, b, .. z, aa, ab, .."""
    more, last = divmod(place, len(ascii_lowercase))
    return (_letters(more - 1) if more else "") + ascii_lowercase[last]


FORMATS = {"latex": latex, "markdown": markdown, "csv": table_csv}
SUFFIXES = {"latex": ".tex", "markdown": ".md", "csv": ".csv"}


def write_forms(table: Table, folder: Path) -> list[Path]:
    """Write a table in every format, whole or not at all, and return the files."""
    return [
        write_text(folder / f"{table.stem}{SUFFIXES[form]}", make(table))
        for form, make in FORMATS.items()
    ]


def show(table: Table) -> None:
    """Print a table on the terminal: best bold, second underlined, a dagger for significance."""
    from rich.console import Console
    from rich.table import Table as Grid

    styles = {"best": "bold", "second": "underline", "": ""}
    heads = [c.head.replace("[", r"\[") for c in table.columns]
    grid = Grid(table.head, *heads, title=table.stem)
    notes = _numbered(table)
    for row in table.rows:
        marks = ",".join(notes[text] for text in row.notes)
        shown = [
            f"[{styles[c.mark]}]{text}[/]" if c.mark else text
            for c, column in zip(row.cells, table.columns, strict=True)
            for text in [number(c, column).replace("[", r"\[") + ("†" if c.dagger else "")]
        ]
        name = row.label.replace("[", r"\[")
        grid.add_row(name + (f" ({marks})" if marks else ""), *shown)
    console = Console()
    wide = console if console.is_terminal else Console(width=160)
    wide.print(grid)
    for text, mark in notes.items():
        wide.print(f"({mark}) {text}", markup=False)
