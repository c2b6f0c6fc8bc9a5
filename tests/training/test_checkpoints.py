"""The checkpoint selected on test: right, off by default, harmless, and safe from kill -9."""

import shutil
from dataclasses import replace

import pytest
import torch
from tiny import go, kill, numbers

from clear_bench.config.compose import compose
from clear_bench.config.plugins import load
from clear_bench.evaluate import again, differences
from clear_bench.runs.files import LAST, ORACLE, SELECTED
from clear_bench.runs.record import Record
from clear_bench.training.cache import Cache
from clear_bench.training.checkpoints import choose
from clear_bench.training.execute import task_of
from clear_bench.training.task import Measured

ON = {"protocol.oracle": True}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def world(market, trained, tmp_path_factory):
    """The same experiment without and with the oracle."""
    root = tmp_path_factory.mktemp("oracle")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return root, (trained.runs, trained.records), go(market, root / "on", ON)


def test_nothing_else_changes(world):
    _, (plain_runs, plain), (runs, records) = world
    for old, new in zip(plain, records, strict=True):
        assert set(old.metrics) == {"selected", "last"}
        assert set(new.metrics) == {"selected", "last", "oracle"}
        assert numbers(old)["history"] == numbers(new)["history"]
        assert old.metrics == {k: new.metrics[k] for k in ("selected", "last")}
        assert old.protocol == new.protocol
        assert old.run_id != new.run_id
        assert ORACLE in new.artefacts
    assert not [f for run in plain_runs for f in run.folder.glob("*oracle*")]
    assert not [f for run in runs for f in run.folder.glob("*epoch-*")]


@pytest.mark.parametrize(("same", "times"), [(True, 1), (False, 2)])
def test_weights_of_two_names_are_measured_once(trained, tmp_path, monkeypatch, same, times):
    """The selected epoch is often the last one."""
    run = replace(trained.runs[0], home=tmp_path / trained.runs[0].folder.name)
    shutil.copytree(trained.runs[0].folder, run.folder)
    if same:
        shutil.copy(run.folder / LAST, run.folder / SELECTED)
    task, seen = task_of(run, Cache(tmp_path / "cache")), []

    def measure(model):
        seen.append(model)
        return Measured({"test": {"mA": float(len(seen))}}, dict)

    monkeypatch.setattr(task, "measure", measure)
    found = task.remeasure()
    assert set(found) == {"selected", "last"}
    assert len(seen) == times
    assert (found["selected"] == found["last"]) == same


def test_it_is_the_best_epoch_on_test(world):
    for record in world[2][1]:
        metric = record.config["protocol"][f"select_{record.task}"]
        test = {name: found["test"][metric] for name, found in record.metrics.items()}
        assert test["oracle"] >= max(test.values())
        assert 1 <= record.oracle_epoch <= len(record.history)
        row = record.history[record.oracle_epoch - 1]
        assert record.metrics["oracle"]["val"][metric] == row[metric]


def test_the_first_of_the_best_epochs_is_chosen(tmp_path, monkeypatch):
    """Against the definition, with the metric of each epoch given."""
    from clear_bench.training import checkpoints as oracle

    monkeypatch.setattr(oracle, "load", lambda model, file: int(file.stem[-4:]))
    values = {1: 0.3, 2: 0.7, 3: 0.7, 4: 0.1}
    for epoch in values:
        torch.save({"meta": {"epoch": epoch}}, tmp_path / f"epoch-{epoch:04d}.pth")
    assert choose(tmp_path, {}, values.get) == 2
    assert [f.name for f in tmp_path.iterdir()] == [ORACLE]
    torch.save({}, tmp_path / "epoch-0003.pth")  # as if it had died while it deleted
    assert choose(tmp_path, {}, {}.get) == 2
    assert [f.name for f in tmp_path.iterdir()] == [ORACLE]


def test_evaluation_agrees_with_the_record(world, market):
    root, _, (runs, records) = world
    for run, record in zip(runs, records, strict=True):
        found = again(run.folder, root / "on", market, Cache(root / "cache"))
        assert differences(record.metrics, found) == []
        assert set(found) == {"selected", "last", "oracle"}


@pytest.mark.parametrize(("where", "number"), [("save", 5), ("load", 2)])
def test_killed_and_resumed_is_as_never_interrupted(market, world, where, number):
    """Killed before epoch 2's weights have their name, and while epochs are measured on test."""
    kill(market, where, number, ON)
    from pathlib import Path

    runs, records = go(market, Path("runs"), ON)
    assert [numbers(r) for r in records] == [numbers(r) for r in world[2][1]]
    assert [r.oracle_epoch for r in records] == [r.oracle_epoch for r in world[2][1]]
    for run, straight in zip(runs, world[2][0], strict=True):
        ours, theirs = (
            torch.load(r.folder / ORACLE, weights_only=True)["state_dict"] for r in (run, straight)
        )
        assert all(torch.equal(ours[k], theirs[k]) for k in theirs)
    assert not [f for run in runs for f in run.folder.glob("*epoch-*")]


def test_a_method_that_learns_nothing_has_no_oracle(market):
    from pathlib import Path

    from clear_bench.training.execute import execute
    from clear_bench.training.plan import plan

    runs = plan("chance", "market1501", "smoke", 0, ON, root=Path("runs"), data_root=market)
    assert {name for r in execute(runs, Cache(Path("cache"))) for name in r.metrics} == {"selected"}


def test_it_is_off_by_default_and_older_records_have_none():
    assert compose("clear", "market1501")["protocol"]["oracle"] is False
    old = Record(run_id="x", status="finished", method="m", task="recognition", dataset="d",
                 profile="p", seed=0, protocol="", config={}, code_hash="")  # fmt: skip
    assert old.oracle_epoch == 0


def test_the_study_trains_one_run_a_seed():
    variants = list(load("study", "selection_bias").STUDY.variants())
    assert [v.checkpoint for v in variants] == ["selected", "last", "oracle"]
    assert all(v.overrides == {"protocol.oracle": True} for v in variants)
