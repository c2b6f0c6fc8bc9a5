"""Tables from records alone: ``python -m clear_bench.report``.  No torch, seconds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_bench.cli import main

if TYPE_CHECKING:
    from clear_bench.results import Results

app = typer.Typer(add_completion=False)


@app.command()
def report(
    profile: Annotated[
        str | None, typer.Option(help="which profile's runs; default if --where names none")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="print this one: a file name of reports/specs/, or a table's")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="of --table: latex, markdown or csv")
    ] = "markdown",
    where: Annotated[
        str | None, typer.Option(help="keep runs: \"dataset == 'peta' and profile == 'paper'\"")
    ] = None,
    explain: Annotated[
        tuple[str, str, str] | None,
        typer.Option(help="TABLE ROW COLUMN: print the runs behind a cell and compute it again"),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="another folder of runs: say which numbers moved")
    ] = None,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="where tables go, a folder a profile")] = Path(
        "reports/out"
    ),
    params: Annotated[Path, typer.Option(help="says which runs there should be")] = Path(
        "params.yaml"
    ),
) -> None:
    """Write every table of every data set; or answer one question about them."""
    from clear_bench.errors import unknown
    from clear_bench.tables.write import FORMATS

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    results = load(runs_root, profile, where, params)
    if explain:
        from clear_bench.explain import explain as lines_of

        print("\n".join(lines_of(results, *explain)))
    elif against:
        from clear_bench.against import compare_roots

        print("\n".join(compare_roots(results, against, profile, where)))
    elif table:
        from clear_bench.tables.build import chosen

        print("\n".join(FORMATS[form](t) for t in chosen(results, table)), end="")
    else:
        write_all(results, out)


def load(root: Path, profile: str | None, where: str | None, params: Path) -> "Results":
    """Return the runs to report, with what there should be.

    Raises:
        UserError: If none of them can be shown.
    """
    from clear_bench.errors import UserError
    from clear_bench.expected import Plan
    from clear_bench.results import FACTS, Results
    from clear_bench.where import check

    named = profile or (None if where and "profile" in check(where, FACTS) else "default")
    plan = Plan.read(params) if params.is_file() else None
    results = Results.load(root, named, where=where, plan=plan)
    if not any(run.usable for run in results.runs):
        what = f" that --where {where!r} fits" if where else ""
        raise UserError(
            f"{root / (named or '')}: no run{what} that has finished and is made by this code; "
            "train again"
        )
    return results


def write_all(results: "Results", out: Path) -> None:
    """Write tables, the metrics and curves of DVC, the list of the paper and the page.

    A folder a profile; the page of the profile ``default`` is ``index.html`` beside the folders.
    """
    from dataclasses import replace

    from clear_bench import page
    from clear_bench.exports import write_curves, write_inputs, write_metrics
    from clear_bench.progress import track
    from clear_bench.tables.build import build, in_order, write_tables

    for profile in sorted({run.record.profile for run in results.runs}):
        own = replace(
            results,
            runs=tuple(r for r in results.runs if r.record.profile == profile),
            studies=tuple(s for s in results.studies if s.profile == profile),
        )
        folder = out / profile
        tables = [t for name in track(in_order(), "tables") for t in build(own, name)]
        write_tables(tables, folder)
        write_metrics(own, folder)
        write_curves(own, folder)
        write_inputs(tables, folder)
        print(page.write(own, profile, out))
        say_gaps(own)
        print(f"{folder}: {len(tables)} tables of {len(own.runs)} runs")


def say_gaps(results: "Results") -> None:
    """Print a line for each row of a table that lacks a run."""
    from clear_bench.method import TASKS
    from clear_bench.tables.methods import notes_of

    for dataset in results.datasets:
        for task in TASKS:
            for group in (g for gs in results.by_protocol(dataset, task) for g in gs):
                if group.gaps:
                    print(f"gap: {dataset} {task} {group.label}: {'; '.join(notes_of(group))}")


if __name__ == "__main__":
    main(app)
