"""What runs there are: ``python -m clear_bench.runs list | show | best | rm``."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clear_bench.utils.command_line import main

app = typer.Typer(
    add_completion=False,
    help="List runs, show one, find the best, remove some.  A run is named by METHOD or "
    "METHOD@DATASET (the newest of its recipe), by its id or its beginning, or by its folder.",
)
Root = Annotated[Path, typer.Option("--runs", help="folder of runs")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="KEY=VALUE[,VALUE]: these alone, say dataset=peta or seed=0,1"),
]
FORMATS = ("table", "csv", "json")
Form = Annotated[str, typer.Option("--format", help="table, csv or json")]


@app.command("list")
def list_runs(
    name: Annotated[str, typer.Argument(help="a run, or the beginning of ids")] = "",
    where: Where = None,
    form: Form = "table",
    root: Root = Path("runs"),
) -> None:
    """List runs: state, what selects on val and its value on test, and what was set."""
    from clear_bench.runs.listing import row_of, select

    choice = _checked(form, where)
    found, known = select(root, name, choice)
    _print([row_of(folder, record, known, root) for folder, record in found], form)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="a run")],
    root: Root = Path("runs"),
) -> None:
    """Show one run: settings, protocol, relatives, metrics."""
    from clear_bench.runs.listing import lines_of
    from clear_bench.runs.naming import find_run
    from clear_bench.runs.record import Record, records
    from clear_bench.runs.summary import show as show_metrics

    folder = find_run(root, run)
    record = Record.load(folder)
    known = {r.run_id: r for _, r in records(root)} if root.is_dir() else {}
    print("\n".join(lines_of(folder, record, {**known, record.run_id: record}, root)))
    if record.metrics:
        show_metrics([record])


@app.command()
def best(where: Where = None, form: Form = "table", root: Root = Path("runs")) -> None:
    """Show the best run by val of each profile, data set, task and protocol."""
    from clear_bench.runs.listing import best_rows, select
    from clear_bench.utils.errors import UserError

    found, known = select(root, "", _checked(form, where))
    rows = best_rows(found, known, root)
    if not rows:
        raise UserError(f"{root}: none of {len(found)} runs has a number on val that counts")
    _print(rows, form)


@app.command("rm")
def remove_runs(
    names: Annotated[list[str] | None, typer.Argument(help="runs; or choose by --where")] = None,
    where: Where = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    dry_run: Annotated[bool, typer.Option(help="print what would go and leave")] = False,
    root: Root = Path("runs"),
) -> None:
    """Remove runs with all their files, after asking; none that another run needs."""
    from clear_bench.runs.listing import select
    from clear_bench.runs.naming import find_run
    from clear_bench.runs.removing import remove, require_removable, size_of
    from clear_bench.utils.errors import UserError
    from clear_bench.utils.files import sweep

    if bool(names) == bool(where):
        raise UserError("rm: give either runs or --where")
    choice = _checked("table", where)
    folders = [find_run(root, name) for name in names or ()]
    folders += [folder for folder, _ in select(root, "", choice)[0]] if where else []
    folders = list(dict.fromkeys(folders))
    require_removable(root, folders)
    for folder in folders:
        print(f"{size_of(folder) / 1e6:9.1f} MB  {folder}")
    if dry_run:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"rm: would remove {len(folders)} runs; say --yes")
        typer.confirm(f"remove {len(folders)} runs?", abort=True)
    sweep(root)
    remove(folders)
    print(f"{len(folders)} runs removed")


def _checked(form: str, where: Sequence[str] | None) -> dict[str, list[str]]:
    """Return what ``--where`` chooses, after a look at the format."""
    from clear_bench.config.choice import parse_choice
    from clear_bench.utils.errors import unknown

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return parse_choice(where or [], "--where")


def _print(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print rows of runs in a format."""
    from clear_bench.runs.listing import COLUMNS, table_of
    from clear_bench.utils.progress import wide_console

    if form == "json":
        print(json.dumps(rows, indent=1))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    else:
        wide_console().print(table_of(rows))


if __name__ == "__main__":
    main(app)
