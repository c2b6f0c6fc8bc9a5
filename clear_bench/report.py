"""Tables from records alone: ``python -m clear_bench.report``.  No torch, seconds."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_bench.cli import main

if TYPE_CHECKING:
    from clear_bench.results import Results
    from clear_bench.tables.model import Table

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
    figure: Annotated[
        list[str] | None, typer.Option(help="draw this one alone: a file name of reports/specs/")
    ] = None,
    publish: Annotated[
        bool,
        typer.Option("--publish-images", help="show pictures whose terms forbid to publish them"),
    ] = False,
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
        write_all(results, out, figure, publish)


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


def write_all(
    results: "Results", out: Path, figures: list[str] | None = None, publish: bool = False
) -> None:
    """Write tables, figures, the page, DVC's metrics and the list of the paper, by profile.

    Args:
        results: The runs.
        out: Folder of reports.
        figures: Draw these alone, and write nothing else; None writes everything.
        publish: See `clear_bench.plots.material.Material`.
    """
    from clear_bench.exports import write_inputs
    from clear_bench.figures import draw_all, drawing
    from clear_bench.page import write as write_page
    from clear_bench.plots.material import Material

    for profile in sorted({run.record.profile for run in results.runs}):
        own = results.of_profile(profile)
        folder = out / profile
        material = Material(own, publish=publish)
        if figures:
            print("\n".join(map(str, draw_all(material, folder / "figures", figures))))
            continue
        with drawing(material, folder / "figures", workers=os.cpu_count() or 1) as wait:
            tables = _write_tables(own, folder)
            drawn = wait()
        print("\n".join(str(d) for d in drawn if d.note))
        write_inputs(tables, folder)
        page = write_page(own, profile, out, tables)
        say_gaps(own)
        count = sum(len(d.files) > 0 for d in drawn)
        print(f"{folder}: {len(tables)} tables and {count} figures of {len(own.runs)} runs; {page}")


def _write_tables(results: "Results", folder: Path) -> "list[Table]":
    """Write the tables, DVC's metrics and its curves, and return the tables."""
    from clear_bench.exports import write_curves, write_metrics
    from clear_bench.progress import track
    from clear_bench.tables.build import build, in_order, write_tables

    tables = [t for name in track(in_order(), "tables") for t in build(results, name)]
    write_tables(tables, folder)
    write_metrics(results, folder)
    write_curves(results, folder)
    return tables


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
