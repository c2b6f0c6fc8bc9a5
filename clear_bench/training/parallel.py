"""Many runs on one machine, side by side; parents come before their children."""

from collections.abc import Sequence

from clear_bench.runs.forecast import expected_seconds
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.training.execute import ended_in_words, once
from clear_bench.training.preflight import check
from clear_bench.training.workers import Outcome, Workers
from clear_bench.utils.errors import UserError
from clear_bench.utils.run_progress import RunsProgress


def execute_all(runs: Sequence[Run], cache: Cache, count: int) -> list[Record]:
    """Return the records of runs, carried out side by side.

    Args:
        runs: Parents before their children; the same run may be there several times.
        cache: For everything derived.
        count: Processes.  Each has as many threads as its run says, so that a number does not
            depend on what else is running.

    Raises:
        UserError: If runs failed, after all others were carried out; if a model cannot be built,
            before anything is trained.
    """
    distinct = list({run.id: run for run in runs}.values())
    todo = [run for run in distinct if not run.finished]
    check(todo, cache)
    before = len(distinct) - len(todo)
    progress = RunsProgress("training", len(distinct), before, count, expected_seconds(todo))
    threads = max((run.config["threads"] for run in todo), default=1)
    failures: dict[str, str] = {}
    ended = {run.id for run in distinct} - {run.id for run in todo}
    with progress, Workers(count, threads, listen=progress.update) as workers:
        while todo or workers.busy:
            for run in [r for r in todo if r.parent is None or r.parent.id in ended]:
                todo.remove(run)
                if run.parent and run.parent.id in failures:
                    failures[run.id] = f"{run.id}: not run, since its parent failed"
                    ended.add(run.id)
                else:
                    workers.submit(run, once, run, cache)
            for outcome in workers.wait():
                ended.add(outcome.key.id)
                _collect(outcome, failures, progress)
    if failures:
        raise UserError(f"{len(failures)} runs failed: {'; '.join(failures.values())}")
    return [Record.load(run.folder) for run in distinct]


def _collect(outcome: Outcome, failures: dict[str, str], progress: RunsProgress) -> None:
    """Say what became of a run; what the user can put right is kept for the end."""
    run: Run = outcome.key
    if isinstance(outcome.error, UserError):
        failures[run.id] = f"{run.id}: {str(outcome.error).removeprefix(f'{run.id}: ')}"
        progress.tell(f"{run.id}: failed: {outcome.error}", run.id)
        return
    if outcome.error:
        raise outcome.error
    progress.tell(ended_in_words(run, outcome.value), run.id)
