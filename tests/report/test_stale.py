"""Old runs: which count, how they are shown when asked for, and what a table says of them."""

import pytest
from fake_runs import fake_bench, fake_run

from clear_bench.report.explain import explain
from clear_bench.report.tables.build import build
from clear_bench.report.write import load, strictly
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.runs.stale import is_stale, raised, why_stale
from clear_bench.utils.errors import UserError


@pytest.fixture
def runs(tmp_path):
    """Three seeds of two methods; of vtb one is of older code, and a fourth is stale."""
    fake_bench(tmp_path, recognition=("clear",), retrieval=())
    for seed in range(4):
        fake_run(tmp_path, "vtb", seed=seed, old_code=seed == 1, stale=seed == 3)
    return tmp_path


def rows(results):
    (table,) = build(results, "recognition_main")
    return {row.label: row for row in table.rows}


def test_older_code_of_the_same_numbers_counts_and_is_said(runs):
    vtb = rows(Results.load(runs))["vtb"]
    assert vtb.cells[0].n == 3
    assert "1 of 3 runs are of older code, of the same numbers versions" in vtb.notes
    assert not rows(Results.load(runs))["clear"].notes[1:]
    lines = explain(Results.load(runs), "recognition_main", "vtb", "mA")
    (code,) = [line for line in lines if line.startswith("  code: ")]
    assert "ffffffffffff (not the present one)" in code and "(present)" in code
    assert any("method.vtb.recognition 2" in line for line in lines)


def test_strict_code_counts_exactly_the_present_code(runs):
    vtb = rows(Results.load(runs, stale=strictly))["vtb"]
    assert vtb.cells[0].n == 2
    assert any("seed 1 stale: made by other code" in note for note in vtb.notes)


def test_stale_runs_are_shown_when_asked_in_rows_that_say_why(runs):
    shown = rows(Results.load(runs, show_stale=True))
    old = shown["vtb [stale: engine.recognition was 0, is 1]"]
    assert (shown["vtb"].cells[0].n, old.cells[0].n) == (3, 1)
    assert not any("stale" in note for note in shown["vtb"].notes)


def test_only_stale_runs_are_an_error_unless_they_are_asked_for(tmp_path):
    fake_run(tmp_path, stale=True)
    params = tmp_path / "params.yaml"
    with pytest.raises(UserError, match="--stale"):
        load(tmp_path, None, {}, params)
    assert load(tmp_path, None, {}, params, show_stale=True).runs[0].usable


def test_what_is_said_of_a_record(tmp_path):
    fresh, old = fake_run(tmp_path), fake_run(tmp_path, seed=1, stale=True)
    assert (why_stale(fresh), raised(fresh), is_stale(fresh)) == ("", {}, False)
    assert raised(old) == {"engine.recognition": (0, 1)}
    gone = fresh.model_copy(update={"numbers": {"method.nobody.recognition": 2}})
    assert why_stale(gone) == "method.nobody.recognition was 2, is gone"


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_from_before_numbers_versions_loads_and_is_stale(tmp_path, version):
    fake_run(tmp_path, schema_version=version)
    record = Record.load(next(tmp_path.rglob(RECORD)))
    assert record.numbers == {}
    assert why_stale(record) == "made before numbers versions were kept"
