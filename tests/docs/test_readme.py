"""The numbers of README and claims are those of the committed tables."""

import re

import pytest

from reports.pages import PAGES, ROOT, filled, table

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_each_table_is_the_committed_one(page):
    """`python -m reports.pages` writes them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, ROOT) == text


def test_the_readme_shows_both_tasks_and_both_data_sets():
    shown = re.findall(r"<!-- results (\S+) -->", TEXT)
    assert len(shown) == TEXT.count("<!-- /results -->")
    assert set(shown) >= {
        "reports/out/default/synthped-recognition_main.csv",
        "reports/out/default/synthped-retrieval_main.csv",
        "reports/evidence/peta/default/peta-recognition_main.csv",
    }


def test_a_cell_is_mean_and_deviation_with_its_mark(tmp_path):
    (tmp_path / "a.csv").write_text(
        "method,column,value,std,mark\n"
        "x,mA,75.96,0.149,best\nx,F1,,,\ny,mA,70.04,,second\ny,F1,1,0,\n"
    )
    assert table(tmp_path / "a.csv").splitlines() == [
        "| method | mA | F1 |",
        "| --- | --- | --- |",
        "| x | **76.0 ± 0.1** | -- |",
        "| y | <u>70.0</u> | 1.0 ± 0.0 |",
    ]
    (tmp_path / "b.md").write_text("Caption.\n\n| a |\n| --- |\n| 1 |\n\nNote.\n")
    assert table(tmp_path / "b.md") == "| a |\n| --- |\n| 1 |\n"
    text = "<!-- results a.csv -->\nold\n<!-- /results -->\n"
    assert filled(text, tmp_path).splitlines()[1] == "| method | mA | F1 |"


def test_its_pictures_are_there():
    for place in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / place).is_file(), place
