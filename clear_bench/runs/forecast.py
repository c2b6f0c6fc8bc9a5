"""What a run will cost on this machine, from the records of runs before it.  No torch import."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from clear_bench.runs.files import folders_of_runs
from clear_bench.runs.provenance import machine
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.utils.errors import UserError
from clear_bench.utils.run_progress import UNKNOWN, clock

NEEDED = {"seconds_per_epoch", "wall_seconds", "train_seconds"}


def run_seconds(run: Run, records: Sequence[Record]) -> float | None:
    """Return the seconds that a run will take, None if nothing near it has finished here.

    Near it is a run of the same task and profile on this machine; what is nearest decides: of the
    same method, then image size, threads, model, data set.  Training seconds scale with images,
    their size and epochs, all others (start, validation, test) with images.

    Args:
        run: One that may or may not have finished.
        records: Of any runs.
    """
    near = [record for record in records if _comparable(run, record)]
    if not near:
        return None
    best = max(_likeness(run, record) for record in near)
    return median(_scaled(run, r) for r in near if _likeness(run, r) == best)


def expected_seconds(runs: Sequence[Run]) -> dict[str, float | None]:
    """Return run id to `run_seconds`, by the records of the same methods and tasks.

    Of a method that has none, by one of each other method and data set.
    """
    if not runs:
        return {}
    folders = list(folders_of_runs(runs[0].root))
    past: dict[str, list[Record]] = {}
    for run in runs:
        kind = _kind(run)
        if kind not in past:
            own = [folder for folder in folders if folder.name.startswith(kind)]
            past[kind] = [Record.load(folder) for folder in own] or _of_others(run, folders)
    return {run.id: run_seconds(run, past[_kind(run)]) for run in runs}


def _of_others(run: Run, folders: Sequence[Path]) -> list[Record]:
    """Return a record of each method and data set, of a run's task and profile.

    One that is damaged says nothing of how long another run takes; the report says that it is.
    """
    words = f"-{run.task}-", f"-{run.config['profile']}-s"
    fit = [folder for folder in folders if all(word in folder.name for word in words)]
    found = []
    for folder in {folder.parent: folder for folder in fit}.values():
        with suppress(UserError):
            found.append(Record.load(folder))
    return found


def forecast(todo: Mapping[str, Run], seconds: Mapping[str, float | None], workers: int) -> str:
    """Return one line that says how long unfinished runs will take.

    No order of runs is faster than their sum shared by all workers, nor than the longest run after
    its parent; and a sensible one takes about as long as the greater of the two.

    Args:
        todo: Run id to run.
        seconds: Of each, see `expected_seconds`.
        workers: Runs carried out side by side.
    """
    estimates = {name: value for name, value in seconds.items() if value is not None}
    chains = [
        value + (estimates.get(parent.id, 0.0) if (parent := todo[name].parent) else 0.0)
        for name, value in estimates.items()
    ]
    total = max([sum(estimates.values()) / workers, *chains])
    missing = len(todo) - len(estimates)
    if todo and not estimates:
        return f"{len(todo)} runs to do, {UNKNOWN}"
    rest = f", and {missing} of which there is {UNKNOWN}" if missing else ""
    side = f" with {workers} side by side" if workers > 1 else ""
    return f"{len(estimates)} runs to do, about {clock(total)}{side}{rest}"


def unfinished(runs: Iterable[Run]) -> dict[str, Run]:
    """Return run id to run of those that have no record yet; one may be there several times."""
    return {run.id: run for run in runs if not run.finished}


def first_words(name: str, runs: Sequence[Run], workers: int) -> str:
    """Return what a command says before it loads anything: what it will do and how long.

    Args:
        name: What the runs are for.
        runs: Finished or not; the same may be there several times.
        workers: As of `forecast`.
    """
    todo = unfinished(runs)
    return f"{name}: {forecast(todo, expected_seconds(list(todo.values())), workers)}"


def _kind(run: Run) -> str:
    """Return what the ids of runs of the same method and task begin with."""
    return f"{run.config['method']}-{run.task}-"


def _comparable(run: Run, record: Record) -> bool:
    """Return whether a record says anything about a run."""
    there = {k: record.provenance.get(k) for k in machine()}
    return (
        record.status == "finished"
        and (record.task, record.profile) == (run.task, run.config["profile"])
        and there == machine()
        and record.data.get("train_images", 0) > 0
        and set(record.cost) >= NEEDED
        and run.trains == (record.cost["train_seconds"] > 0)
    )


def _likeness(run: Run, record: Record) -> tuple[bool, ...]:
    """Return what a record has in common with a run, what matters more first."""
    ours, theirs = run.config, record.config
    return (
        record.method == ours["method"],
        theirs["data"]["image_size"] == ours["data"]["image_size"],
        theirs["threads"] == ours["threads"],
        theirs[record.task]["model"] == run.section["model"],
        record.dataset == ours["dataset"],
    )


def _scaled(run: Run, record: Record) -> float:
    """Return the seconds of a record's run, had it had the images and epochs of another."""
    images = len(run.dataset.rows("train")) * run.config["data"]["identities"]
    scale = images / record.data["train_images"]
    size = _pixels(run.config) / _pixels(record.config) if run.task == "recognition" else 1.0
    cost = record.cost
    training = size * cost["seconds_per_epoch"] * run.section["train"]["epochs"]
    return float(scale * (training + cost["wall_seconds"] - cost["train_seconds"]))


def _pixels(config: Mapping[str, Any]) -> float:
    """Return how many pixels an image has."""
    height, width = config["data"]["image_size"]
    return float(height * width)
