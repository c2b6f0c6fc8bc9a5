"""MLflow's half-made state: the mirror makes it whole, or says in one line that it cannot."""

import socket
import sqlite3
import time
from contextlib import closing

import pytest
from fake_runs import fake_pair, fake_run, fake_study
from fresh import quick_workers

from clear_bench.runs.files import folders_of_runs
from clear_bench.training import mirror as module
from clear_bench.training import mlflow_content, mlflow_mirror, mlflow_runs
from clear_bench.training.mirror import Mirror, mirror_all
from clear_bench.utils.errors import Unavailable, UserError


@pytest.fixture
def store(tmp_path, monkeypatch, empty_store):
    """The usual store, empty, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    quick_workers(monkeypatch)
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_store)
    return file


def sent(file):
    """Record id to MLflow's runs of it."""
    client = mlflow_mirror._client(f"sqlite:///{file}")
    experiment = client.get_experiment_by_name(mlflow_runs.EXPERIMENT)
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        found.setdefault(run.data.tags["record"].partition("@")[0], []).append(run)
    return found


def folder_of(root):
    return next(folders_of_runs(root))


def test_everything_is_sent_once(store, tmp_path):
    for record in fake_pair(tmp_path / "runs"):
        assert record
    fake_study(tmp_path / "runs", "embeddings")
    count, new = mirror_all(tmp_path / "runs")
    assert count == new > 2
    assert mirror_all(tmp_path / "runs") == (count, 0)
    assert all(
        len(runs) == 1 and runs[0].info.status == "FINISHED" for runs in sent(store).values()
    )
    assert not list(tmp_path.glob(".*"))


def test_a_run_without_its_metrics_is_gone_on_with(store, tmp_path):
    """As one that was killed between creating it and its metrics, or in the middle of these."""
    record = fake_run(tmp_path / "runs")
    folder = folder_of(tmp_path / "runs")
    address = mlflow_mirror.store()
    client = mlflow_mirror._client(address)
    experiment = client.create_experiment(mlflow_runs.EXPERIMENT)
    key = {"record": mlflow_content.key_of(record)}
    begun = client.create_run(experiment, run_name=record.run_id, tags=key).info.run_id
    points = [*mlflow_content.epochs_of(record)][:2]
    mlflow_mirror.log_points(client, begun, [*points, mlflow_content.results_of(record)[:3]])
    assert mlflow_runs.send_record(address, folder)
    assert not mlflow_runs.send_record(address, folder)
    (run,) = sent(store)[record.run_id]
    assert (run.info.run_id, run.info.status) == (begun, "FINISHED")
    assert run.data.metrics["selected.test.mA"] == record.metrics["selected"]["test"]["mA"]
    history = client.get_metric_history(begun, "epoch.mA")
    assert len(history) == len(record.history), "a value is there twice"


@pytest.mark.parametrize("state", ["empty", "garbage", "tables", "half"])
def test_a_half_made_store_is_made_whole(store, state):
    if state in ("empty", "garbage"):
        store.write_bytes(b"" if state == "empty" else b"no database" * 1000)
    else:
        with closing(sqlite3.connect(store)) as base:
            if state == "tables":  # as after the first of many steps
                base.execute("DROP TABLE alembic_version")
            else:  # the migration's column is there and its mark is not: "duplicate column name"
                base.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
            base.execute("DROP TABLE IF EXISTS trace_info")
            base.commit()
    mlflow_mirror.open_store(mlflow_mirror.store())
    mlflow_mirror._ask(mlflow_mirror.store())
    assert [f.name for f in store.parent.glob(".*")] == []


def test_a_store_that_holds_runs_is_never_set_aside(store, tmp_path):
    fake_run(tmp_path / "runs")
    mlflow_runs.send_record(mlflow_mirror.store(), folder_of(tmp_path / "runs"))
    with closing(sqlite3.connect(store)) as base:
        base.execute("UPDATE alembic_version SET version_num = 'of_the_future'")
        base.commit()
    other = store.rename(tmp_path / "other.db")  # MLflow looks at one of a name once a process
    before = other.read_bytes()
    with pytest.raises(Unavailable, match="of_the_future"):
        mlflow_mirror.open_store(f"sqlite:///{other}")
    assert other.read_bytes() == before
    assert not list(tmp_path.glob("*.unusable"))


@pytest.fixture
def silent():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_costs_seconds_and_one_line(
    store, tmp_path, silent, monkeypatch, capsys
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter2@127.0.0.1:{silent}")
    monkeypatch.setattr(module, "SILENCE", 1.0)
    fake_run(tmp_path / "runs")
    folder = folder_of(tmp_path / "runs")
    with Mirror() as mirror:
        mirror.runs([])
        began = time.monotonic()
        mirror.runs([folder, folder])
        mirror.runs([folder])
        assert mirror.failure
    assert time.monotonic() - began < 60
    said = capsys.readouterr().err
    assert said.count("warning: not mirrored") == said.count("\n") == 1
    assert "record mirror" in said and "hunter2" not in said
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(module, "SILENCE", 60.0)  # on a busy machine the usual store takes its time
    assert mirror_all(tmp_path / "runs") == (1, 1)


def test_nobody_there_is_one_line_too(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    fake_run(tmp_path / "runs")
    with Mirror() as mirror:
        mirror.runs([folder_of(tmp_path / "runs")])
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(UserError, match="MLflow: http"):
        mirror_all(tmp_path / "runs")


def test_a_lock_that_another_holds_does_not_block(store, monkeypatch):
    from clear_bench.utils.locks import locked

    monkeypatch.setattr(mlflow_mirror, "WAIT", 0.5)
    with locked(store.with_name(".mlflow.db.lock")), pytest.raises(Unavailable, match="another"):
        mlflow_mirror.open_store(mlflow_mirror.store())


def test_a_bug_of_ours_shows(store):
    with Mirror() as mirror, pytest.raises(ValueError, match="invalid literal"):
        mirror._call(int, "no number")
