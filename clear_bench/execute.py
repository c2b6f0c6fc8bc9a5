"""Carry runs out: each once, one process at a time, with a record at the end whatever happens."""

import time
from collections.abc import Sequence

from filelock import FileLock, Timeout
from rich.console import Console

from clear_bench import plugins
from clear_bench.cache import Cache
from clear_bench.errors import UserError
from clear_bench.record import CHECKPOINTS, Record
from clear_bench.runs import Run

console = Console(stderr=True)


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
    from clear_bench.distributed import join
    from clear_bench.preflight import check

    join(launcher)
    check(runs, cache)
    return [once(run, cache, launcher) for run in runs]


def once(run: Run, cache: Cache, launcher: str = "none") -> Record:
    """Return a run's record, after making it if need be; see `execute`."""
    if run.finished:
        console.print(f"{run.id}: finished before, not run again", highlight=False, soft_wrap=True)
        return Record.load(run.folder)
    run.folder.mkdir(parents=True, exist_ok=True)
    if launcher != "none":  # the processes of one distributed run share the folder
        return _make(run, cache, launcher)
    lock = FileLock(run.folder / ".lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        console.print(f"{run.id}: waits for another process that makes it", highlight=False)
        lock.acquire()
    with lock:
        lock.release()  # `with` holds it once more
        return Record.load(run.folder) if run.finished else _make(run, cache, launcher)


def learn(run: Run, cache: Cache) -> list[dict[str, float]]:
    """Train a run without evaluating it on test, and return its val history.

    Raises:
        UserError: If a loss diverged.
    """
    import torch

    from clear_bench import recognition_run, retrieval_run
    from clear_bench.hooks import Diverged

    for each in run.line:
        plugins.load("method", each.config["method"])  # registers its models
    task = {"recognition": recognition_run, "retrieval": retrieval_run}[run.task]
    torch.set_num_threads(run.config["threads"])
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.folder / ".lock"):
            return task.learn(run, cache)
    except Diverged as error:
        raise UserError(f"{run.id}: {error}; try a smaller train.lr") from None


def _make(run: Run, cache: Cache, launcher: str) -> Record:
    """Train and evaluate, and mirror the record to MLflow."""
    import torch

    from clear_bench import recognition_run, retrieval_run
    from clear_bench.cost import ATTEMPTS, begin_attempt, forget_peak_memory
    from clear_bench.distributed import main_process, wait_for_all
    from clear_bench.hooks import Diverged
    from clear_bench.track import mirror

    for each in run.line:
        plugins.load("method", each.config["method"])  # registers its models
    task = {"recognition": recognition_run, "retrieval": retrieval_run}[run.task]
    torch.set_num_threads(run.config["threads"])
    forget_peak_memory()
    before = begin_attempt(run.folder) if main_process() else 0.0
    started = time.perf_counter()
    try:
        record = task.make(run, cache, launcher)
    except Diverged as error:
        run.record(status="failed", reason=str(error)).save(run.folder)
        raise UserError(f"{run.id}: {error}; try a smaller train.lr") from None
    if main_process():
        record.cost["wall_seconds"] = before + time.perf_counter() - started
        record.save(run.folder)
        (run.folder / ATTEMPTS).unlink()
        mirror(run.folder, Record.load(run.folder))
        (run.folder / ".lock").unlink(missing_ok=True)
    wait_for_all()  # the next run may read what this one wrote
    return Record.load(run.folder)


def show(records: Sequence[Record]) -> None:
    """Print the test metrics of records as one table a task and protocol, in per cent."""
    from rich.table import Table

    for task, protocol in dict.fromkeys((r.task, r.protocol) for r in records):
        rows = [r for r in records if (r.task, r.protocol) == (task, protocol)]
        names = [n for n in rows[0].metrics["selected"]["test"] if n != "queries"]
        title = f"{task}, test, %, protocol {protocol}"
        table = Table("run", "checkpoint", *names, title=title)
        for record in rows:
            for checkpoint, splits in record.metrics.items():
                values = [f"{100 * splits['test'][n]:.2f}" for n in names]
                table.add_row(record.run_id, CHECKPOINTS[checkpoint], *values)
        wide = Console()
        (wide if wide.is_terminal else Console(width=160)).print(table)
