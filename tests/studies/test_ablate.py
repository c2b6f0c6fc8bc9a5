"""The ablate command: each run once, whatever fails or is killed, and what it says of it."""

import json
import os
import signal
import sys

import pytest
from fresh import Fresh, quick_workers, wait_until
from study_folder import command, use, write_study

from clear_bench import ablate
from clear_bench.config import plugins
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import StudyResult, result_file
from clear_bench.studies.crew import Crew
from clear_bench.utils.command_line import main


@pytest.fixture(scope="module")
def world(market, own_tracking_store, tmp_path_factory):
    """A folder with a small Market-1501, and the study ``rates`` carried out on it."""
    root = tmp_path_factory.mktemp("world")
    (root / "market").symlink_to(market)
    write_study(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        quick_workers(patch)
        use(patch, root)
        assert call(patch, "--study=rates") == 0
    plugins.forget()
    return root


@pytest.fixture(autouse=True)
def here(world, monkeypatch):
    monkeypatch.chdir(world)
    quick_workers(monkeypatch)
    use(monkeypatch, world)
    yield
    plugins.forget()


def base():
    return ["--dataset=market1501", "--profile=smoke", "--data-root=market", "--workers=1"]


def call(patch, *words):
    patch.setattr(sys, "argv", ["ablate", *base(), *words])
    with pytest.raises(SystemExit) as end:
        main(ablate.app)
    return end.value.code


def result(root, name="rates"):
    return StudyResult.load(result_file(root / "runs", name, "smoke", "market1501"))


def finished(root):
    """Run directory name to when its record was written."""
    return {f.parent.name: f.stat().st_mtime_ns for f in root.glob("runs/studies/**/record.json")}


def nobody(*_):
    raise AssertionError("a worker was started")


def test_all_variants_share_one_parent(world):
    found = result(world)
    assert [v.status for v in found.variants] == ["finished", "finished"]
    assert [v.reference for v in found.variants] == [True, False]
    parents = {found.record(world / "runs", v.runs[0])[1].parent for v in found.variants}
    assert len(parents) == 1
    assert len(finished(world)) == 3


def test_a_finished_study_runs_nothing(world, monkeypatch):
    before = finished(world)
    monkeypatch.setattr(Crew, "work", nobody)
    assert call(monkeypatch, "--study=rates") == 0
    assert finished(world) == before


def test_dry_run_and_list_tell_what_is_left(world, monkeypatch, capsys):
    monkeypatch.setattr(Crew, "work", nobody)
    assert call(monkeypatch, "--study=rates", "--seeds=2", "--dry-run") == 0
    said = capsys.readouterr().out
    assert said.count("\nfinished") + said.startswith("finished") == 3
    assert said.count("to do  ") == 3
    assert "6 runs, 3 finished; 3 runs to do, about" in said
    assert call(monkeypatch, "--list") == 0
    listed = capsys.readouterr().out
    assert "Which learning rate do adapters want?" in listed
    assert "finished" in listed


def test_a_new_level_runs_alone_and_a_failure_stops_nothing(world, monkeypatch, capsys):
    before = finished(world)
    write_study(world, "more", "(1e-3, 3e-3, 1e30, 1e-4)")
    plugins.forget()
    assert call(monkeypatch, "--study=more") == 2
    said = capsys.readouterr()
    found = {v.label: v for v in result(world, "more").variants}
    assert found["0.0001"].status == "finished"
    assert found["1e+30"].status == "failed"
    assert "diverged" in found["1e+30"].reason
    assert "1 variants failed" in said.err
    after = finished(world)
    assert {k: after[k] for k in before} == before
    assert len(after) == len(before) + 1


def test_what_cannot_be_had_is_shown_with_its_reason(world, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    text = (world / "my_studies/rates.py").read_text()
    text = text.replace('"retrieval.text.encoder": "glove",', "")
    text = text.replace('{"retrieval.train.lr": (1e-3, 3e-3)}',
                        '{"retrieval.text.encoder": ("glove", "nobody/nothing")}')  # fmt: skip
    text = text.replace('{"retrieval.train.lr": 1e-3}', '{"retrieval.text.encoder": "glove"}')
    (world / "my_studies/words.py").write_text(text)
    plugins.forget()
    assert call(monkeypatch, "--study=words") == 0
    other = result(world, "words").variants[1]
    assert other.status == "unavailable"
    assert "nobody/nothing" in other.reason


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--study=ratse"], "did you mean rates?"),
        (["--study=rates", "--only=retrieval.train.lrr=1"], "did you mean retrieval.train.lr?"),
        (["--study=rates", "--only=retrieval.train.lr=7"], "unknown level"),
        (["--study=rates", "--only=lr"], "must be KEY=VALUE"),
        (["--study=rates", "--set=retrieval.train.lrr=1"], "did you mean"),
        (["--study=rates", "--storage=nodb://x"], "--storage"),
        ([], "--study is missing"),
    ],
)
def test_bad_words_give_one_line(monkeypatch, capsys, words, hint):
    assert call(monkeypatch, *words) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ")
    assert "\n" not in said
    assert hint in said


def test_only_cuts_a_study_down_but_not_its_result(world, monkeypatch):
    before = result_file(world / "runs", "rates", "smoke", "market1501").read_bytes()
    monkeypatch.setattr(Crew, "work", nobody)
    assert call(monkeypatch, "--study=rates", "--only=retrieval.train.lr=0.003") == 0
    assert result_file(world / "runs", "rates", "smoke", "market1501").read_bytes() == before


def test_killed_at_any_moment_it_goes_on(world, tmp_path, monkeypatch):
    """The whole command dies by ``kill -9`` in the middle of a run; finished ones stay."""
    words = ["--study=rates", "--runs", str(tmp_path / "runs"), "--seeds=2"]
    process = Fresh(command, world, *base(), *words)
    pattern = "studies/**/clear-retrieval-*/record.json"
    wait_until(lambda: list((tmp_path / "runs").glob(pattern)), lambda: process.alive)
    os.killpg(process.process.pid, signal.SIGKILL)
    assert process.wait() == -9
    before = finished(tmp_path)
    assert call(monkeypatch, *words) == 0
    after = finished(tmp_path)
    assert {k: after[k] for k in before} == before
    assert len(after) == 6
    for file in tmp_path.glob("runs/studies/**/record.json"):
        assert Record.load(file).status == "finished"


def test_a_search_spends_its_budget_and_sees_no_test_image(world, tmp_path, monkeypatch, capsys):
    words = ["--study=rates", "--runs", str(tmp_path / "runs"), "--search"]
    assert call(monkeypatch, *words, "--trials=3") == 0
    found = StudyResult.load(result_file(tmp_path / "runs", "rates", "smoke", "market1501")).search
    assert found is not None
    assert len(found.trials) == found.budget == 3
    best = max((t for t in found.trials if t.state == "complete"), key=lambda t: t.val)
    assert found.best == best.values
    runs = list((tmp_path / "runs").glob("studies/**/clear-retrieval-*"))
    recorded = [r for r in runs if (r / "record.json").exists()]
    assert len(runs) == 3  # the other trials have weights and a history, and nothing of test
    assert [r.name for r in recorded] == list(found.runs.values())
    monkeypatch.setattr(Crew, "work", nobody)
    assert call(monkeypatch, *words, "--trials=3") == 0


def test_mlflow_has_one_parent_and_nested_runs_with_the_factors(world):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{world / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("clear-bench-studies")
    runs = client.search_runs([experiment.experiment_id])
    parent = next(r for r in runs if r.data.tags.get("study") == "rates market1501 smoke")
    nested = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {frozenset(r.data.params) for r in nested} == {frozenset({"retrieval.train.lr"})}
    assert {json.dumps(r.data.params) for r in nested} == {
        '{"retrieval.train.lr": "0.001"}',
        '{"retrieval.train.lr": "0.003"}',
    }
