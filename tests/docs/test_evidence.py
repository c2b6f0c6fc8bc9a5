"""What `reports/evidence/` prints is what the records beside it say."""

import csv
import zipfile
from pathlib import Path

import pytest

from clear_bench.config.plugins import available, load
from clear_bench.report.tables.build import build, in_order, write_tables
from clear_bench.results.archive import import_runs
from clear_bench.results.load import Results

EVIDENCE = sorted((Path(__file__).parents[2] / "reports/evidence").glob("*/records.zip"))
LEFT_OUT = {"notes", "dagger"}
"""Notes say that runs are of older code when the code has changed; tests need every prediction."""
TESTED = "p"
"""Column of what those tests gave."""


def numbers_of(file):
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["column"] != TESTED]
        return [{k: row[k] for k in row if k not in LEFT_OUT} for row in rows]


@pytest.mark.parametrize("records", EVIDENCE, ids=lambda file: file.parent.name)
def test_every_table_is_that_of_its_records(records, tmp_path):
    assert records.stat().st_size < 2_000_000
    import_runs(records, tmp_path / "runs")
    results = Results.load(tmp_path / "runs").of_profile("default")
    write_tables([t for name in in_order() for t in build(results, name)], tmp_path / "out")
    committed = sorted((records.parent / "default").glob("*.csv"))
    made = sorted((tmp_path / "out").glob("*.csv"))
    assert [file.name for file in committed] == [file.name for file in made] != []
    for ours, theirs in zip(made, committed, strict=True):
        assert numbers_of(ours) == numbers_of(theirs), ours.name


@pytest.mark.parametrize("records", EVIDENCE, ids=lambda file: file.parent.name)
def test_no_picture_of_a_person_is_there(records):
    persons = [k for k in available("figure") if load("figure", k).FIGURE.persons]
    assert set(persons) == {"attention", "qualitative"}
    names = [file.name for file in records.parent.rglob("*")]
    assert not [name for name in names if name.startswith(tuple(persons))]
    with zipfile.ZipFile(records) as archive:
        assert {Path(name).suffix for name in archive.namelist()} == {".json"}
