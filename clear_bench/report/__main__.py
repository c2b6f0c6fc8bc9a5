"""Tables from records alone: ``python -m clear_bench.report``.  No torch, seconds."""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.utils.command_line import main

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
        list[str] | None,
        typer.Option(help="KEY=VALUE[,VALUE]: these runs alone, say dataset=peta or seed=0,1"),
    ] = None,
    figure: Annotated[
        list[str] | None, typer.Option(help="draw this one alone: a file name of reports/specs/")
    ] = None,
    width: Annotated[
        str, typer.Option(help="of all figures: column or text; each has its own if not given")
    ] = "",
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
    strict_code: Annotated[
        bool, typer.Option("--strict-code", help="count runs of exactly the present code alone")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="show stale runs too, in rows that say why they are")
    ] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="where tables go, a folder a profile")] = Path(
        "reports/out"
    ),
    params: Annotated[Path, typer.Option(help="says which runs there should be")] = Path(
        "params.yaml"
    ),
    exports: Annotated[
        Path | None, typer.Option(help="write DVC's metrics and curves here; none if not given")
    ] = None,
) -> None:
    """Write every table of every data set; or answer one question about them."""
    from clear_bench.config.choice import parse_choice
    from clear_bench.report.figures.style import WIDTHS
    from clear_bench.report.tables.write import FORMATS
    from clear_bench.report.write import load, strictly, why_stale, write_all
    from clear_bench.utils.errors import unknown
    from clear_bench.utils.files import sweep

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if width and width not in WIDTHS:
        raise unknown("width", width, WIDTHS)
    choice = parse_choice(where or [], "--where")
    sweep(runs_root, out)
    counted = strictly if strict_code else why_stale
    results = load(runs_root, profile, choice, params, stale=counted, show_stale=stale)
    if explain:
        from clear_bench.report.explain import explain as lines_of

        print("\n".join(lines_of(results, *explain)))
    elif against:
        from clear_bench.results.compare import compare_roots

        print("\n".join(compare_roots(results, against, profile, choice)))
    elif table:
        from clear_bench.report.tables.build import chosen

        print("\n".join(FORMATS[form](t) for t in chosen(results, table)), end="")
    else:
        write_all(results, out, figure, publish, exports, width)


if __name__ == "__main__":
    main(app)
