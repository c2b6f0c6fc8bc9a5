"""The workers of a study on this machine: start them, show how far they are, stop them."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from optuna.study import Study

from clear_bench.cache import Cache
from clear_bench.errors import UserError
from clear_bench.progress import Board
from clear_bench.record import STUDIES
from clear_bench.storage import open_study
from clear_bench.sweep import Job
from clear_bench.trials import Work, adopt, bury, failures, of, settled, work


@dataclass(frozen=True)
class Crew:
    """Who carries jobs out.

    Args:
        storage: Address of the Optuna storage; "" is a file below the folder of runs.
        root: Folder of all runs.
        cache: Folder of derived files.
        workers: Processes here; 0 chooses, see `default_workers`.
        processes: Processes of one run, through torchrun; 1 does without.
    """

    storage: str
    root: Path
    cache: Path
    workers: int
    processes: int = 1

    @property
    def address(self) -> str:
        """Address of the storage."""
        return self.storage or f"journal:{self.root / STUDIES / 'optuna.log'}"

    def carry_out(self, name: str, jobs: Mapping[str, Job]) -> dict[str, str]:
        """Carry jobs out, together with whoever shares the storage; return run id -> failure.

        Args:
            name: Of the study.
            jobs: Run id to job, parents first.

        Raises:
            UserError: If every worker died before the work was done.
        """
        if not jobs:
            return {}
        setting = next(iter(jobs.values())).setting
        name = f"{name} {setting.dataset} {setting.profile}"
        began = time.time()
        study = open_study(self.address, name)
        before = adopt(study, jobs)
        threads = max(job.threads for job in jobs.values())
        done = len(before) == len(jobs)
        board = Board(name, len(jobs), len(before), 0 if done else self.count(threads))
        if done:
            return {}
        task = Work(self.address, name, jobs, began, Cache(self.cache), self.processes)
        processes = self.start(partial(work, task), threads)
        seen = set(before)
        try:
            while any(p.is_alive() for p in processes):
                time.sleep(0.5)
                _tell_news(study, jobs, seen, board, began)
        finally:
            stop(processes)
            board.close()
        bury(study)
        _tell_news(study, jobs, seen, board, began)
        if not settled(study, jobs, began):
            raise UserError(f"{name}: all workers ended early; run it again to go on")
        return failures(study, jobs)

    def count(self, threads: int) -> int:
        """Return how many workers there will be, of so many threads each."""
        return self.workers or default_workers(threads)

    def start(self, task: Callable[[], None], threads: int) -> list[BaseProcess]:
        """Start the workers; Ctrl-C is for this process alone, which then stops them."""
        os.environ["OMP_NUM_THREADS"] = str(threads)  # inherited before they import anything
        context = multiprocessing.get_context("spawn")
        gpus = _gpus()
        found: list[BaseProcess] = []
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for number in range(self.count(threads)):
                if gpus and self.processes == 1:
                    os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
                process = context.Process(target=task)
                process.start()
                found.append(process)
        finally:
            signal.signal(signal.SIGINT, usual)
            if gpus:
                os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        return found


def stop(processes: Sequence[BaseProcess]) -> None:
    """Stop workers at once; their runs go on from their last epoch another time."""
    for process in processes:
        process.terminate()
        process.join()


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
    study: Study, jobs: Mapping[str, Job], seen: set[str], board: "Board", began: float
) -> None:
    """Show what has ended since the last look."""
    for run_id, trials in of(study).items():
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
