"""The page's tables: those of ``reports/specs/``, each number with what is behind it."""

from collections.abc import Sequence

from clear_bench.config import plugins
from clear_bench.report.tables import model
from clear_bench.report.tables.build import KIND
from clear_bench.report.tables.methods import by_method
from clear_bench.report.tables.studies import SELF, by_variant
from clear_bench.report.web.behind import Behind, key_of
from clear_bench.report.web.facets import facets_of, heading
from clear_bench.report.web.leaderboard import leaderboard
from clear_bench.report.web.model import Cell, Column, DialogData, PageTable, Row
from clear_bench.results.load import Results

SECTIONS: dict[model.Build, str] = {by_method: "leaderboards", by_variant: "ablations"}
"""What makes a table to the section of the page that shows it; all others are ``tables``."""


def page_tables(
    results: Results,
    tables: Sequence[model.Table],
    dialog: DialogData,
    profile: str,
    folder: str,
) -> dict[str, list[PageTable]]:
    """Return section -> tables of the page, in the order of the paper.

    Args:
        results: The records of one profile.
        tables: Of these records, in that order.
        dialog: Takes in what is behind each number.
        profile: Its name.
        folder: Where the tables' files lie, from the page.
    """
    by_section: dict[str, list[PageTable]] = {"leaderboards": [], "ablations": [], "tables": []}
    facets = facets_of(tables, profile)
    for table in tables:
        spec: model.TableSpec = plugins.load(KIND, table.spec).TABLE
        behind = Behind(results, dialog, table)
        shown = page_table(table, behind, facets[table.stem], folder)
        if spec.build is by_method:
            shown = leaderboard(shown, table, behind, spec.sort)
        by_section[SECTIONS.get(spec.build, "tables")].append(shown)
    return by_section


def page_table(
    table: model.Table, behind: Behind, facets: dict[str, str], folder: str
) -> PageTable:
    """Return a table as one of the page.

    Args:
        table: The table.
        behind: Finds what is behind its cells.
        facets: By which it is chosen, the profile among them.
        folder: Where its files lie, from the page; "" if they are in the page alone.
    """
    rows = [
        Row(
            row.title,
            [
                *(Cell(fact, value=fact or None) for fact in row.facts),
                *(behind.cell(row, c, h) for c, h in zip(row.cells, table.columns, strict=True)),
            ],
            row.notes,
            any(c.text == SELF for c in row.cells),
        )
        for row in table.rows
    ]
    keys = [[key_of(row.cells[k].text) for row in table.rows] for k in range(len(table.columns))]
    words = [any(isinstance(key, str) and key for key in column) for column in keys]
    return PageTable(
        key=f"{facets['profile']}-{table.stem}",
        stem=table.stem,
        title=heading(facets),
        facets=facets,
        folder=folder,
        caption=table.words,
        columns=[
            *(Column(head, words=True) for head in table.facts),
            *(Column(c.name, c.better >= 0, w) for c, w in zip(table.columns, words, strict=True)),
        ],
        rows=rows,
        notes=table.notes,
        first=table.head,
    )
