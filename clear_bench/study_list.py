"""What studies there are and what they would cost: ``ablate --list`` and ``ablate --dry-run``."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from clear_bench import plugins
from clear_bench.estimate import UNKNOWN, clock, estimate, forecast
from clear_bench.record import Record, records
from clear_bench.study import Study, StudyResult, result_file
from clear_bench.sweep import Combination, Job


def show_list(root: Path, profile: str, dataset: str) -> None:
    """Print each study with its question, number of runs, state and estimated time."""
    from rich.console import Console
    from rich.table import Table

    known = [r for _, r in records(root) if r.profile == profile and r.dataset == dataset]
    title = f"studies, on {dataset}, profile {profile}"
    table = Table("study", "question", "runs", "state", "time left", title=title)
    for name in plugins.available("study"):
        study: Study = plugins.load("study", name).STUDY
        total = sum(1 for _ in study.variants()) * study.seeds
        done = _done(result_file(root, name, profile, dataset))
        each = _seconds(known, study)
        left = "-" if done >= total else _time(each and each * (total - done))
        table.add_row(name, plugins.summary("study", name), str(total), _state(done, total), left)
    wide = Console()
    (wide if wide.is_terminal else Console(width=160)).print(table)


def plan_lines(
    name: str, found: Sequence[Combination], jobs: Mapping[str, Job], workers: int
) -> list[str]:
    """Return what a study would run, what has finished, and the time that is left.

    Args:
        name: Of the study.
        found: Its combinations.
        jobs: Its jobs by run id.
        workers: Processes; 0 counts as one a core.
    """
    runs = {run.id: run for c in found for run in c.runs}
    root = next(iter(jobs.values())).setting.root if jobs else Path("runs")
    known = [record for _, record in records(root)]
    lines = []
    for run_id, job in jobs.items():
        if job.record() is not None:
            lines.append(f"finished  {run_id}  {job.label}")
        else:
            lines.append(f"to do     {run_id}  {job.label}, {_time(estimate(runs[run_id], known))}")
    for c in found:
        if c.reason:
            word = "impossible" if c.available else "unavailable"
            lines.append(f"{word}  {c.variant.label}: {c.reason}")
    done = sum(line.startswith("finished") for line in lines)
    left = forecast([runs[run_id] for run_id in jobs], known, workers or os.cpu_count() or 1)
    return [*lines, f"{name}: {len(jobs)} runs, {done} finished; {left}"]


def _done(file: Path) -> int:
    """Return how many runs of a study have finished, by its last result."""
    if not file.is_file():
        return 0
    return sum(len(variant.runs) for variant in StudyResult.load(file).variants)


def _seconds(known: Sequence[Record], study: Study) -> float | None:
    """Return the mean time of the finished runs of a study's kind, None if there are none."""
    times = [
        float(r.cost["wall_seconds"])
        for r in known
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
