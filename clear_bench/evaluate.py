"""Evaluate a finished run again from its checkpoint: ``python -m clear_bench.evaluate RUN``."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.config.protocol import CHECKPOINTS
from clear_bench.utils.command_line import main

if TYPE_CHECKING:
    from clear_bench.runs.record import Record
    from clear_bench.training.cache import Cache

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="run, see runs list, or a folder of runs")],
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release; none for synthped")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="selected, last or oracle; empty: all that a run has")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="write the test metrics there as JSON")] = None,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    plugins: Plugins = None,
) -> None:
    """Predict again with the stored checkpoints and compare with the record.

    Leaves with status 2 if a metric differs: then the code, the libraries or the machine compute
    something else than what the record says.
    """
    from clear_bench.runs.files import folders_of_runs
    from clear_bench.runs.naming import find_run
    from clear_bench.runs.record import Record
    from clear_bench.runs.stale import is_stale, say_stale
    from clear_bench.runs.summary import show
    from clear_bench.training.cache import Cache
    from clear_bench.utils.errors import UserError, unknown
    from clear_bench.utils.files import sweep, write_text

    if checkpoint not in ("", *CHECKPOINTS):
        raise unknown("checkpoint", checkpoint, CHECKPOINTS)
    sweep(runs_root, cache)
    inside = list(folders_of_runs(Path(run)))
    folders = inside or [find_run(runs_root, run)]
    loaded = [(folder, Record.load(folder)) for folder in folders]
    finished = [
        (folder, r)
        for folder, r in loaded
        if r.status == "finished" and checkpoint in ("", *r.metrics)
    ]
    if inside:  # one that is named alone is looked at whatever made it
        say_stale(r for _, r in finished if is_stale(r))
        finished = [(folder, r) for folder, r in finished if not is_stale(r)]
    if not finished:
        of = f" with a checkpoint {checkpoint}" if checkpoint else ""
        raise UserError(f"{run}: no finished run{of} whose numbers count; train again")
    measured = _all_again(finished, runs_root, data_root, Cache(cache), checkpoint)
    moved = [
        f"{record.run_id}: {words}"
        for folder, record in finished
        for words in differences(
            {k: v for k, v in record.metrics.items() if checkpoint in ("", k)}, measured[folder]
        )
    ]
    show([record for _, record in finished])
    if moved:
        raise UserError(f"{len(moved)} metrics are not those of the record: {'; '.join(moved[:5])}")
    of = f"checkpoint {checkpoint}" if checkpoint else "checkpoints"
    print(f"{len(finished)} runs evaluated again from their {of}, every metric equal")
    if out is not None:
        tests = {r.run_id: r.metrics["selected"]["test"] for _, r in finished}
        write_text(out, json.dumps(tests, indent=1, sort_keys=True) + "\n")


def _all_again(
    finished: "list[tuple[Path, Record]]",
    root: Path,
    data_root: Path | None,
    cache: "Cache",
    checkpoint: str,
) -> dict[Path, dict[str, Any]]:
    """Return run directory -> metrics of its checkpoints, several runs side by side."""
    from clear_bench.training.forks import warm
    from clear_bench.training.workers import Workers
    from clear_bench.utils.progress import track

    folders = [folder for folder, _ in finished]
    count = min(len(finished) // 4, os.cpu_count() or 1)  # a process costs seconds of imports
    if count < 2:
        return {f: again(f, root, data_root, cache, checkpoint) for f in track(folders, "evaluate")}
    measured: dict[Path, dict[str, Any]] = {}
    threads = max(r.config["threads"] for _, r in finished)
    warm(threads)
    with Workers(count, threads) as workers:
        for folder in folders:
            workers.submit(folder, again, folder, root, data_root, cache, checkpoint)
        for outcome in track(workers.outcomes(), "evaluate", len(folders)):
            if outcome.error:
                raise outcome.error
            measured[outcome.key] = outcome.value
    return measured


def again(
    folder: Path, root: Path, data_root: Path | None, cache: "Cache", checkpoint: str = ""
) -> dict[str, Any]:
    """Return the metrics of a run's checkpoints, or of one, computed from its images now."""
    from clear_bench.training.execute import task_of
    from clear_bench.training.plan import reopen

    return task_of(reopen(folder, root, data_root), cache).remeasure(checkpoint)


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
