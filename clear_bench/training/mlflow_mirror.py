"""Records and studies as MLflow's runs.  The record on disk is the truth; this can be made again.

Everything here is called in a process of its own, see `clear_bench.training.mirror`.  What is sent
is complete or is sent again: a run of MLflow counts once it has ended, all that it holds follows
from the record (its times too), and one that was begun by a process that died is gone on with.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import Timeout

from clear_bench.config.dotted import flatten
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import StudyResult
from clear_bench.utils.errors import Unavailable
from clear_bench.utils.files import sweep_folder, written_whole
from clear_bench.utils.locks import locked
from clear_bench.utils.secrets import masked

EXPERIMENT = "clear-bench"
STUDIES = f"{EXPERIMENT}-studies"
SQLITE = "sqlite:///"
WAIT = 10.0  # seconds for another process that sends
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
         "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"}  # fmt: skip
"""No long waits; and no connection is kept, so that a file may take another's place."""

LIMIT = 100  # parameters of one batch, as the server has it
MANY = 1000  # the same of metrics
ENDED = ("FINISHED", "FAILED")


def store() -> str:
    """Return the default store: a SQLite file in the current directory, by its full path."""
    return f"{SQLITE}{Path.cwd() / 'mlflow.db'}"


def prepare() -> None:
    """Import what it takes, which is slow and asks nobody."""
    for name, value in QUICK.items():
        os.environ.setdefault(name, value)
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    for logger in ("mlflow", "alembic"):  # they announce every table they create
        logging.getLogger(logger).setLevel(logging.CRITICAL)


def open_store(address: str) -> None:
    """Make sure that a store can be used: one that is not there is made, whole or not at all.

    A SQLite file that nothing can be done with, or that was half-made and holds no run, is set
    aside and made again; one that holds runs is left alone whatever its state.

    Raises:
        Unavailable: If it cannot be used.
    """
    file = Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None
    with _explained(), _alone(file):
        if file is None:
            _ask(address)
            return
        sweep_folder(file.parent)
        if not file.is_file() or not file.stat().st_size:
            _make(file)
        try:
            _ask(address)
        except Exception:  # of whatever kind: what was half-made breaks anywhere inside MLflow
            if _holds_runs(file):
                raise
            file.replace(file.with_name(f"{file.name}.unusable"))
            print(f"{file}: no usable store of MLflow; set aside as {file.name}.unusable")
            _make(file)


def _ask(address: str) -> None:
    """Ask a store something."""
    _client(address).search_experiments(max_results=1)


def _make(file: Path) -> None:
    """Make an empty store, which MLflow does in many steps, under another name."""
    with written_whole(file, durable=True) as unfinished:
        _ask(f"{SQLITE}{unfinished}")


def _holds_runs(file: Path) -> bool:
    """Return whether a file is a store of MLflow with anything in it."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=WAIT)) as base:
            return bool(base.execute("SELECT 1 FROM runs LIMIT 1").fetchone())
    except sqlite3.DatabaseError as error:
        nothing = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # no database, no such table
        return error.sqlite_errorcode not in nothing


def send_record(address: str, folder: Path) -> bool:
    """Send a record, unless the store has it, and return whether it was sent.

    It becomes one run: parameters, curves, final metrics, the record itself.

    Raises:
        Unavailable: If the store cannot be used.
    """
    record = Record.load(folder)
    with _explained(), _alone(_file_of(address)):
        client = _client(address)
        experiment = _experiment(client, EXPERIMENT)
        found = client.search_runs([experiment], f"tags.record = '{_key(record)}'", max_results=1)
        if found and found[0].info.status in ENDED:
            return False
        tags = {"record": _key(record), "status": record.status, "protocol": record.protocol,
                "parent": record.parent}  # fmt: skip
        run_id = _run(client, experiment, found, record.run_id, tags)
        _fill(client, run_id, dict(flatten(record.config)), _metrics(record))
        text = json.dumps(record.model_dump(mode="json"), indent=1)
        client.log_text(run_id, masked(text), RECORD)
        status = "FINISHED" if record.status == "finished" else "FAILED"
        client.set_terminated(run_id, status, end_time=_when(record))
        return True


def send_study(address: str, result: StudyResult, root: Path) -> bool:
    """Send a study as one parent run with a nested run a variant and seed; whether there were new.

    The nested runs' parameters are exactly the factors, so that MLflow's comparison shows them.

    Raises:
        Unavailable: If the store cannot be used.
    """
    from mlflow.entities import Metric

    new = False
    with _explained(), _alone(_file_of(address)):
        client = _client(address)
        experiment = _experiment(client, STUDIES)
        name = f"{result.study} {result.dataset} {result.profile}"
        parents = client.search_runs([experiment], f"tags.study = '{name}'", max_results=1)
        parent = _run(
            client, experiment, parents, name, {"study": name, "question": result.question}
        )
        sent = _nested(client, experiment, parent)
        for variant in result.variants:
            for seed, run_id in sorted(variant.runs.items()):
                record = result.record(root, run_id, variant.method)[1]
                key = f"{variant.label} {_key(record)}"
                old = sent.get(key)
                if old and old.info.status in ENDED:
                    continue
                tags = {"mlflow.parentRunId": parent, "variant": key, "run": run_id}
                title = f"{variant.label}, seed {seed}"
                child = _run(client, experiment, [old] if old else [], title, tags)
                tests = record.metrics[variant.checkpoint]["test"]
                metrics = [Metric(k, v, _when(record), 0) for k, v in tests.items()]
                _fill(client, child, variant.levels, metrics)
                client.set_terminated(child, end_time=_when(record))
                new = True
        client.set_terminated(parent)
    return new


def _nested(client: Any, experiment: str, parent: str) -> dict[str, Any]:
    """Return the runs under a study's by their variant."""
    query = f"tags.`mlflow.parentRunId` = '{parent}'"
    found: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs([experiment], query, max_results=MANY, page_token=token)
        found |= {run.data.tags["variant"]: run for run in page}
        token = page.token
        if not token:
            return found


def _run(client: Any, experiment: str, found: Any, name: str, tags: Mapping[str, str]) -> str:
    """Return the id of a run: the one that was found, or a new one."""
    if found:
        return str(found[0].info.run_id)
    return str(client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id)


def _fill(client: Any, run_id: str, values: Mapping[str, Any], metrics: list[Any]) -> None:
    """Log parameters and metrics; what was logged before is the same and stays once."""
    from mlflow.entities import Param

    params = [Param(k, masked(str(v))[:500]) for k, v in values.items()]
    for start in range(0, len(metrics), MANY):
        client.log_batch(run_id, metrics=metrics[start : start + MANY])
    for start in range(0, len(params), LIMIT):
        client.log_batch(run_id, params=params[start : start + LIMIT])


def _metrics(record: Record) -> list[Any]:
    """Return all numbers of a record as MLflow's, at the time that the record says."""
    from mlflow.entities import Metric

    now = _when(record)
    metrics = [
        Metric(f"{checkpoint}.{split}.{name}", value, now, 0)
        for checkpoint, splits in record.metrics.items()
        for split, values in splits.items()
        for name, value in values.items()
    ]
    metrics += [
        Metric(f"epoch.{name}", value, now, int(row["epoch"]))
        for row in record.history
        for name, value in row.items()
        if name != "epoch"
    ]
    return metrics + [
        Metric(f"cost.{k}", float(v), now, 0)
        for k, v in record.cost.items()
        if isinstance(v, int | float) and not isinstance(v, bool)
    ]


def _when(record: Record) -> int:
    """Return when a record was made, in milliseconds."""
    text = record.finished_at
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


def _client(address: str) -> Any:
    """Return a client of a store."""
    from mlflow import MlflowClient

    return MlflowClient(address)


def _experiment(client: Any, name: str) -> str:
    """Return the id of an experiment of ours."""
    experiment = client.get_experiment_by_name(name)
    return str(experiment.experiment_id if experiment else client.create_experiment(name))


def _key(record: Record) -> str:
    """Return what tells one making of a run from another."""
    return f"{record.run_id}@{record.finished_at}"


def _file_of(address: str) -> Path | None:
    """Return the file of a SQLite store."""
    return Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None


@contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Let one process at a time write to a SQLite store; a server sees to that itself.

    Raises:
        Unavailable: If another is at it for long.
    """
    if file is None:
        yield
        return
    try:
        with locked(file.with_name(f".{file.name}.lock"), timeout=WAIT):
            yield
    except Timeout:
        raise Unavailable(f"{file}: another process has used it for {WAIT:g} s") from None


@contextmanager
def _explained() -> Iterator[None]:
    """Say in one line what MLflow, or what it stands on, says of a store that cannot be used."""
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, CommandError, RequestException, OSError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise Unavailable(masked(said[0])[:300]) from None
