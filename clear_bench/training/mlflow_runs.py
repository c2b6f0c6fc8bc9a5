"""Runs and studies as MLflow's runs, while they are made and from their records.

The record on disk is the truth.  A run of MLflow is found by the making of the run that it shows
(`clear_bench.runs.attempts`), so that a resumed run goes on in the same one, and a record completes
what was shown while it was made.  It counts once it has ended with the record's name; whatever was
begun by a process that died is gone on with, or ends as KILLED.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clear_bench.runs.attempts import MAKING
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import StudyResult
from clear_bench.training import mlflow_mirror
from clear_bench.training.mlflow_content import (
    FIRST,
    Point,
    data_of,
    ended,
    epochs_of,
    figures_of,
    key_of,
    making_of,
    results_of,
    started,
    tags_of,
)
from clear_bench.training.mlflow_mirror import (
    experiment_of,
    log_data,
    log_parameters,
    log_points,
    steps_of,
    using,
)
from clear_bench.utils.processes import is_dead, mark
from clear_bench.utils.secrets import masked

EXPERIMENT = "clear-bench"
STUDIES = f"{EXPERIMENT}-studies"
COURTESY = 3  # of `nice`
MANY = 1000  # runs of one answer
DAY = 24 * 3600 * 1000
"""Milliseconds of silence after which a process of another machine is taken for dead."""

ENDED = ("FINISHED", "FAILED")
RECORDED, PROCESS, SEEN = "record", "process", "seen"
"""Tags: the record that a run shows, who writes to it, and when it last did."""


def begin() -> None:
    """Import what it takes; whoever trains comes first."""
    os.nice(COURTESY)
    mlflow_mirror.prepare()


def open_store(address: str) -> None:
    """Make sure that a store can be used, and end there what dead processes were at.

    Raises:
        Unavailable: See `mlflow_mirror.open_store`.
    """
    mlflow_mirror.open_store(address)
    with using(address) as client:
        for name in (EXPERIMENT, STUDIES):
            for run in _search(client, experiment_of(client, name), "status = 'RUNNING'"):
                if _abandoned(run):
                    last = int(run.data.tags.get(SEEN, run.info.start_time))
                    client.set_terminated(run.info.run_id, "KILLED", end_time=last)


def send_progress(address: str, record: Record, began: float) -> bool:
    """Show a run that is being made, and return whether that is this process's to do.

    Args:
        address: Of the store.
        record: What its record would be if it ended now, failed.
        began: When its first attempt began, in seconds.

    Raises:
        Unavailable: If the store cannot be used.
    """
    now = round(time.time() * 1000)
    with using(address) as client:
        experiment = experiment_of(client, EXPERIMENT)
        found = _found(client, experiment, MAKING, making_of(record))
        if found and found.info.status == "RUNNING" and not _abandoned(found) and not _mine(found):
            return False  # another command shows it
        run_id = _begin(client, experiment, found, record, round(began * 1000))
        there = steps_of(client, run_id, FIRST) if found else ()
        log_points(client, run_id, epochs_of(record, there, now))
        client.set_tag(run_id, SEEN, now)
    return True


def end_progress(address: str, making: str, status: str) -> None:
    """End a run that was being made and has no record: FAILED or KILLED.

    Raises:
        Unavailable: If the store cannot be used.
    """
    with using(address) as client:
        found = _found(client, experiment_of(client, EXPERIMENT), MAKING, making)
        if found and found.info.status == "RUNNING" and _mine(found):
            client.set_terminated(found.info.run_id, status)


def send_record(address: str, folder: Path) -> bool:
    """Send a record, unless the store has it, and return whether it was sent.

    It becomes one run, or completes the one that showed it while it was made: parameters, data,
    curves, final metrics, figures, the record itself.

    Raises:
        Unavailable: If the store cannot be used.
    """
    record = Record.load(folder)
    with using(address) as client:
        experiment = experiment_of(client, EXPERIMENT)
        found = _found(client, experiment, RECORDED, key_of(record))
        if found and found.info.status in ENDED:
            return False
        found = found or _found(client, experiment, MAKING, making_of(record))
        run_id = _begin(client, experiment, found, record, started(record))
        there = steps_of(client, run_id, FIRST) if found else ()
        log_points(client, run_id, [*epochs_of(record, there), *_each(results_of(record))])
        tags = {RECORDED: key_of(record), "status": record.status, "reason": record.reason}
        for name, text in tags.items():
            if text:
                client.set_tag(run_id, name, masked(text)[:1000])
        for name, figure in figures_of(record):
            client.log_figure(run_id, figure, name)
        text = json.dumps(record.model_dump(mode="json"), indent=1)
        client.log_text(run_id, masked(text), RECORD)
        status = "FINISHED" if record.status == "finished" else "FAILED"
        client.set_terminated(run_id, status, end_time=ended(record))
        return True


def send_study(address: str, result: StudyResult, root: Path) -> bool:
    """Send a study as one parent run with a nested run a variant and seed; whether there were new.

    The nested runs' parameters are exactly the factors, so that MLflow's comparison shows them.

    Raises:
        Unavailable: If the store cannot be used.
    """
    name = f"{result.study} {result.dataset} {result.profile}"
    shown = [
        (variant, seed, result.record(root, run_id, variant.method)[1])
        for variant in result.variants
        for seed, run_id in sorted(variant.runs.items())
    ]
    first = min((started(record) for *_, record in shown), default=None)
    last = max((ended(record) for *_, record in shown), default=None)
    with using(address) as client:
        experiment = experiment_of(client, STUDIES)
        found = _found(client, experiment, "study", name)
        tags = {"study": name, "question": result.question, PROCESS: mark()}
        parent = _id_of(client, experiment, found, name, tags, first)
        query = f"tags.`mlflow.parentRunId` = '{parent}'"
        sent = {run.data.tags["variant"]: run for run in _search(client, experiment, query)}
        new = 0
        for variant, seed, record in shown:
            key = f"{variant.label} {key_of(record)}"
            old = sent.get(key)
            if old and old.info.status in ENDED:
                continue
            tags = {"mlflow.parentRunId": parent, "variant": key, "run": record.run_id,
                    PROCESS: mark()}  # fmt: skip
            title = f"{variant.label}, seed {seed}"
            child = _id_of(client, experiment, old, title, tags, started(record))
            log_parameters(client, child, variant.levels, old.data.params if old else {})
            tests = record.metrics[variant.checkpoint]["test"].items()
            log_points(client, child, [[Point(k, v, ended(record), 0) for k, v in tests]])
            client.set_terminated(child, end_time=ended(record))
            new += 1
        client.set_terminated(parent, end_time=last)
    return new > 0


def _begin(client: Any, experiment: str, found: Any, record: Record, start: int) -> str:
    """Return the id of a run of MLflow that goes on, or begins, with all that is known before."""
    now = str(round(time.time() * 1000))
    tags = {**tags_of(record), PROCESS: mark(), SEEN: now}
    run_id = _id_of(client, experiment, found, record.run_id, tags, start)
    if found and _mine(found) and found.info.status == "RUNNING":
        return run_id
    if found:
        client.update_run(run_id, status="RUNNING")
        for name in (PROCESS, SEEN):
            client.set_tag(run_id, name, tags[name])
    log_parameters(client, run_id, record.config, found.data.params if found else {})
    log_data(client, run_id, data_of(record))
    return run_id


def _id_of(
    client: Any, experiment: str, found: Any, name: str, tags: Mapping[str, str], start: int | None
) -> str:
    """Return the id of a run: of the one that was found, or of a new one."""
    if found:
        return str(found.info.run_id)
    made = client.create_run(experiment, start_time=start, run_name=name, tags=dict(tags))
    return str(made.info.run_id)


def _found(client: Any, experiment: str, tag: str, value: str) -> Any:
    """Return the newest run of a tag's value; None if there is none."""
    if not value:
        return None
    found = client.search_runs([experiment], f"tags.{tag} = '{value}'", max_results=1)
    return found[0] if found else None


def _search(client: Any, experiment: str, query: str) -> list[Any]:
    """Return all runs that a query finds."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], query, max_results=MANY, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _mine(run: Any) -> bool:
    """Return whether this process writes to a run."""
    return bool(run.data.tags.get(PROCESS) == mark())


def _abandoned(run: Any) -> bool:
    """Return whether whoever wrote to a run is no more."""
    tags = run.data.tags
    dead = is_dead(tags[PROCESS]) if PROCESS in tags else None
    silent = time.time() * 1000 - int(tags.get(SEEN, run.info.start_time))
    return silent > DAY if dead is None else dead


def _each(points: list[Point]) -> list[list[Point]]:
    """Return numbers that need not stay together."""
    return [[point] for point in points]
