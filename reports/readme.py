"""The README's tables, from the committed ones: ``python -m reports.readme`` writes them anew.

A block begins with ``<!-- results FILE -->``, the path of a main table as CSV below the project's
folder, and ends with ``<!-- /results -->``.
"""

import csv
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- results (\S+) -->\n).*?(<!-- /results -->)", re.S)
MARKS = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}


def table(file: Path) -> str:
    """Return a main table in Markdown, with one decimal; a cell without a number is ``--``."""
    with file.open(encoding="utf-8", newline="") as stream:
        cells = {(row["method"], row["column"]): shown(row) for row in csv.DictReader(stream)}
    methods, columns = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    rows = [["method", *columns], ["---"] * (1 + len(columns))]
    rows += [[method, *(cells[method, column] for column in columns)] for method in methods]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def shown(row: dict[str, str]) -> str:
    """Return a cell: the mean over seeds, their deviation if there are several, and its mark."""
    if not row["value"]:
        return "--"
    deviation = f" ± {float(row['std']):.1f}" if row["std"] else ""
    return MARKS[row["mark"]].format(f"{float(row['value']):.1f}{deviation}")


def filled(text: str, root: Path) -> str:
    """Return a text with its blocks as the tables below a folder are now."""
    return BLOCK.sub(lambda m: m[1] + table(root / m[2]) + m[3], text)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8"), README.parent), encoding="utf-8")
