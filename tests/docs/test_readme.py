"""The README's numbers are those of the committed tables."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = {"recognition": "recognition_main", "retrieval": "retrieval_main"}


def rows_of(task):
    """Return the README's table of a task: head and rows of plain words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- results -->")[2].partition("<!-- /results -->")[0]
    part = next(p for p in block.strip().split("\n\n") if p.startswith(f"| {task} "))
    lines = [line.strip("| ").split(" | ") for line in part.splitlines()]
    plain = [[re.sub(r"\*\*|</?u>", "", word) for word in line] for line in lines]
    return plain[0], plain[2:]


@pytest.mark.parametrize("task", TABLES)
def test_each_number_is_that_of_the_committed_table(task):
    file = ROOT / f"reports/out/default/synthped-{TABLES[task]}.csv"
    known = {
        (r["method"], r["column"]): f"{float(r['value']):.1f} ± {float(r['std']):.1f}"
        for r in csv.DictReader(file.open(encoding="utf-8"))
    }
    head, rows = rows_of(task)
    assert [row[0] for row in rows] == list(dict.fromkeys(name for name, _ in known))
    for row in rows:
        assert row[1:] == [known[row[0], column] for column in head[1:]]


def test_its_pictures_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for place in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (ROOT / place).is_file(), place
