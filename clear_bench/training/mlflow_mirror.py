"""MLflow's store: made whole, opened, written to.  The one file that imports mlflow.

Everything here is called in a process of its own, see `clear_bench.training.mirror`; what is
written of a run is in `clear_bench.training.mlflow_runs`.
"""

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout

from clear_bench.training.mlflow_content import CLIPPED, Point, parameters_of
from clear_bench.utils.errors import Unavailable
from clear_bench.utils.files import sweep_folder, written_whole
from clear_bench.utils.locks import locked
from clear_bench.utils.secrets import masked

SQLITE = "sqlite:///"
WAIT = 10.0  # seconds for another process that sends
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
         "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
         "MLFLOW_DISABLE_TELEMETRY": "true"}  # fmt: skip
"""No long waits, and nobody is told; and no connection is kept, so that a file may take another's
place."""


def store() -> str:
    """Return the default store: a SQLite file in the current directory, by its full path."""
    return f"{SQLITE}{Path.cwd() / 'mlflow.db'}"


def prepare() -> None:
    """Import what it takes, which is slow and asks nobody."""
    for name, value in QUICK.items():
        os.environ.setdefault(name, value)
    import matplotlib.figure  # noqa: F401
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
    file = _file_of(address)
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


@contextmanager
def using(address: str) -> Iterator[Any]:
    """Let the body write to a store by a client, one process at a time where it is a SQLite file.

    Raises:
        Unavailable: If the store cannot be used.
    """
    with _explained(), _alone(_file_of(address)):
        yield _client(address)


def log_points(client: Any, run_id: str, epochs: Iterable[list[Point]]) -> None:
    """Log numbers in batches of what a server takes; no epoch is shared among two."""
    from mlflow.entities import Metric
    from mlflow.utils.validation import MAX_METRICS_PER_BATCH

    batch: list[Any] = []
    for points in epochs:
        if len(batch) + len(points) > MAX_METRICS_PER_BATCH and batch:
            client.log_batch(run_id, metrics=batch)
            batch = []
        batch += [Metric(p.name, p.value, p.when, p.step) for p in points]
    for part in _parts(batch, MAX_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=part)


def log_parameters(
    client: Any, run_id: str, values: dict[str, Any], there: Mapping[str, str]
) -> None:
    """Log parameters in batches of what a server takes, every one of them.

    A tag names those that had to be cut.  MLflow lets no parameter change, so that one of another
    value there (a resumed run may have other workers) becomes a tag.

    Args:
        client: From `using`.
        run_id: MLflow's.
        values: In any depth.
        there: What the run has already.
    """
    from mlflow.entities import Param, RunTag
    from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH

    texts, cut = parameters_of(values, MAX_PARAM_VAL_LENGTH)
    new = [Param(name, text) for name, text in texts.items() if name not in there]
    for part in _parts(new, MAX_PARAMS_TAGS_PER_BATCH):
        client.log_batch(run_id, params=part)
    tags = [RunTag(f"then.{n}", t) for n, t in texts.items() if there.get(n, t) != t]
    tags += [RunTag(CLIPPED, ", ".join(cut))] if cut else []
    for part in _parts(tags, MAX_PARAMS_TAGS_PER_BATCH):
        client.log_batch(run_id, tags=part)


def log_data(client: Any, run_id: str, data: Mapping[str, str] | None) -> None:
    """Log what a run trained on; the same twice stays once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if data:
        tags = [InputTag("mlflow.data.context", "training")]
        client.log_inputs(run_id, [DatasetInput(Dataset(**data), tags)])


def _parts(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield items in lists of at most some size."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def steps_of(client: Any, run_id: str, name: str) -> set[int]:
    """Return the steps of which a run has a number."""
    return {metric.step for metric in client.get_metric_history(run_id, name)}


def _client(address: str) -> Any:
    """Return a client of a store."""
    from mlflow import MlflowClient

    return MlflowClient(address)


def experiment_of(client: Any, name: str) -> str:
    """Return the id of an experiment of a name, made if it is new."""
    experiment = client.get_experiment_by_name(name)
    return str(experiment.experiment_id if experiment else client.create_experiment(name))


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
