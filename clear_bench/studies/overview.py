"""What studies there are and what they would cost: ``ablate --list`` and ``ablate --dry-run``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from clear_bench.config import plugins
from clear_bench.config.study import Study
from clear_bench.runs.forecast import expected_seconds, forecast, unfinished
from clear_bench.runs.record import Record, records
from clear_bench.runs.study_result import StudyResult, result_file
from clear_bench.studies.jobs import Combination, Job
from clear_bench.training.workers import workers_for
from clear_bench.utils.progress import wide_console
from clear_bench.utils.run_progress import UNKNOWN, clock


def show_list(root: Path, profile: str, dataset: str) -> None:
    """Print each study with its question, number of runs, state and estimated time."""
    from rich.table import Table

    past = [r for _, r in records(root) if r.profile == profile and r.dataset == dataset]
    title = f"studies, on {dataset}, profile {profile}"
    table = Table("study", "question", "runs", "state", "time left", title=title)
    for name in plugins.available("study"):
        study: Study = plugins.load("study", name).STUDY
        total = sum(1 for _ in study.variants()) * study.seeds
        done = _done(result_file(root, name, profile, dataset))
        each = _seconds(past, study)
        left = "-" if done >= total else _time(each and each * (total - done))
        table.add_row(name, plugins.summary("study", name), str(total), _state(done, total), left)
    wide_console().print(table)


def plan_lines(
    name: str, combined: Sequence[Combination], jobs: Mapping[str, Job], workers: int
) -> list[str]:
    """Return what a study would run, what has finished, and the time that is left.

    Args:
        name: Of the study.
        combined: Its variants with their seeds.
        jobs: Its jobs by run id.
        workers: Processes; 0 chooses.
    """
    runs = [job.run for job in jobs.values()]
    todo = unfinished(runs)
    seconds = expected_seconds(list(todo.values()))
    lines = [
        f"to do     {job.run.id}  {job.label}, {_time(seconds[job.run.id])}"
        if job.run.id in todo
        else f"finished  {job.run.id}  {job.label}"
        for job in jobs.values()
    ]
    for c in combined:
        if c.reason:
            word = "impossible" if c.available else "unavailable"
            lines.append(f"{word}  {c.variant.label}: {c.reason}")
    left = forecast(todo, seconds, workers_for(runs, workers) if runs else 1)
    return [*lines, f"{name}: {len(jobs)} runs, {len(jobs) - len(todo)} finished; {left}"]


def _done(file: Path) -> int:
    """Return how many runs of a study have finished, by its last result."""
    if not file.is_file():
        return 0
    return sum(len(variant.runs) for variant in StudyResult.load(file).variants)


def _seconds(past: Sequence[Record], study: Study) -> float | None:
    """Return the mean time of the finished runs of a study's kind, None if there are none."""
    times = [
        float(r.cost["wall_seconds"])
        for r in past
        if r.method == study.base and r.task == study.task and "wall_seconds" in r.cost
    ]
    return sum(times) / len(times) if times else None


def _state(done: int, total: int) -> str:
    """Return the state in words."""
    if not done:
        return "not run"
    return "finished" if done >= total else f"{done} of {total}"


def _time(seconds: float | None) -> str:
    """Return a time in words."""
    return UNKNOWN if seconds is None else f"about {clock(seconds)}"
