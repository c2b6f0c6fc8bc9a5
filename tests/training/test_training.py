"""Properties of a run: the same bits again, exact resume after kill -9, a stop at NaN."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fresh import Fresh
from tiny import go, kill, numbers, words

from clear_bench.engine import distributed
from clear_bench.engine.distributed import join, share_of_batch
from clear_bench.runs.record import Record
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.utils.errors import UserError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """MLflow's store and everything else goes to a folder of the test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def reference(trained):
    """The runs and records of an experiment that nothing interrupted."""
    return trained.runs, trained.records


def test_two_runs_are_equal_bit_for_bit(market, reference, tmp_path):
    runs, records = go(market, tmp_path / "again")
    for old, new, old_run, new_run in zip(reference[1], records, reference[0], runs, strict=True):
        assert old.run_id == new.run_id
        assert numbers(old) == numbers(new)
        for name in ("selected.pth", "last.pth"):
            a, b = (
                torch.load(r.folder / name, weights_only=True)["state_dict"]
                for r in (old_run, new_run)
            )
            assert a.keys() == b.keys()
            assert all(torch.equal(a[k], b[k]) for k in a)


def test_decoding_for_every_batch_gives_the_same_numbers(market, reference, tmp_path):
    _, records = go(market, tmp_path / "runs", {"data.keep_pixels": False})
    assert [numbers(r) for r in records] == [numbers(r) for r in reference[1]]
    assert not list(Path("cache").rglob("pixels.npy"))


def test_another_seed_is_another_run(market, reference, tmp_path):
    _, records = go(market, tmp_path / "runs", {"retrieval.train.epochs": 1}, seed=1)
    assert records[0].run_id != reference[1][0].run_id
    assert records[0].history[0]["loss"] != reference[1][0].history[0]["loss"]


@pytest.mark.parametrize(("where", "number"), [("step", 3), ("save", 4), ("step", 10)])
def test_killed_and_resumed_is_as_never_interrupted(market, reference, tmp_path, where, number):
    """Killed inside epoch 2, between two checkpoints of one epoch, and inside retrieval."""
    kill(market, where, number)
    runs, records = go(market, Path("runs"))
    assert [numbers(r) for r in records] == [numbers(r) for r in reference[1]]
    assert not list(Path("runs").rglob("*.tmp*"))
    assert all(run.finished for run in runs)


def test_averaged_weights_and_plateau_resume_exactly_too(market, reference, tmp_path):
    changed = {"recognition.train.ema": 0.2, "recognition.train.schedule": "plateau"}
    changed |= {"retrieval.train.ema": 0.2, "retrieval.train.epochs": 2}
    _, straight = go(market, tmp_path / "straight", changed)
    kill(market, "step", 4, changed)
    _, resumed = go(market, Path("runs"), changed)
    assert [numbers(r) for r in resumed] == [numbers(r) for r in straight]
    assert numbers(straight[0]) != numbers(reference[1][0])


def shared_by_two(said):
    """Check the records of a run that two processes shared, and what these said."""
    records = [Record.load(file) for file in sorted(Path("runs").rglob("record.json"))]
    assert [r.task for r in records] == ["recognition", "retrieval"]
    for record in records:
        assert record.cost["processes"] == 2
        assert len(record.history) == 3
        assert record.metrics["selected"]["test"]
    assert said.count("recognition, test") == 1  # one process speaks


def test_two_processes_share_one_run(market, tmp_path, monkeypatch):
    """Two that find what torchrun sets; torchrun itself takes long to start."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    both = []
    for rank in ("0", "1"):
        found = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        for name, value in (found | {"RANK": rank, "LOCAL_RANK": rank}).items():
            monkeypatch.setenv(name, value)
        both.append(Fresh(tiny.command, "--launcher=pytorch", *words(market)))
    assert [one.wait() for one in both] == [0, 0], [one.said() for one in both]
    shared_by_two("".join(one.said() for one in both))


@pytest.mark.slow
def test_two_processes_of_torchrun_share_one_run(market, tmp_path):
    command = ["torchrun", "--standalone", "--nproc-per-node=2", "-m", "clear_bench.train",
               "--launcher=pytorch", *words(market)]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    shared_by_two(done.stdout)


def test_a_batch_that_cannot_be_shared_is_said(monkeypatch):
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: 3)
    assert share_of_batch(63) == 21
    with pytest.raises(UserError, match="set a multiple of 3"):
        share_of_batch(64)


def test_launchers_that_did_not_launch_are_said(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="unknown launcher 'pytorhc'; did you mean pytorch"):
        join("pytorhc")
    with pytest.raises(UserError, match="start it with torchrun"):
        join("pytorch")
    with pytest.raises(UserError, match="start it with srun"):
        join("slurm")


@pytest.mark.parametrize(
    "change",
    [{"recognition.model.heads": 3}, {"data.image_size": [8, 8]}, {"recognition.model.depth": -1},
     {"retrieval.model.dropout": 2.0}, {"retrieval.model.depth": -1}],
)  # fmt: skip
def test_impossible_sizes_are_one_line(market, tmp_path, change):
    with pytest.raises(UserError) as caught:
        go(market, tmp_path / "runs", {"recognition.train.epochs": 2, **change})
    assert "\n" not in str(caught.value)


def test_finished_is_not_run_again(market, reference, capsys, monkeypatch):
    runs, _ = reference
    before = [(r.folder / "record.json").stat().st_mtime_ns for r in runs]
    execute(runs, Cache(Path("cache")))
    assert [(r.folder / "record.json").stat().st_mtime_ns for r in runs] == before


def test_selected_is_the_best_val_epoch_and_both_are_reported(reference):
    for run, record in zip(*reference, strict=True):
        metric = record.config["protocol"][f"select_{record.task}"]
        values = [row[metric] for row in record.history]
        assert record.selected_epoch == 1 + int(np.argmax(values))
        assert set(record.metrics) == {"selected", "last"}
        assert record.metrics["selected"]["val"][metric] == max(values)
        assert record.metrics["last"]["val"][metric] == values[-1]
        for name in ("selected.pth", "last.pth", "predictions.npz"):
            assert name in record.artefacts
            assert (run.folder / name).is_file()


def test_nan_stops_with_step_rate_and_images(market, tmp_path):
    with pytest.raises(UserError, match="loss is") as caught:
        wild = {"lr": 1e30, "warmup_epochs": 0, "clip_norm": 1e30, "schedule": "constant"}
        go(market, tmp_path / "runs", {f"recognition.train.{k}": v for k, v in wild.items()})
    text = str(caught.value)
    assert "learning rate 1e+30" in text
    assert "bounding_box_train/" in text
    record = next((tmp_path / "runs").rglob("record.json"))
    assert Record.load(record).status == "failed"


def test_checkpoints_hold_nothing_but_data(reference):
    for run in reference[0]:
        for name in ("selected.pth", "last.pth"):
            content = torch.load(run.folder / name, weights_only=True)
            assert content["message_hub"]["log_scalars"] == {}


def test_a_poisoned_checkpoint_is_refused(market, reference, tmp_path):
    from clear_bench.engine.building import load
    from clear_bench.training.model_config import config_for_weights

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    torch.save({"state_dict": Evil()}, tmp_path / "bad.pth")
    run = reference[0][0]
    with pytest.raises(UserError, match="not a checkpoint"):
        load(config_for_weights(run), tmp_path / "bad.pth")
    assert not (tmp_path / "owned").exists()
