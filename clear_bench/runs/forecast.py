"""What a run will cost on this machine, from the records of runs before it.  No torch import."""

from collections.abc import Sequence
from statistics import median

from clear_bench.runs.files import folders_of_runs
from clear_bench.runs.provenance import machine
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.utils.run_progress import clock

NEEDED = {"seconds_per_epoch", "wall_seconds", "train_seconds"}
UNKNOWN = "unknown: the first run measures it"


def run_seconds(run: Run, records: Sequence[Record]) -> float | None:
    """Return the seconds that a run will take, None if nothing like it has finished here.

    Like it is a run of the same method, task, profile, image size and threads on this machine;
    best one of the same model, and then of the same data set.  Training seconds scale with images
    and epochs, all others (start, validation, test) with images.

    Args:
        run: One that may or may not have finished.
        records: Of any runs.
    """
    like = [record for record in records if _comparable(run, record)]
    if not like:
        return None
    best = max(_likeness(run, record) for record in like)
    return median(_scaled(run, r) for r in like if _likeness(run, r) == best)


def expected_seconds(runs: Sequence[Run]) -> dict[str, float | None]:
    """Return run id to `run_seconds`, by the records of the same methods and tasks alone."""
    if not runs:
        return {}
    kinds = tuple({f"{run.config['method']}-{run.task}-" for run in runs})
    folders = [f for f in folders_of_runs(runs[0].root) if f.name.startswith(kinds)]
    past = [Record.load(folder) for folder in folders]
    return {run.id: run_seconds(run, past) for run in runs}


def forecast(runs: Sequence[Run], records: Sequence[Record], workers: int) -> str:
    """Return one line that says how long all unfinished runs will take.

    No order of runs is faster than their sum shared by all workers, nor than the longest run after
    its parent; and a sensible one takes about as long as the greater of the two.

    Args:
        runs: The same run may be there several times.
        records: See `run_seconds`.
        workers: Runs carried out side by side.
    """
    todo = {run.id: run for run in runs if not run.finished}
    seconds = {name: run_seconds(run, records) for name, run in todo.items()}
    estimates = {name: value for name, value in seconds.items() if value is not None}
    chains = [
        value + (estimates.get(parent.id, 0.0) if (parent := todo[name].parent) else 0.0)
        for name, value in estimates.items()
    ]
    total = max([sum(estimates.values()) / workers, *chains])
    missing = len(todo) - len(estimates)
    if todo and not estimates:
        return f"{len(todo)} runs to do, {UNKNOWN}"
    rest = f", and {missing} of which nothing is known ({UNKNOWN})" if missing else ""
    side = f" with {workers} side by side" if workers > 1 else ""
    return f"{len(estimates)} runs to do, about {clock(total)}{side}{rest}"


def _comparable(run: Run, record: Record) -> bool:
    """Return whether a record says anything about a run."""
    c = run.config
    there = {k: record.provenance.get(k) for k in machine()}
    return (
        record.status == "finished"
        and (record.method, record.task, record.profile) == (c["method"], run.task, c["profile"])
        and record.config["data"]["image_size"] == c["data"]["image_size"]
        and record.config["threads"] == c["threads"]
        and there == machine()
        and record.data.get("train_images", 0) > 0
        and set(record.cost) >= NEEDED
    )


def _likeness(run: Run, record: Record) -> tuple[bool, bool]:
    """Return what a record has in common with a run, what matters more first."""
    same_model = record.config[record.task]["model"] == run.section["model"]
    return same_model, record.dataset == run.config["dataset"]


def _scaled(run: Run, record: Record) -> float:
    """Return the seconds of a record's run, had it had the images and epochs of another."""
    images = len(run.dataset.rows("train")) * run.config["data"]["identities"]
    scale = images / record.data["train_images"]
    cost = record.cost
    training = cost["seconds_per_epoch"] * run.section["train"]["epochs"]
    return scale * (training + cost["wall_seconds"] - cost["train_seconds"])
