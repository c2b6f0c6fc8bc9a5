"""Train methods: ``python -m clear_bench.train --method clear --dataset synthped --seed 0``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.callable_module import CallableModule
from clear_bench.utils.command_line import main

if TYPE_CHECKING:
    from clear_bench.runs.run import Run

app = typer.Typer(add_completion=False)


@app.command()
def train(
    method: Annotated[
        list[str] | None, typer.Option(help="clear (if not given) or a file name of baselines/")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="see: clear_bench.data list; csv:NAME for your own")
    ] = "synthped",
    profile: Annotated[str, typer.Option(help="smoke, default, base or paper")] = "default",
    seed: Annotated[
        list[int] | None, typer.Option(help="of everything random; 0 if not given")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=0, max=40_000, help="train seeds 0 to N-1 (instead of --seed)")
    ] = 0,
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release; none for synthped")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, see --show-config")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="print the methods and leave")] = False,
    show_config: Annotated[bool, typer.Option(help="print the configuration and leave")] = False,
    dry_run: Annotated[bool, typer.Option(help="print what would run and leave")] = False,
    workers: Annotated[
        int, typer.Option(min=0, max=1024, help="runs side by side; 0 chooses by cores and threads")
    ] = 0,
    task: Annotated[
        str, typer.Option(help="recognition: leave a method's retrieval half out; empty: all")
    ] = "",
    studies: Annotated[bool, typer.Option(help="put new runs below runs/studies")] = False,
    launcher: Annotated[str, typer.Option(help="none, pytorch (torchrun) or slurm")] = "none",
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    plugins: Plugins = None,
) -> None:
    """Train, evaluate and record methods on a data set; what has finished is not run again.

    --method and --seed may be given several times.  A method with a retrieval half makes two runs
    a seed: recognition first, then retrieval on its frozen features.
    """
    if show_list:
        list_methods()
        return
    from clear_bench.config.dotted import parse_overrides

    methods = method or ["clear"]
    chosen = list(range(seeds)) if seeds else (seed or [0])
    changed = parse_overrides(overrides or [])
    if show_config:
        print_settings(methods, dataset, profile, chosen[0], changed)
        return
    from clear_bench.runs.files import STUDIES
    from clear_bench.training.plan import plan
    from clear_bench.utils.kept_values import kept_in

    require_task(task)
    places: Any = {"root": runs_root, "data_root": data_root, "under": STUDIES if studies else ""}
    with kept_in(cache / "planning.json"):
        planned = [
            run
            for name in methods
            for s in chosen
            for run in plan(name, dataset, profile, s, changed, **places)
            if task in ("", "retrieval", run.task)
        ]
    asked = 1 if launcher != "none" else workers
    if not method:
        print(f"no --method: trains clear on {dataset}, profile {profile}; see --list for others")
    if dry_run or not method:
        show_plan(planned, asked)
    elif any(not run.finished for run in planned):
        from clear_bench.runs.forecast import first_words
        from clear_bench.training.workers import workers_for
        from clear_bench.utils.progress import say

        say(first_words("to train", planned, workers_for(planned, asked)))
    if not dry_run:
        carry_out(planned, runs_root, cache, asked, launcher, mirror=not studies)


def called(*args: Any, **rest: Any) -> Any:
    """Train from Python: this module is also the function `clear_bench.train`."""
    from clear_bench.api.training import train as train_here

    return train_here(*args, **rest)


sys.modules[__name__].__class__ = CallableModule


def carry_out(
    planned: "list[Run]",
    runs_root: Path,
    cache_root: Path,
    workers: int,
    launcher: str,
    *,
    mirror: bool,
) -> None:
    """Train what has not finished, then show the metrics of all.

    Args:
        planned: Parents first.
        runs_root: Folder of runs.
        cache_root: Folder of derived files.
        workers: Processes; 0 chooses.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        mirror: Whether to mirror the runs to MLflow; whoever asked for a study mirrors that.
    """
    from clear_bench.training.forks import warm
    from clear_bench.training.workers import workers_for

    several = workers_for(planned, workers)
    if several > 1 and not all(run.finished for run in planned):
        warm(max(run.config["threads"] for run in planned))  # before this process imports the same
    from clear_bench.engine.distributed import leads, leave, main_process
    from clear_bench.runs.summary import show
    from clear_bench.training.cache import Cache
    from clear_bench.training.execute import execute
    from clear_bench.training.mirror import Mirror
    from clear_bench.training.parallel import execute_all
    from clear_bench.utils.files import sweep

    cache = Cache(cache_root)
    if launcher == "none":  # the processes of one run begin while others are at work
        sweep(runs_root, cache_root)
    with Mirror() as store:
        if mirror and leads(launcher):
            store.follow(planned)
        records = (
            execute_all(planned, cache, several)
            if several > 1
            else execute(planned, cache, launcher)
        )
        if main_process():
            show(list({record.run_id: record for record in records}.values()))
    leave()


def require_task(task: str) -> None:
    """Raise a `UserError` unless a word is a task, or ""."""
    from clear_bench.config.method import TASKS
    from clear_bench.utils.errors import unknown

    if task and task not in TASKS:
        raise unknown("task", task, TASKS)


def print_settings(
    methods: "Sequence[str]", dataset: str, profile: str, seed: int, changed: dict[str, Any]
) -> None:
    """Print the configuration of methods as YAML, one document each."""
    from clear_bench.config.compose import compose
    from clear_bench.config.describe import as_yaml

    for name in methods:
        if len(methods) > 1:
            print("---")
        print(as_yaml(compose(name, dataset, profile, seed, changed)), end="")


def show_plan(planned: "Sequence[Run]", workers: int) -> None:
    """Print what would run and what it would cost, as far as records of this machine say."""
    from clear_bench.runs.forecast import expected_seconds, forecast, unfinished
    from clear_bench.training.workers import workers_for
    from clear_bench.utils.run_progress import clock

    todo = unfinished(planned)
    seconds = expected_seconds(list(todo.values()))
    for name, run in {run.id: run for run in planned}.items():
        state = "to do   " if name in todo else "finished"
        each = seconds.get(name)
        cost = "" if name not in todo else "unknown" if each is None else clock(each)
        print(f"{state}  {cost:>8}  {run.folder}")
    print(forecast(todo, seconds, workers_for(planned, workers)))


def list_methods() -> None:
    """Print the name and the first line of each method's file; none of them is imported."""
    from rich.console import Console
    from rich.table import Table

    from clear_bench.config.plugins import available, summary

    table = Table("method", "what it is")
    for name in available("method"):
        table.add_row(name, summary("method", name))
    Console().print(table)


if __name__ == "__main__":
    main(app)
