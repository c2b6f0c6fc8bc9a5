"""The workers of a study on this machine: start them, show how far they are, stop them."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from multiprocessing.process import BaseProcess

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from clear_bench.cache import Cache
from clear_bench.errors import UserError
from clear_bench.sweep import Job
from clear_bench.trials import adopt, bury, failures, of, open_study, settled, work


def carry_out(
    storage: str, name: str, jobs: Mapping[str, Job], cache: Cache, workers: int, threads: int
) -> dict[str, str]:
    """Carry jobs out, together with whoever shares the storage; return run id -> failure.

    Args:
        storage: Address of the Optuna storage.
        name: Of the Optuna study.
        jobs: Run id to job, parents first.
        cache: For everything derived.
        workers: Processes to start here.
        threads: Of each process.

    Raises:
        UserError: If every worker died before the work was done.
    """
    began = time.time()
    study = open_study(storage, name)
    before = set(adopt(study, jobs))
    board = Board(len(jobs), len(before), workers)
    if len(before) == len(jobs):
        return {}
    processes = _start(storage, name, jobs, began, cache, workers, threads)
    seen = set(before)
    try:
        while any(p.is_alive() for p in processes):
            time.sleep(0.5)
            _tell_news(study, jobs, seen, board, began)
    finally:
        for process in processes:
            process.terminate()
            process.join()
        board.close()
    bury(study)
    _tell_news(study, jobs, seen, board, began)
    if not settled(study, jobs, began):
        codes = ", ".join(str(p.exitcode) for p in processes)
        raise UserError(f"{name}: all workers ended early (exit {codes}); run it again to go on")
    return failures(study, jobs)


def _start(
    storage: str,
    name: str,
    jobs: Mapping[str, Job],
    began: float,
    cache: Cache,
    workers: int,
    threads: int,
) -> Sequence[BaseProcess]:
    """Start the workers; Ctrl-C is for this process alone, which then stops them."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # inherited before they import anything
    context = multiprocessing.get_context("spawn")
    gpus = _gpus()
    found = []
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for number in range(workers):
            if gpus:
                os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
            process = context.Process(target=work, args=(storage, name, jobs, began, cache))
            process.start()
            found.append(process)
    finally:
        signal.signal(signal.SIGINT, usual)
        if gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return found


def _gpus() -> list[str]:
    """Return the numbers of the GPUs that this process may use."""
    import torch

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen:
        return chosen.split(",")
    return [str(number) for number in range(torch.cuda.device_count())]


def default_workers(threads: int) -> int:
    """Return how many processes fit: one a GPU, or else one a core."""
    return len(_gpus()) or max(1, (os.cpu_count() or 1) // threads)


def _tell_news(
    study: "object", jobs: Mapping[str, Job], seen: set[str], board: "Board", began: float
) -> None:
    """Show what has ended since the last look."""
    for run_id, trials in of(study).items():  # type: ignore[arg-type]
        trial = trials[-1]
        ended = trial.datetime_complete
        if run_id not in jobs or run_id in seen or ended is None or ended.timestamp() < began:
            continue
        if trial.value is not None:
            text = f"val {jobs[run_id].metric} {100 * trial.value:.2f} in "
            text += str(timedelta(seconds=round((trial.duration or timedelta()).total_seconds())))
        elif "reason" in trial.user_attrs:
            text = f"failed: {trial.user_attrs['reason']}"
        else:
            continue  # killed, or stepped back: it comes again
        seen.add(run_id)
        board.tell(f"{jobs[run_id].label}, seed {jobs[run_id].seed}: {text}")


class Board:
    """A bar on a terminal, and one line a job that has ended.

    Args:
        total: Jobs.
        before: Jobs that had finished before.
        workers: Processes here.
    """

    def __init__(self, total: int, before: int, workers: int) -> None:
        self.total, self.done, self.before = total, before, before
        self.began = time.perf_counter()
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        what = f"{total} runs, {before} finished before"
        self.console.print(f"{what}, {workers} workers" if total > before else what)
        self.bar = Progress(
            TextColumn("study"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
            disable=not sys.stderr.isatty() or total == before,
        )
        self.task = self.bar.add_task("study", total=total, completed=before, left="")
        self.bar.start()

    def tell(self, text: str) -> None:
        """Say that a job has ended, how, and how long the rest will take."""
        self.done += 1
        each = (time.perf_counter() - self.began) / (self.done - self.before)
        left = f"about {timedelta(seconds=round(each * (self.total - self.done)))} left"
        self.bar.update(self.task, completed=self.done, left=left)
        self.console.print(f"[{self.done}/{self.total}] {text}, {left}", markup=False)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.stop()
