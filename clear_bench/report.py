"""Tables from records alone: ``python -m clear_bench.report``.  No torch, seconds."""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.cli import main

app = typer.Typer(add_completion=False)


@app.command()
def report(
    profile: Annotated[str, typer.Option(help="which profile's runs")] = "default",
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="where tables go, a folder a profile")] = Path(
        "reports/out"
    ),
) -> None:
    """Write the recognition and retrieval tables of every data set, and print them."""
    from clear_bench.errors import UserError
    from clear_bench.record import frame, records
    from clear_bench.stale import is_stale, say_stale
    from clear_bench.tables import show, summarise, write

    finished = [r for _, r in records(runs_root / profile) if r.status == "finished"]
    if not finished:
        raise UserError(f"{runs_root / profile}: no finished runs; train one first")
    say_stale(r for r in finished if is_stale(r))
    found = frame(runs_root / profile, keep=lambda record: not is_stale(record))
    if found.empty:
        raise UserError(f"{runs_root / profile}: every run is stale; train again")
    for (dataset, task), rows in found.groupby(["dataset", "task"], sort=True):
        table = summarise(rows, str(task))
        write(table, str(task), str(dataset), out / profile)
        print("\n".join(show(table, str(task), str(dataset))))


if __name__ == "__main__":
    main(app)
