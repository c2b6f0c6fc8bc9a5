"""The tables of reports/specs on fake runs: rows, gaps, daggers, studies, published numbers."""

import json

import numpy as np
import pytest
from fake_runs import fake_bench, fake_run, fake_study, fake_world
from paired import paired_test

from clear_bench.config.plugins import tasks_of
from clear_bench.report.tables.build import build
from clear_bench.report.tables.published import SELECTED, TRAINED, UNSTATED, published
from clear_bench.report.tables.write import latex
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected
from clear_bench.results.statistics import RESAMPLES, paired_tests
from clear_bench.runs.files import RECORD

PLAN = Expected("default", ("synthped",), ("clear", "vtb", "chance", "asmr", "swin"), 3)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return fake_world(tmp_path_factory.mktemp("bench") / "runs")


def test_gaps_are_rows_with_footnotes(bench):
    (table,) = [t for t in build(Results.load(bench, expected=PLAN), "recognition_main")
                if t.stem == "synthped-recognition_main"]  # fmt: skip
    rows = {row.label: row for row in table.rows}
    assert set(rows) == {"clear", "vtb", "chance", "alm", "swin"}  # asmr has no recognition half
    assert rows["alm"].cells[0].n == 1
    assert rows["alm"].notes == (
        "seed 1 stale: engine.recognition was 0, is 1; train it again",
        "seed 2 failed: the loss is 50% NaN_",
        "not tested: one seed alone says nothing about the method",
    )  # fmt: skip
    assert rows["swin"].notes == ("not run",)
    assert np.isnan(rows["swin"].cells[0].value)
    assert table.rows[-1].label == "swin"
    assert r"50\% NaN\_" in latex(table)


def test_the_tasks_of_a_method_are_read_without_importing_it():
    from clear_bench.config import plugins

    for name in plugins.available("method"):
        method = plugins.load("method", name).METHOD
        assert tasks_of(name) == method.tasks


def test_a_study_has_a_table_with_its_gaps(bench):
    tables = {t.stem: t for t in build(Results.load(bench), "ablation")}
    table = tables["synthped-ablation-lm_choice"]
    rows = {row.label: row for row in table.rows}
    assert rows["smollm2"].notes == ("unavailable: no weights here",)
    heads = [c.head for c in table.columns]
    assert heads == ["mAP", "95 % CI", "R@1", "Δ mAP", "p"]
    delta = rows["glove"].cells[3]
    assert delta.value == pytest.approx(
        rows["glove"].cells[0].value - rows["minilm"].cells[0].value
    )
    assert rows["minilm"].cells[3].text == "reference"


def test_trained_parameters_stand_where_they_differ(tmp_path):
    study = fake_study(tmp_path, "adapters", factors={"retrieval.model.depth": (1, 2)})
    assert "trainable (M)" not in [
        c.head for c in build(Results.load(tmp_path), "ablation")[0].columns
    ]
    for run_id in study.variants[1].runs.values():
        file = next(tmp_path.rglob(f"{run_id}/{RECORD}"))
        record = json.loads(file.read_text())
        record["cost"]["trainable_parameters"] = 123_000
        file.write_text(json.dumps(record))
    (table,) = build(Results.load(tmp_path), "ablation")
    assert table.columns[-1].head == "trainable (M)"
    assert table.rows[1].cells[-1].value == pytest.approx(0.123)


def test_domains_are_columns(bench):
    (table,) = build(Results.load(bench), "cross_domain")
    assert [c.head for c in table.columns] == ["peta", "rapv2"]
    rows = {row.label: row for row in table.rows}
    assert rows["vtb"].notes == ("peta: seed 1 missing: not run", "rapv2: not run")
    assert [c.mark for c in rows["clear"].cells] == ["best", ""]


def test_published_numbers_stand_beside_ours(bench):
    tables = build(Results.load(bench), "published_vs_reproduced")
    assert [t.stem for t in tables] == ["peta-published_vs_reproduced-recognition"]
    rows = {row.label: row for row in tables[0].rows}
    row = rows["vtb, random split"]
    heads = [c.head for c in tables[0].columns]
    theirs, ours, gap = (row.cells[heads.index(h)].value for h in ("mA pub.", "mA", "Δ mA"))
    assert theirs == 85.31 and ours > 0
    assert np.isnan(gap)  # nobody knows whether the same protocol made both
    assert (
        "; trained on: not stated there, train here; selection: not stated there, "
        "best epoch on val here"
    ) in row.notes[2]
    assert any("F1 is the mean of the images' own" in note for note in row.notes)
    assert "ours: not run" in rows["promptpar, random split"].notes


def test_only_what_the_same_protocol_made_is_subtracted(tmp_path):
    """Strong Baseline's README tells all: train and val, the best epoch on test."""
    for protocol in ("clear-bench", "field", "field-oracle"):
        fake_run(tmp_path, "strong_baseline", dataset="peta", split="random0", protocol=protocol)
    tables = build(Results.load(tmp_path), "published_vs_reproduced")
    found = {}
    for table in tables:
        (row,) = [r for r in table.rows if r.label == "strong_baseline, random split"]
        theirs, ours, gap = (cell.value for cell in row.cells[:3])
        select = next(p for p in row.cells[1].protocol.split("|") if p.startswith("select:"))
        note = next((n for n in row.notes if n.startswith("not compared")), "")
        found[select] = (gap == pytest.approx(ours - theirs), note)
    assert found == {
        "select:val.mA": (False, "not compared: trained on: train+val there, train here; "
                          "selection: best epoch on test there, best epoch on val here"),
        "select:last": (False, "not compared: selection: best epoch on test there, "
                        "last epoch here"),
        "select:oracle-on-test.mA": (True, ""),
    }  # fmt: skip
    assert "select:oracle-on-test" in tables[-1].details  # it comes last


def test_every_published_protocol_is_understood():
    for row in published():
        split, *facts = (part.strip() for part in row["protocol"].split(";"))
        assert split.endswith(" split")
        assert facts and set(facts) <= {*TRAINED, *SELECTED, UNSTATED}


def test_calibration_has_a_table_unless_all_records_are_older(tmp_path):
    fake_bench(tmp_path, recognition=("clear", "vtb"), retrieval=(), seeds=(0,))
    (table,) = build(Results.load(tmp_path), "calibration")
    assert [c.head for c in table.columns] == ["mAP", "calibration error"]
    best = min(table.rows, key=lambda row: row.cells[1].value)
    assert best.cells[1].mark == "best"
    for file in tmp_path.rglob(RECORD):
        raw = json.loads(file.read_text())
        for splits in raw["metrics"].values():
            for metrics in splits.values():
                del metrics["mAP"], metrics["ece"]
        file.write_text(json.dumps(raw))
    assert build(Results.load(tmp_path), "calibration") == []
    assert build(Results.load(tmp_path), "recognition_main")


def test_daggers_are_paired_tests_with_holm(bench):
    (table,) = [t for t in build(Results.load(bench), "retrieval_main") if t.dataset == "synthped"]
    rows = {row.label: row for row in table.rows}
    assert not rows["clear"].cells[-1].dagger  # the best itself
    assert rows["chance"].cells[-1].dagger
    assert "† differs from CLEAR at 5 %" in table.details


def test_what_cannot_be_tested_is_said(tmp_path):
    fake_bench(tmp_path, recognition=("clear", "vtb"), retrieval=(), seeds=(0, 1))
    for folder in (f.parent for f in tmp_path.rglob(f"clear-*/{RECORD}")):
        (folder / "predictions.npz").unlink()
    (table,) = build(Results.load(tmp_path), "recognition_main")
    assert "No test against CLEAR: " in table.details
    assert not any(cell.dagger for row in table.rows for cell in row.cells)


def test_thousands_of_images_are_no_problem():
    rng = np.random.default_rng(0)
    scores = rng.random((2, 3000))
    scores[1] += 0.1
    assert paired_tests(scores, scores[0]).tolist() == [1.0, 1 / (1 + RESAMPLES)]


def test_many_paired_tests_are_as_one_by_one():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0, 1, (4, 9)), rng.normal(0.1, 1, (4, 200))
    for scores in (few, many):
        together = paired_tests(scores[1:], scores[0])
        one = [paired_test(s, scores[0]) for s in scores[1:]]
        assert together == pytest.approx(one, abs=1e-12 if scores is few else 0.04)
    assert paired_tests(few[:1], few[0]).tolist() == [1.0]


def test_a_table_of_attributes_counts_what_is_unknown(tmp_path):
    fake_run(tmp_path, "clear", "recognition")
    (folder,) = tmp_path.rglob("record.json")
    record = json.loads(folder.read_text())
    images, table = record["data"]["test_images"], record["per_attribute"]
    (before,) = build(Results.load(tmp_path), "attributes")
    table["known"] = [images - k for k in range(len(table["name"]))]
    folder.write_text(json.dumps(record))
    (after,) = build(Results.load(tmp_path), "attributes")
    gone, cells = sum(range(len(table["name"]))), images * len(table["name"])
    assert f"{gone} of {cells} labels are unknown and left out." in after.words
    assert "unknown" not in before.caption
    for row in after.rows:
        place = table["name"].index(row.label)
        share = table["positives"][place] / table["known"][place]
        assert row.cells[0].value == pytest.approx(100 * share)
