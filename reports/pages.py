"""Tables of README and claims, from the committed ones: ``python -m reports.pages`` writes them.

A block begins with ``<!-- results FILE -->`` and ends with ``<!-- /results -->``; the file is a
table of a report, its path from the project's folder.  A CSV file is shown with one decimal, a
Markdown file as it is, without what stands above and below its table and the marks of that.
"""

import csv
import re
from pathlib import Path

from clear_bench.config.plugins import title_of
from clear_bench.utils.command_line import run_command
from clear_bench.utils.files import write_text

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/claims.md")
BLOCK = re.compile(r"(<!-- results (\S+) -->\n).*?(<!-- /results -->)", re.S)
FOOTNOTE = re.compile(r" <sup>[^<]*</sup>")
MARKS = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}


def table(file: Path) -> str:
    """Return a table in Markdown."""
    if file.suffix == ".md":
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(FOOTNOTE.sub("", line) for line in lines if line.startswith("|"))
    with file.open(encoding="utf-8", newline="") as stream:
        cells = {(row["method"], row["column"]): shown(row) for row in csv.DictReader(stream)}
    methods, columns = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    rows = [["method", *columns], ["---"] * (1 + len(columns))]
    rows += [[titled(method), *(cells[method, column] for column in columns)] for method in methods]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def titled(row: str) -> str:
    """Return a row's name in print: of a method its title, with what stands behind its key."""
    method, blank, rest = row.partition(" ")
    return title_of(method) + blank + rest


def shown(row: dict[str, str]) -> str:
    """Return a cell: the mean over seeds, their deviation if there are several, and its mark."""
    if not row["value"]:
        return "--"
    deviation = f" ± {float(row['std']):.1f}" if row["std"] else ""
    return MARKS[row["mark"]].format(f"{float(row['value']):.1f}{deviation}")


def filled(text: str, root: Path) -> str:
    """Return a text with its blocks as the tables below a folder are now."""
    return BLOCK.sub(lambda m: m[1] + table(root / m[2]) + m[3], text)


def write() -> None:
    """Write the pages."""
    for page in PAGES:
        write_text(ROOT / page, filled((ROOT / page).read_text(encoding="utf-8"), ROOT))


if __name__ == "__main__":
    run_command(write)
