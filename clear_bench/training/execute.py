"""Carry runs out: each once, one process at a time, with a record at the end whatever happens."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clear_bench.engine.distributed import join, main_process, wait_for_all
from clear_bench.engine.hooks import Diverged, Told
from clear_bench.runs.attempts import MAKING, Attempts, begin_attempt, forget_attempts
from clear_bench.runs.files import LOCK
from clear_bench.runs.forecast import expected_seconds
from clear_bench.runs.provenance import provenance
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.training.cost import forget_peak_memory
from clear_bench.training.preflight import check
from clear_bench.training.recognition import Recognition
from clear_bench.training.retrieval import Retrieval
from clear_bench.training.task import Task
from clear_bench.utils.disk import room
from clear_bench.utils.errors import UserError
from clear_bench.utils.locks import locked
from clear_bench.utils.memory import keep_freed_memory
from clear_bench.utils.progress import say
from clear_bench.utils.run_progress import RunsProgress, begun, clock, reporting

TASKS: dict[str, type[Task]] = {"recognition": Recognition, "retrieval": Retrieval}


def task_of(run: Run, cache: Cache, launcher: str = "none") -> Task:
    """Return a run as what carries it out."""
    return TASKS[run.task](run, cache, launcher)


def execute(runs: Sequence[Run], cache: Cache, launcher: str = "none") -> list[Record]:
    """Return the records of runs, parents first; those that have finished are not run again.

    Args:
        runs: From `plan`.
        cache: For everything derived.
        launcher: ``none``, ``pytorch`` or ``slurm``.

    Raises:
        UserError: If a loss diverged; the failed record keeps the reason.  If a model cannot be
            built, before anything is trained.
    """
    join(launcher)
    check(runs, cache)
    todo = [run for run in {run.id: run for run in runs}.values() if not run.finished]
    if not todo or not main_process():
        return [once(run, cache, launcher) for run in runs]
    distinct = len({run.id for run in runs})
    expected = expected_seconds(todo)
    records = []
    with (
        RunsProgress("training", distinct, distinct - len(todo), 1, expected) as progress,
        reporting(progress.update),
    ):
        for run in runs:
            records.append(once(run, cache, launcher))
            if run.id in progress.waiting:
                progress.tell(ended_in_words(run, records[-1]), run.id)
    return records


def ended_in_words(run: Run, record: Record) -> str:
    """Return what a finished run reached and how long it took."""
    return f"{run.id}: {run.judged(run.judge(record))} in {clock(record.cost['wall_seconds'])}"


def once(run: Run, cache: Cache, launcher: str = "none") -> Record:
    """Return a run's record, after making it if need be; see `execute`."""
    record = run.found()
    if record and record.status == "finished":
        forget_attempts(run.folder)  # of one killed right after its record
        say(f"{run.id}: finished before, not run again")
        return record
    with room(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
    if launcher != "none":  # the processes of one distributed run share the folder
        return _make(run, cache, launcher)
    with locked(run.folder / LOCK, lambda: say(f"{run.id}: waits for another process at it")):
        return Record.load(run.folder) if run.finished else _make(run, cache, launcher)


def learn(run: Run, cache: Cache, listen: Told | None = None) -> list[dict[str, float]]:
    """Train a run without evaluating it on test, and return its val history.

    Args:
        run: The run.
        cache: For everything derived.
        listen: See `clear_bench.engine.fit.fit`.

    Raises:
        UserError: If a loss diverged.
    """
    with room(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    with locked(run.folder / LOCK), room(run.folder), _advice(run):
        return task_of(run, cache).learn(listen)


def _make(run: Run, cache: Cache, launcher: str) -> Record:
    """Train and evaluate."""
    task = task_of(run, cache, launcher)
    keep_freed_memory()
    forget_peak_memory()
    note = begin_attempt(run.folder) if main_process() else None
    begun(run.id, run.section["train"]["epochs"])
    started = time.perf_counter()
    with room(run.folder), _advice(run, note):
        record = task.make()
    if note:
        record.cost["wall_seconds"] = note.before + time.perf_counter() - started
        record.provenance[MAKING] = note.making
        record.save(run.folder)  # what comes after it may be lost: a run with a record is complete
        forget_attempts(run.folder)
    wait_for_all()  # the next run may read what this one wrote
    return Record.load(run.folder)


@contextmanager
def _advice(run: Run, note: Attempts | None = None) -> Iterator[None]:
    """Say what to do about a loss that diverged, and record it if attempts are noted."""
    try:
        yield
    except Diverged as error:
        if note:
            wall = note.before + max(0.0, time.time() - note.began)
            behind = {**provenance(), MAKING: note.making}
            cost = {"wall_seconds": wall}
            failed = run.record(status="failed", reason=str(error), cost=cost, provenance=behind)
            failed.save(run.folder)
        raise UserError(f"{run.id}: {error}; try a smaller train.lr") from None
