"""The numbers of README and claims are those of the committed tables."""

import csv
import re

import pytest

from reports.pages import PAGES, ROOT, filled, table

PETA = ("peta", "peta_ids0")
"""Published split, and nobody in two parts."""
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
        *(
            f"reports/evidence/{folder}/default/peta-{task}_main.csv"
            for folder in PETA
            for task in ("recognition", "retrieval")
        ),
    }


def test_the_price_of_shared_persons_is_what_the_tables_say():
    def mean(folder, task, method, metric):
        file = ROOT / f"reports/evidence/{folder}/default/peta-{task}_main.csv"
        with file.open(encoding="utf-8", newline="") as stream:
            rows = {(row["method"], row["column"]): row for row in csv.DictReader(stream)}
        return float(rows[method, metric]["value"])

    known, unknown = (mean(f, "recognition", "strong_baseline", "mA") for f in PETA)
    before, after = (mean(f, "retrieval", "clear", "mAP") for f in PETA)
    words = (
        f"Strong Baseline loses {known - unknown:.1f} mA and CLEAR "
        f"{before - after:.1f} of its {before:.1f} mAP"
    )
    assert words in " ".join(TEXT.split())


def test_a_cell_is_mean_and_deviation_with_its_mark(tmp_path):
    (tmp_path / "a.csv").write_text(
        "method,column,value,std,mark\n"
        "vtb,mA,75.96,0.149,best\nvtb,F1,,,\ny,mA,70.04,,second\ny,F1,1,0,\n"
    )
    assert table(tmp_path / "a.csv").splitlines() == [
        "| method | mA | F1 |",
        "| --- | --- | --- |",
        "| VTB | **76.0 ± 0.1** | -- |",
        "| y | <u>70.0</u> | 1.0 ± 0.0 |",
    ]
    (tmp_path / "b.md").write_text("Caption.\n\n| a |\n| --- |\n| 1 <sup>a,b</sup> |\n\nNote.\n")
    assert table(tmp_path / "b.md") == "| a |\n| --- |\n| 1 |\n"
    text = "<!-- results a.csv -->\nold\n<!-- /results -->\n"
    assert filled(text, tmp_path).splitlines()[1] == "| method | mA | F1 |"


@pytest.mark.parametrize(("file", "row", "column", "words"), [
    ("claims/default/synthped-ablation-cross_fusion", "none", "Δ mA", "+0.4 mA over no fusion"),
    ("claims/default/synthped-ablation-embeddings", "hard", "Δ mAP", "1.3 mAP below hard"),
    ("peta/default/peta-ablation-embeddings-c13705", "hard", "Δ mAP", "0.9 mAP above hard"),
    ("claims/default/synthped-ablation-freezing", "all", "Δ mAP", "all trained: +1.2 mAP"),
    ("claims/default/synthped-ablation-recognisers", "1 epoch", "mAP", "7.6, 24.4, 30.8, 34.6 mAP"),
])  # fmt: skip
def test_what_the_claims_say_in_words_is_in_their_tables(file, row, column, words):
    with (ROOT / f"reports/evidence/{file}.csv").open(encoding="utf-8", newline="") as stream:
        cells = {(line[next(iter(line))], line["column"]): line for line in csv.DictReader(stream)}
    assert f"{abs(float(cells[row, column]['value'])):.1f}" in words
    assert words in " ".join((ROOT / "docs/claims.md").read_text(encoding="utf-8").split())


def test_its_pictures_are_there():
    for place in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / place).is_file(), place
