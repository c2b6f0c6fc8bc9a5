r"""Tables for a paper: as wide as a column or a page of its class, never scaled.

A table that is too wide is broken after whole data sets, each part a float of its own.  Packages:
``booktabs,siunitx,threeparttable,colortbl``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isnan

from clear_bench.report.bibliography import paper_of
from clear_bench.report.tables.model import Cell, Column, Row, Table, number
from clear_bench.report.tables.text import escape, numbered
from clear_bench.utils.errors import UserError

FAMILY_FLOOR = "Floors"
REFERENCE = "[00]"  # as wide as what \cite becomes
NEEDS = r"% \usepackage{booktabs,siunitx,threeparttable,colortbl} and \bibliography{references}"


@dataclass(frozen=True)
class Style:
    """The page of a class.

    Args:
        column: Width of a column in points.
        page: Width of the text.
        digit: Width of a bold digit in the class's font, in em.
        letter: What letters are wider than those of Times.
        digits: After the point.
        size: Of the text in points.
        gap: Half the space between columns in points; an empty column stands between data sets.
        command: What sets that size in a class of 10 pt.
    """

    column: float
    page: float
    digit: float
    letter: float
    digits: int
    size: float = 8.0
    gap: float = 2.0
    command: str = r"\footnotesize"


STYLES = {
    "cvpr": Style(237.13, 496.86, 0.5, 1.0, 2),
    "eccv": Style(347.12, 347.12, 0.65, 1.14, 1, 7.0, 1.2, r"\scriptsize"),
    "ieee": Style(252.0, 516.0, 0.5, 1.0, 2),
    "report": Style(483.7, 483.7, 0.6, 1.1, 2),
}
"""CVPR's and ICCV's style, Springer's llncs, IEEEtran for journals, and the report's own PDF."""

WIDE, NARROW = "mwMW@%", "iljtfrI.,:;'|()[]-/ "


def latex(table: Table) -> str:
    """Return the floats of a table, one for each group of data sets that fits.

    Raises:
        UserError: If not even one data set fits beside the rows' names.
    """
    style = STYLES[table.style]
    parts = parts_of(table, style)
    floats = [_float(part, style, place, len(parts)) for place, part in enumerate(parts)]
    return "\n".join([NEEDS, *floats])


def parts_of(table: Table, style: Style) -> list[Table]:
    """Return a table cut after data sets, into as few parts as fit, of about equal width."""
    columns = tuple(replace(column, digits=style.digits) for column in table.columns)
    table = replace(table, columns=columns)
    sets = [list(group) for _, group in groupby(columns, key=lambda c: c.over)]
    most = len(sets)
    while most and width(_with(table, sets[:most]), style) > style.page:
        most -= 1
    if not most:
        raise UserError(
            f"{table.stem}: wider than a page of {table.style}; leave rows with long names out"
        )
    count = -(-len(sets) // most)
    size = -(-len(sets) // count)
    return [_with(table, sets[k : k + size]) for k in range(0, len(sets), size)]


def _with(table: Table, sets: Sequence[Sequence[Column]]) -> Table:
    """Return a table with some of its columns."""
    kept = [column for group in sets for column in group]
    places = [k for k, c in enumerate(table.columns) if c in kept]
    rows = [replace(r, cells=tuple(r.cells[k] for k in places)) for r in table.rows]
    return replace(table, columns=tuple(kept), rows=tuple(rows))


def width(table: Table, style: Style) -> float:
    """Return how wide a table is, in points: what TeX gives, or a little more."""
    names = [r.title + (f" {REFERENCE}" if _cited(r) else "") for r in table.rows]
    names += [f"{mark * ' '}{n}" for n, mark in zip(names, map(_notes, table.rows), strict=True)]
    total = max(_text(name, style) for name in [table.head, *names])
    for place, head in enumerate(table.facts):
        words = [head, *(row.facts[place] for row in table.rows)]
        total += 2 * style.gap + max(_text(word, style) for word in words)
    for place, column in enumerate(table.columns):
        digits = _whole([row.cells[place] for row in table.rows]) + column.digits
        total += 2 * style.gap + max(
            style.size * (digits * style.digit + 0.3), _text(column.head, style)
        )
    return total + 2 * style.gap * (len(dict.fromkeys(c.over for c in table.columns)) - 1) + 1.0


def _text(text: str, style: Style) -> float:
    """Return the width of words in points, rather too much than too little."""
    em = [0.86 if c in WIDE else 0.31 if c in NARROW else 0.68 if c.isupper() else
          style.digit if c.isdigit() else 0.46 for c in text]  # fmt: skip
    return style.size * style.letter * sum(em)


def _whole(cells: Sequence[Cell]) -> int:
    """Return how many digits stand before the point."""
    values = [abs(c.value) for c in cells if not isnan(c.value)]
    return len(str(int(max(values, default=10))))


def _notes(row: Row) -> int:
    """Return how many marks of footnotes a row has."""
    return len(row.notes)


def _cited(row: Row) -> bool:
    """Return whether a paper stands behind a row."""
    return bool(row.method and paper_of(row.method))


def _float(table: Table, style: Style, place: int, parts: int) -> str:
    """Return one float."""
    notes = numbered(table)
    star = "*" if width(table, style) > style.column and style.column < style.page else ""
    of = f" (part {place + 1} of {parts})" if parts > 1 else ""
    label = table.stem + (f"-{place + 1}" if place else "")
    lines = [
        rf"\begin{{table{star}}}[tp]",
        rf"\centering{style.command}\setlength{{\tabcolsep}}{{{style.gap:g}pt}}",
        r"\begin{threeparttable}",
        rf"\caption{{{escape(table.caption + of)}}}\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{_columns(table)}}}",
        r"\toprule",
        *_heads(table),
        *_body(table, notes),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\begin{{tablenotes}}[flushleft]{style.command}",
        *(rf"\item[]{text}" for text in [escape(table.details), *map(escape, table.notes)] if text),
        *(rf"\item[{mark}] {escape(text)}" for text, mark in notes.items()),
        r"\end{tablenotes}",
        r"\end{threeparttable}",
        rf"\end{{table{star}}}",
    ]
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> str:
    """Return the columns of a tabular: numbers are aligned at the point."""
    specs = ["@{}l", "l" * len(table.facts)]
    for place, column in enumerate(table.columns):
        whole = _whole([row.cells[place] for row in table.rows])
        new = place and column.over != table.columns[place - 1].over
        specs.append(
            f"{'l' if new else ''}S[table-format={whole}.{column.digits},detect-weight,mode=text]"
        )
    return "".join([*specs, "@{}"])


def _heads(table: Table) -> list[str]:
    """Return the lines of heads: data sets over their metrics."""
    first = 1 + len(table.facts)
    lines = []
    sets = [(name, len(list(g))) for name, g in groupby(c.over for c in table.columns)]
    if any(name for name, _ in sets):
        cells, rules, at = ["" for _ in range(first)], "", first + 1
        for name, count in sets:
            cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(name)}}}")
            rules += rf"\cmidrule{{{at}-{at + count - 1}}}"
            at += count + 1
        lines += [" & ".join(cells[:first]) + " & " + " & & ".join(cells[first:]) + r" \\", rules]
    heads = [escape(h) for h in (table.head, *table.facts)]
    heads += _spaced([f"{{{escape(c.head)}}}" for c in table.columns], table)
    return [*lines, " & ".join(heads) + r" \\"]


def _body(table: Table, notes: dict[str, str]) -> list[str]:
    """Return the rows, each group under its name; floors below a rule."""
    lines = []
    count = 1 + len(table.facts) + len(_spaced([""] * len(table.columns), table))
    for section, rows in groupby(table.rows, key=lambda r: r.section):
        lines.append(r"\midrule")
        if section and section != FAMILY_FLOOR:
            lines.append(rf"\multicolumn{{{count}}}{{@{{}}l}}{{\textit{{{escape(section)}}}}} \\")
        for row in rows:
            cells = [_name(row, notes), *map(escape, row.facts)]
            cells += _spaced([_number(c, k, table) for k, c in enumerate(row.cells)], table)
            lines.append(rf"\rowcolor[gray]{{0.92}}{' & '.join(cells)} \\" if row.shaded
                         else " & ".join(cells) + r" \\")  # fmt: skip
    return lines


def _spaced(cells: Sequence[str], table: Table) -> list[str]:
    """Return cells with an empty one between data sets."""
    spaced: list[str] = []
    for place, cell in enumerate(cells):
        new = place and table.columns[place].over != table.columns[place - 1].over
        spaced += ["", cell] if new else [cell]
    return spaced


def _name(row: Row, notes: dict[str, str]) -> str:
    """Return a row's name with its paper and the marks of its footnotes."""
    paper = paper_of(row.method) if row.method else None
    cite = rf"~\cite{{{paper.key}}}" if paper else ""
    marks = ",".join(notes[text] for text in row.notes)
    return escape(row.title) + cite + (rf"\tnote{{{marks}}}" if marks else "")


def _number(cell: Cell, place: int, table: Table) -> str:
    """Return a number with its marks, which take no room."""
    column = table.columns[place]
    if isnan(cell.value):
        return "{--}"
    text = number(cell, replace(column, spread=False))
    dagger = r"{\rlap{$^{\scriptscriptstyle\dagger}$}}" if cell.dagger else ""
    if cell.mark == "best":
        return rf"\bfseries {text}{dagger}"
    if cell.mark == "second":
        whole = _whole([row.cells[place] for row in table.rows])
        missing = r"\phantom{0}" * (whole - len(text.partition(".")[0]))
        return rf"{{\rlap{{{missing}\underline{{\phantom{{{text}}}}}}}}}{text}{dagger}"
    return text + dagger
