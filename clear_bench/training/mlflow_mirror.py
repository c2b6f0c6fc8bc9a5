"""Mirror records to MLflow.  The record on disk is the truth; what is here can be made again.

``python -m clear_bench.record mirror`` sends every record that the tracking server lacks.  The
server is MLflow's usual ``MLFLOW_TRACKING_URI``, by default a SQLite file in the current directory.
"""

import logging
import os
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from clear_bench.config.dotted import flatten
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record, records
from clear_bench.runs.study_result import StudyResult
from clear_bench.utils.errors import UserError

EXPERIMENT = "clear-bench"


def mirror(folder: Path, record: Record) -> None:
    """Log a record as one MLflow run: parameters, curves, final metrics, the record itself.

    A tracking server that does not answer costs a warning, never a finished training: the
    record is on disk and ``python -m clear_bench.record mirror`` sends it later.
    """
    from mlflow.exceptions import MlflowException

    try:
        with FileLock("mlflow.lock"):  # SQLite's schema is made by whoever comes first
            _mirror(folder, record)
    except (MlflowException, OSError) as error:
        cause = str(error).strip().splitlines()[0]
        print(
            f"warning: {record.run_id}: not mirrored to MLflow ({cause}); "
            "run later: python -m clear_bench.record mirror",
            flush=True,
        )


def _mirror(folder: Path, record: Record) -> None:
    """Send one record, unless the server has it."""
    from mlflow.entities import Metric, Param, RunTag

    client, experiment = _client()
    if client.search_runs([experiment], f"tags.record = '{_key(record)}'", max_results=1):
        return
    now = int(time.time() * 1000)
    tags = {"record": _key(record), "status": record.status, "protocol": record.protocol}
    run = client.create_run(experiment, run_name=record.run_id, tags=tags)
    params = [Param(k, str(v)[:500]) for k, v in flatten(record.config)]
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
    costs = [Metric(f"cost.{k}", float(v), now, 0) for k, v in record.cost.items() if _number(v)]
    for start in range(0, len(metrics + costs), 1000):  # the server's own limit of one batch
        client.log_batch(run.info.run_id, metrics=(metrics + costs)[start : start + 1000])
    client.log_batch(run.info.run_id, params=params[:100], tags=[RunTag("parent", record.parent)])
    client.log_artifact(run.info.run_id, str(folder / RECORD))
    client.set_terminated(run.info.run_id, "FINISHED" if record.status == "finished" else "FAILED")


def mirror_study(result: StudyResult, root: Path) -> None:
    """Log a study as one parent run with a nested run a variant and seed.

    The nested runs' parameters are exactly the factors, so that MLflow's comparison shows them.

    Args:
        result: The study's result.
        root: Folder of all runs.
    """
    from mlflow.exceptions import MlflowException

    try:
        with FileLock("mlflow.lock"):
            _mirror_study(result, root)
    except (MlflowException, OSError) as error:
        cause = str(error).strip().splitlines()[0]
        print(f"warning: study {result.study}: not mirrored to MLflow ({cause})", flush=True)


def _mirror_study(result: StudyResult, root: Path) -> None:
    """Send a study's runs that the server lacks."""
    from mlflow.entities import Metric, Param

    client, experiment = _client(f"{EXPERIMENT}-studies")
    name = f"{result.study} {result.dataset} {result.profile}"
    parents = client.search_runs([experiment], f"tags.study = '{name}'", max_results=1)
    tags = {"study": name, "question": result.question}
    parent = parents[0] if parents else client.create_run(experiment, run_name=name, tags=tags)
    children = client.search_runs(
        [experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", max_results=10_000
    )
    have = {run.data.tags["variant"] for run in children}
    for variant in result.variants:
        for seed, run_id in sorted(variant.runs.items()):
            record = result.record(root, run_id, variant.method)[1]
            key = f"{variant.label} {_key(record)}"
            if key in have:
                continue
            child = client.create_run(
                experiment,
                run_name=f"{variant.label}, seed {seed}",
                tags={"mlflow.parentRunId": parent.info.run_id, "variant": key, "run": run_id},
            )
            now = int(time.time() * 1000)
            tests = record.metrics[variant.checkpoint]["test"]
            client.log_batch(
                child.info.run_id,
                params=[Param(k, str(v)) for k, v in variant.levels.items()],
                metrics=[Metric(k, v, now, 0) for k, v in tests.items()],
            )
            client.set_terminated(child.info.run_id)
    client.set_terminated(parent.info.run_id)


def store() -> str:
    """Return the default store: a SQLite file in the current directory, by its full path."""
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def _client(name: str = EXPERIMENT) -> tuple[Any, str]:
    """Return a client and the id of an experiment of ours."""
    for logger in ("mlflow", "alembic"):  # they announce every table they create
        logging.getLogger(logger).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or store())
    experiment = client.get_experiment_by_name(name)
    return client, experiment.experiment_id if experiment else client.create_experiment(name)


def _key(record: Record) -> str:
    """Return what tells one making of a run from another."""
    return f"{record.run_id}@{record.finished_at}"


def _number(value: Any) -> bool:
    """Return whether a value is a number (and not a truth value)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def mirror_all(root: Path) -> int:
    """Mirror every record below a folder and return how many there are.

    Raises:
        UserError: If there is no such folder, or the server does not answer.
    """
    from mlflow.exceptions import MlflowException

    if not root.is_dir():
        raise UserError(f"{root}: no such folder of runs")
    count = 0
    for folder, record in records(root):
        try:
            _mirror(folder, record)
        except MlflowException as error:
            raise UserError(f"MLflow: {str(error).strip().splitlines()[0]}") from None
        count += 1
    return count
