"""Runs side by side: same numbers as one after the other, failures told at the end."""

from pathlib import Path

import pytest
from fresh import quick_workers
from tiny import TINY, numbers

from clear_bench.runs.record import Record
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.parallel import execute_all
from clear_bench.training.plan import plan
from clear_bench.training.workers import workers_for
from clear_bench.utils.errors import UserError


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    (root / "market").symlink_to(market)
    return root


def planned(world, runs, seeds=(0, 1), **changes):
    overrides = TINY | {"recognition.train.epochs": 2, "retrieval.train.epochs": 1} | changes
    return [
        run
        for seed in seeds
        for run in plan("clear", "market1501", "smoke", seed, overrides,
                        root=world / runs, data_root=world / "market")
    ]  # fmt: skip


def test_side_by_side_is_as_one_after_the_other(world, monkeypatch, capsys):
    monkeypatch.chdir(world)
    quick_workers(monkeypatch)  # how processes really start: tests/training/test_workers.py
    together = execute_all(planned(world, "together"), Cache(Path("a")), 2)
    told = capsys.readouterr().err
    assert "4 runs, 0 finished before, 2 side by side" in told
    ended = [line for line in told.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in ended] == [f"[{n}/4" for n in (1, 2, 3, 4)]
    assert all(line.endswith((" left", "no estimate yet")) for line in ended), ended
    alone = execute(planned(world, "alone"), Cache(Path("b")))
    assert [r.run_id for r in together] == [r.run_id for r in alone]
    assert [numbers(r) for r in together] == [numbers(r) for r in alone]
    execute_all(planned(world, "together"), Cache(Path("a")), 2)
    assert "4 runs, 4 finished before" in capsys.readouterr().err


def test_one_failure_does_not_stop_the_rest(world, monkeypatch):
    monkeypatch.chdir(world)
    quick_workers(monkeypatch)
    wild = {"recognition.train.lr": 1e30, "recognition.train.clip_norm": 1e30}
    runs = planned(world, "mixed", (0,), **wild) + planned(world, "mixed", (1,))
    with pytest.raises(UserError, match=r"2 runs failed: .*loss is.*its parent failed"):
        execute_all(runs, Cache(Path("c")), 2)
    assert [run.finished for run in runs] == [False, False, True, True]
    assert Record.load(runs[0].folder).status == "failed"


def test_an_experiment_needs_one_process_and_a_core_each(world, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert workers_for(planned(world, "none", (0,)), 0) == 1
    assert workers_for(planned(world, "none", (0, 1, 2)), 0) == 3
    assert workers_for(planned(world, "none", (0, 1, 2), threads=4), 0) == 2
