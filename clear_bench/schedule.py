"""Many runs on one machine: which may start, in how many processes, and how long it will take."""

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import timedelta
from multiprocessing import get_context

from clear_bench.cache import Cache
from clear_bench.errors import UserError
from clear_bench.execute import once
from clear_bench.progress import Board
from clear_bench.record import Record
from clear_bench.runs import Run


def default_workers(runs: Sequence[Run]) -> int:
    """Return how many runs fit side by side: one a core, or a single one where there is a GPU.

    A run and its parent never do, so one experiment needs one process.
    """
    import torch

    if torch.cuda.is_available():
        return 1
    threads = max(run.config["threads"] for run in runs)
    parents = {run.parent.id for run in runs if run.parent}
    experiments = {run.id for run in runs} - parents
    return max(1, min(len(experiments), (os.cpu_count() or 1) // threads))


def execute_all(runs: Sequence[Run], cache: Cache, workers: int) -> list[Record]:
    """Return the records of runs, carried out side by side; parents come before their children.

    Args:
        runs: Parents before their children; the same run may be there several times.
        cache: For everything derived.
        workers: Processes.  Each has as many threads as its run says, so that a number does not
            depend on what else is running.

    Raises:
        UserError: If runs failed, after all others were carried out; if a model cannot be built,
            before anything is trained.
    """
    from clear_bench.preflight import check

    distinct = list({run.id: run for run in runs}.values())
    todo = [run for run in distinct if not run.finished]
    check(todo, cache)
    board = Board("training", len(distinct), len(distinct) - len(todo), workers)
    failures: dict[str, str] = {}
    pool = process_pool(workers, max((run.config["threads"] for run in todo), default=1))
    running: dict[Future[Record], Run] = {}
    try:
        while todo or running:
            for run in [r for r in todo if r.parent is None or _settled(r.parent, failures)]:
                todo.remove(run)
                if run.parent and run.parent.id in failures:
                    failures[run.id] = f"{run.id}: not run, since its parent failed"
                else:
                    running[pool.submit(_work, run, cache)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else ((), ())
            for future in done:
                run = running.pop(future)
                _collect(run, future, failures, board)
    finally:
        pool.shutdown(cancel_futures=True)
        board.close()
    if failures:
        raise UserError(f"{len(failures)} runs failed: {'; '.join(failures.values())}")
    return [Record.load(run.folder) for run in distinct]


def process_pool(workers: int, threads: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes (torch does not survive a fork) of some threads each."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # they inherit it, before they import anything
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _settled(run: Run, failures: dict[str, str]) -> bool:
    """Return whether nothing more will happen to a run."""
    return run.finished or run.id in failures


def _work(run: Run, cache: Cache) -> Record:
    """Carry one run out in a process of the pool."""
    from clear_bench import progress

    progress.quiet = True  # the lines of several runs would mix; each has its log
    return once(run, cache)


def _collect(run: Run, future: Future[Record], failures: dict[str, str], board: Board) -> None:
    """Take the result of a run and say it; what the user can put right is kept for the end."""
    try:
        record = future.result()
    except UserError as error:
        failures[run.id] = str(error)
        board.tell(f"{run.id}: failed: {error}")
        return
    metric = run.config["protocol"][f"select_{run.task}"]
    value = 100 * record.metrics["selected"]["val"][metric]
    took = timedelta(seconds=round(record.cost["wall_seconds"]))
    board.tell(f"{run.id}: val {metric} {value:.2f} in {took}")
