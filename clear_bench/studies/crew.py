"""Who carries the jobs of a study out on this machine: start them, show how far they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from optuna.study import Study

from clear_bench.runs.files import STUDIES
from clear_bench.runs.forecast import expected_seconds
from clear_bench.studies.jobs import Job
from clear_bench.studies.storage import name_metric, open_study
from clear_bench.studies.trials import (
    LIVE,
    Work,
    all_ended,
    fail_dead,
    failed_before,
    failures,
    register_finished,
    trials_by_run,
    work,
)
from clear_bench.training.cache import Cache
from clear_bench.training.forks import warm
from clear_bench.training.workers import WorkerDied, Workers, count_workers
from clear_bench.utils.disk import room
from clear_bench.utils.errors import UserError
from clear_bench.utils.run_progress import Listener, RunsProgress

EVERY = 0.5  # seconds between two looks at the storage


@dataclass(frozen=True)
class Crew:
    """Who carries jobs out.

    Args:
        storage: Address of the Optuna storage; "" is a file below the folder of runs.
        root: Folder of all runs.
        cache: Folder of derived files.
        workers: Processes here; 0 chooses, see `count_workers`.
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
        config = next(iter(jobs.values())).run.config
        name = f"{name} {config['dataset']} {config['profile']}"
        study = open_study(self.address, name)
        name_metric(study, next(iter(jobs.values())).run.judge_name)
        before = failed_before(study)
        ended = _ended(study)
        seen = set(register_finished(study, jobs))
        threads = max(job.run.config["threads"] for job in jobs.values())
        left = len(jobs) - len(seen)
        count = self.count(left, threads) if left else 0
        todo = [job.run for run_id, job in jobs.items() if run_id not in seen]
        expected = expected_seconds(todo)
        progress = RunsProgress(name, len(jobs), len(seen), count, expected)
        if not left:
            return {}
        task = Work(self.address, name, jobs, before, Cache(self.cache), self.processes)

        def tell() -> None:
            _tell_news(study, jobs, seen, progress, ended)

        with room(self.root), progress:
            self.work(work, task, count, threads, tell, progress.update)
            fail_dead(study)
            tell()
        if not all_ended(study, jobs, before):
            raise UserError(f"{name}: all workers ended early; run it again to go on")
        return failures(study, jobs)

    def count(self, jobs: int, threads: int) -> int:
        """Return how many workers there will be, of so many threads each."""
        return count_workers(self.workers, jobs, threads)

    def work(
        self,
        function: Callable[[Any], None],
        task: Any,
        count: int,
        threads: int,
        tell: Callable[[], None],
        listen: Listener,
    ) -> None:
        """Let every worker call a function until all of them return; one may die.

        Args:
            function: Of a module.
            task: Its argument.
            count: Workers.
            threads: Of each.
            tell: Called again and again meanwhile, to show what is new.
            listen: Is told how far each run is.
        """
        each = self.processes == 1
        if count > 1:
            warm(threads, function.__module__)
        with Workers(count, threads, gpu_each=each, listen=listen) as workers:
            for number in range(count):
                workers.submit(number, function, task)
            while workers.busy:
                for outcome in workers.wait(EVERY):
                    if outcome.error and not isinstance(outcome.error, WorkerDied):
                        raise outcome.error
                tell()


def _ended(study: Study) -> set[int]:
    """Return the numbers of the trials that have ended."""
    return {t.number for t in study.get_trials(deepcopy=False) if t.state not in LIVE}


def _tell_news(
    study: Study, jobs: Mapping[str, Job], seen: set[str], progress: RunsProgress, old: set[int]
) -> None:
    """Show what has ended since the last look, but for the trials of earlier commands."""
    for run_id, trials in trials_by_run(study).items():
        trial = trials[-1]
        if run_id not in jobs or run_id in seen or trial.state in LIVE or trial.number in old:
            continue
        job = jobs[run_id]
        if trial.value is not None:
            text = f"{job.run.judged(trial.value)} in "
            text += str(timedelta(seconds=round((trial.duration or timedelta()).total_seconds())))
        elif "reason" in trial.user_attrs:
            text = f"failed: {trial.user_attrs['reason']}"
        else:
            continue  # killed, or stepped back: it comes again
        seen.add(run_id)
        progress.tell(f"{job.label}, seed {job.run.seed}: {text}", run_id)
