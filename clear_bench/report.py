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
    from clear_bench.record import frame
    from clear_bench.tables import show, summarise, write

    found = frame(runs_root / profile)
    if found.empty:
        raise UserError(f"{runs_root / profile}: no finished runs; train one first")
    found, stale = current(found, runs_root / profile)
    for run in stale:
        print(f"stale: {run} was made by other code and is left out; train it again")
    if found.empty:
        raise UserError(f"{runs_root / profile}: every run is stale; train again")
    for (dataset, task), rows in found.groupby(["dataset", "task"], sort=True):
        table = summarise(rows, str(task))
        write(table, str(task), str(dataset), out / profile)
        print("\n".join(show(table, str(task), str(dataset))))


def current(frame, root: Path):  # type: ignore[no-untyped-def]
    """Return the rows made by the code as it is now, and the ids of the other runs."""
    from clear_bench import plugins
    from clear_bench.method import ENGINES
    from clear_bench.provenance import code_hash
    from clear_bench.record import records

    modules = plugins.available("method")
    stale = sorted(
        record.run_id
        for _, record in records(root)
        if record.method not in modules
        or record.code_hash != code_hash(modules[record.method], ENGINES[record.task])
    )
    return frame[~frame["run_id"].isin(stale)], stale


if __name__ == "__main__":
    main(app)
