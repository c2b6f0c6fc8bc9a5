"""Evaluate a finished run again from its checkpoint: ``python -m clear_bench.evaluate RUN``."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from clear_bench.cli import main

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="run directory or id, or a folder of runs")],
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release; none for synthped")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="write the test metrics there as JSON")] = None,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
) -> None:
    """Predict again with the stored checkpoints and compare with the record.

    Leaves with status 2 if a metric differs: then the code, the libraries or the machine compute
    something else than what the record says.
    """
    from clear_bench.cache import Cache
    from clear_bench.errors import UserError
    from clear_bench.execute import show
    from clear_bench.progress import track
    from clear_bench.record import FILE, Record, find_run, write_text
    from clear_bench.schedule import process_pool
    from clear_bench.stale import is_stale, say_stale

    inside = sorted(f.parent for f in Path(run).rglob(FILE)) if Path(run).is_dir() else []
    folders = inside or [find_run(runs_root, run)]
    loaded = [(folder, Record.load(folder)) for folder in folders]
    finished = [(folder, r) for folder, r in loaded if r.status == "finished"]
    if inside:  # one that is named alone is looked at whatever made it
        say_stale(r for _, r in finished if is_stale(r))
        finished = [(folder, r) for folder, r in finished if not is_stale(r)]
    if not finished:
        raise UserError(f"{run}: no finished run made by this code; train again")
    workers = min(len(finished) // 4, os.cpu_count() or 1)  # a process costs seconds of imports
    work = partial(again, root=runs_root, data_root=data_root, cache=Cache(cache))
    if workers > 1:
        with process_pool(workers, max(r.config["threads"] for _, r in finished)) as pool:
            tasks = [pool.submit(work, folder) for folder, _ in finished]
            found = [task.result() for task in track(tasks, "evaluate")]
    else:
        found = [work(folder) for folder in track([f for f, _ in finished], "evaluate")]
    moved = [
        f"{record.run_id}: {words}"
        for (_, record), metrics in zip(finished, found, strict=True)
        for words in differences(record.metrics, metrics)
    ]
    show([record for _, record in finished])
    if moved:
        raise UserError(f"{len(moved)} metrics are not those of the record: {'; '.join(moved[:5])}")
    print(f"{len(finished)} runs evaluated again from their checkpoints, every metric equal")
    if out is not None:
        tests = {r.run_id: r.metrics["selected"]["test"] for _, r in finished}
        write_text(out, json.dumps(tests, indent=1, sort_keys=True) + "\n")


def again(folder: Path, root: Path, data_root: Path | None, cache: Any) -> dict[str, Any]:
    """Return the metrics of a run's checkpoints, computed from its images now."""
    import torch

    from clear_bench import recognition_run, retrieval_run
    from clear_bench.plugins import load
    from clear_bench.runs import reopen

    run = reopen(folder, root, data_root)
    torch.set_num_threads(run.config["threads"])  # the last digits depend on it
    for each in run.line:
        load("method", each.config["method"])
    task = recognition_run if run.task == "recognition" else retrieval_run
    return task.remeasure(run, cache)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what differs between two nested mappings of metrics, in words."""
    return [
        f"{checkpoint}.{split}.{name} was {value!r}, is {new[checkpoint][split].get(name)!r}"
        for checkpoint, splits in old.items()
        for split, values in splits.items()
        for name, value in values.items()
        if new[checkpoint][split].get(name) != value
    ]


if __name__ == "__main__":
    main(app)
