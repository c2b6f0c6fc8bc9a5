"""Runs in MLflow while they are made: open at once, each epoch as it ends, one whatever happens.

The store is a file of this test and is written to by direct calls; that a process of its own does
so in a command is held by `test_mirror.py`.
"""

import json
import os
import time
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from fresh import quick_workers

from clear_bench.config.compose import compose
from clear_bench.data.dataset import Dataset
from clear_bench.data.schema import Attribute, Schema
from clear_bench.runs.attempts import MAKING, begin_attempt, forget_attempts, read_attempts
from clear_bench.runs.files import ATTEMPTS, HISTORY
from clear_bench.runs.run import Run
from clear_bench.training import mlflow_mirror, mlflow_runs
from clear_bench.training.follower import Follower
from clear_bench.training.mirror import Mirror
from clear_bench.utils import processes

SCHEMA = Schema((Attribute("hat", "wearing", "a hat", "no hat"),))


class Direct(Mirror):
    """Calls what the other process would."""

    def _begin(self):
        pass

    def _call(self, function, *args):
        return function(*args)


@pytest.fixture
def store(tmp_path, monkeypatch, empty_store):
    """The usual store, empty, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    return mlflow_mirror.store()


@pytest.fixture
def run(tmp_path):
    """A run of which nothing is there yet."""
    table = pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "split": ["train", "val", "test"],
                          "person": "0", "camera": "", "hat": np.zeros(3, np.uint8)})  # fmt: skip
    data = Dataset("synthped", "a", "b", tmp_path, SCHEMA, table)
    data.__dict__["fingerprint"] = "0123456789abcdef"  # no files
    config = compose("clear", "synthped", "default", 0, {"recognition.train.epochs": 4})
    return Run(config, "recognition", data, tmp_path / "runs")


def rows(epochs):
    each = {"seconds": 2.0, "mA": 0.5}
    return [{"epoch": float(e), "loss": 1 / e, **each} for e in range(1, epochs + 1)]


def advance(run, epochs):
    """Let epochs of a run end."""
    (run.folder / HISTORY).write_text(json.dumps(rows(epochs)))


def finish(run, epochs=4, **known):
    """Let a run end as `execute` does."""
    note = read_attempts(run.folder)
    table = {"name": ["hat"], "positives": [1], "mA": [0.7]}
    metrics = {"selected": {"val": {"mA": 0.5}, "test": {"mA": 0.625}}}
    known = {"status": "finished", "metrics": metrics, "per_attribute": table} | known
    record = run.record(
        history=rows(epochs), cost={"wall_seconds": 8.0}, provenance={MAKING: note.making}, **known
    )
    record.save(run.folder)
    forget_attempts(run.folder)


def shown(store):
    """Return the runs of MLflow."""
    client = mlflow_mirror._client(store)
    experiment = client.get_experiment_by_name(mlflow_runs.EXPERIMENT)
    return client.search_runs([experiment.experiment_id]) if experiment else []


def epochs_in(store, run):
    client = mlflow_mirror._client(store)
    return [m.step for m in client.get_metric_history(run.info.run_id, "epoch.mA")]


def follower_of(run, mirror):
    follower = Follower(mirror.progress, lambda folder: mirror.runs([folder]))
    follower.add([run])
    return follower


def begin(run):
    run.folder.mkdir(parents=True, exist_ok=True)
    return begin_attempt(run.folder)


def test_it_opens_at_the_start_gets_each_epoch_and_ends_with_the_record(store, run):
    follower = follower_of(run, Direct())
    follower.look()
    assert shown(store) == []
    note = begin(run)
    follower.look()
    (opened,) = shown(store)
    assert (opened.info.status, opened.info.run_name) == ("RUNNING", run.id)
    assert opened.info.start_time == round(note.began * 1000)
    assert opened.data.params["recognition.train.epochs"] == "4"
    assert "recognition.model.dim" in opened.data.params
    assert opened.data.tags["mlflow.source.name"] and opened.data.tags["mlflow.source.type"]
    (read,) = opened.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("synthped", "01234567")
    assert json.loads(read.dataset.profile)["train_images"] == 1
    for epochs in (1, 3):
        advance(run, epochs)
        follower.look()
        follower.look()
        (going,) = shown(store)
        assert going.info.status == "RUNNING"
        assert epochs_in(store, going) == list(range(1, epochs + 1))
    finish(run)
    follower.look()
    (done,) = shown(store)
    assert (done.info.run_id, done.info.status) == (opened.info.run_id, "FINISHED")
    assert done.data.metrics["selected.test.mA"] == 0.625
    assert epochs_in(store, done) == [1, 2, 3, 4]
    end = datetime.fromisoformat(run.found().finished_at).timestamp()
    assert done.info.end_time == pytest.approx(end * 1000, abs=2)
    client = mlflow_mirror._client(store)
    drawn = {file.path for file in client.list_artifacts(done.info.run_id, "figures")}
    assert drawn == {"figures/curves.png", "figures/attributes.png"}
    assert not mlflow_runs.send_record(store, run.folder)


def test_a_resumed_run_goes_on_in_the_same_one(store, run):
    first = begin(run)
    with Direct() as mirror:
        mirror.follower = follower_of(run, mirror)
        advance(run, 2)
        mirror.follower.look()
        mirror.follower.start()
    (failed,) = shown(store)
    assert failed.info.status == "FAILED", "it ended without a record"
    assert begin(run).making == first.making
    follower = follower_of(run, Direct())
    follower.look()
    advance(run, 3)
    follower.look()
    (again,) = shown(store)
    assert (again.info.run_id, again.info.status) == (failed.info.run_id, "RUNNING")
    assert again.info.start_time == round(first.began * 1000)
    assert epochs_in(store, again) == [1, 2, 3]
    finish(run)
    follower.look()
    assert [r.info.status for r in shown(store)] == ["FINISHED"]


def test_one_that_is_made_anew_is_another(store, run):
    follower = follower_of(run, Direct())
    for _ in range(2):
        begin(run)
        follower.look()
        finish(run)
        follower.look()
    assert [r.info.status for r in shown(store)] == ["FINISHED", "FINISHED"]


def test_a_diverged_run_fails(store, run):
    begin(run)
    follower = follower_of(run, Direct())
    follower.look()
    finish(run, 2, status="failed", reason="loss is nan", metrics={}, per_attribute={})
    follower.look()
    (failed,) = shown(store)
    assert (failed.info.status, failed.data.tags["reason"]) == ("FAILED", "loss is nan")


@pytest.mark.parametrize("recorded", [False, True])
def test_what_a_killed_command_left_is_made_right(store, run, recorded, monkeypatch):
    """``kill -9`` after the run was opened, or after its record was written."""
    begin(run)
    dead = f"{processes.mark().rsplit('-', 1)[0]}-1"  # of an earlier process of our number
    monkeypatch.setattr(mlflow_runs, "mark", lambda: dead)
    follower_of(run, Direct()).look()
    monkeypatch.undo()
    os.chdir(run.root.parent)
    if recorded:
        finish(run)
    mlflow_runs.open_store(store)
    (left,) = shown(store)
    assert left.info.status == "KILLED" and left.info.end_time >= left.info.start_time
    if recorded:
        assert mlflow_runs.send_record(store, run.folder)
        (left,) = shown(store)
        assert left.info.status == "FINISHED" and left.data.metrics["selected.test.mA"] == 0.625


def test_two_commands_show_one_run_once(store, run, monkeypatch):
    begin(run)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_runs, "mark", lambda: processes._mark(os.getppid()))
        assert follower_of(run, Direct()).look() is None
    second = follower_of(run, Direct())
    second.look()
    assert second.unfinished(look=False) == [], "it is not this one's to end"
    mlflow_runs.open_store(store)
    assert [r.info.status for r in shown(store)] == ["RUNNING"]
    finish(run)
    second.look()
    assert [r.info.status for r in shown(store)] == ["FINISHED"]


def test_of_another_machine_a_day_of_silence_counts(store, run, monkeypatch):
    begin(run)
    monkeypatch.setattr(mlflow_runs, "mark", lambda: "elsewhere-1-1")
    follower_of(run, Direct()).look()
    for ahead, status in ((0, "RUNNING"), (mlflow_runs.DAY + 60_000, "KILLED")):
        later = time.time() + ahead / 1000
        monkeypatch.setattr(mlflow_runs.time, "time", lambda later=later: later)
        mlflow_runs.open_store(store)
        assert [r.info.status for r in shown(store)] == [status]


def test_parameters_are_all_there_and_what_was_cut_is_said(store):
    client = mlflow_mirror._client(store)
    experiment = mlflow_mirror.experiment_of(client, mlflow_runs.EXPERIMENT)
    run_id = client.create_run(experiment).info.run_id
    values = {"a": {f"k{n}": n for n in range(250)}, "none": {}, "long": "x" * 7000}
    mlflow_mirror.log_parameters(client, run_id, values, {})
    found = client.get_run(run_id).data
    assert len(found.params) == 252
    assert len(found.params["long"]) == 6000 and found.params["long"].endswith("x..")
    assert found.tags["clipped"] == "long" and found.params["none"] == "{}"
    mlflow_mirror.log_parameters(client, run_id, values | {"none": 1}, found.params)
    assert client.get_run(run_id).data.tags["then.none"] == "1"


def test_a_command_that_is_stopped_leaves_it_killed(store, run, monkeypatch):
    """With the process of its own, and its thread."""
    quick_workers(monkeypatch)
    begin(run)
    with pytest.raises(KeyboardInterrupt), Mirror() as mirror:
        mirror.follow([run])
        for _ in range(600):
            if shown(store):
                break
            time.sleep(0.1)
        raise KeyboardInterrupt
    (left,) = shown(store)
    assert left.info.status == "KILLED"
    assert (run.folder / ATTEMPTS).is_file()
