"""Tables from records alone: ``python -m clear_bench.report``.  No torch, seconds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

if TYPE_CHECKING:
    from clear_bench.results.compare import Comparison

app = typer.Typer(add_completion=False)
KEPT, VALUES = "figures", "report.json"
FORMS = ("latex", "markdown", "csv", "json")
"""The keys of `clear_bench.report.tables.write.FORMATS`, whose import takes seconds."""


@app.command()
def report(
    profile: Annotated[
        str | None, typer.Option(help="which profile's runs; default if --where names none")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="print this one: a file name of reports/specs/, or a table's")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="of --table: latex, markdown, csv or json")
    ] = "markdown",
    datasets: Annotated[str, typer.Option(help="NAME[,NAME]: these data sets, in this order")] = "",
    style: Annotated[
        str, typer.Option(help="of --table main as latex: cvpr, eccv or ieee")
    ] = "cvpr",
    floors: Annotated[
        bool, typer.Option("--floors/--no-floors", help="show what guesses, below a rule")
    ] = True,
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
    cache: Annotated[Path, typer.Option(help="keeps figures that would be drawn alike")] = Path(
        ".cache"
    ),
    plugins: Plugins = None,
    exports: Annotated[
        Path | None, typer.Option(help="write DVC's metrics and curves here; none if not given")
    ] = None,
) -> None:
    """Write every table of every data set; or answer one question about them."""
    from clear_bench.config.choice import parse_choice
    from clear_bench.report.figures.widths import WIDTHS
    from clear_bench.utils.errors import unknown

    if form not in FORMS:
        raise unknown("format", form, FORMS)
    if width and width not in WIDTHS:
        raise unknown("width", width, WIDTHS)
    choice = parse_choice(where or [], "--where")
    _require_specs(table, explain, figure)
    _require_runs(runs_root)
    from clear_bench.report.load import load, strictly
    from clear_bench.report.tables.layout import STYLES
    from clear_bench.runs.stale import why_stale
    from clear_bench.utils.files import sweep
    from clear_bench.utils.kept_values import kept_in

    if style not in STYLES:
        raise unknown("style", style, STYLES)
    order = parse_choice([f"dataset={datasets}"], "--datasets")["dataset"] if datasets else []
    if order:
        choice["dataset"] = order
    sweep(runs_root, out, cache / KEPT)
    counted = strictly if strict_code else why_stale
    results = load(runs_root, profile, choice, params, stale=counted, show_stale=stale)
    with kept_in(cache / VALUES):
        if explain:
            from clear_bench.report.explain import explain as lines_of

            print("\n".join(lines_of(results, *explain)))
        elif against:
            from clear_bench.results.compare import compare_roots

            _print_comparison(compare_roots(results, against, profile, choice))
        elif table:
            from clear_bench.report.tables.build import chosen
            from clear_bench.report.tables.write import FORMATS

            asked = {"datasets": order, "style": style, "floors": floors}
            print("\n".join(FORMATS[form](t) for t in chosen(results, table, **asked)), end="")
        else:
            from clear_bench.report.write import write_all

            write_all(results, out, figure, publish, exports, width, cache / KEPT)


def _print_comparison(compared: "Comparison") -> None:
    """Print one table of what moved, in per cent, and lines for the rest."""
    from rich.markup import escape
    from rich.table import Table

    from clear_bench.utils.progress import wide_console

    if compared.moved:
        head = ("what", "metric", "mine", "theirs", "difference", "95 % interval of theirs")
        table = Table(*head)
        for m in compared.moved:
            numbers = f"{m.mine:.2f}", f"{m.theirs:.2f}", f"{m.difference:+.2f}"
            table.add_row(escape(m.name), m.metric, *numbers, m.interval)
        wide_console().print(table)
    print("\n".join(compared.rest))


def _require_specs(
    table: str | None, explain: tuple[str, str, str] | None, figures: list[str] | None
) -> None:
    """Raise a `UserError` for a table or figure of which there can be none, before runs are read.

    A table is named by its spec, or as its file: ``DATASET-SPEC`` and maybe more.
    """
    from clear_bench.config.plugins import available
    from clear_bench.utils.errors import unknown

    specs = available("table")
    for name in filter(None, (table, explain and explain[0])):
        if name not in specs and not any(f"-{spec}" in name for spec in specs):
            raise unknown("table", name, specs)
    for name in figures or ():
        if name not in available("figure"):
            raise unknown("figure", name, available("figure"))


def _require_runs(root: Path) -> None:
    """Raise a `UserError` if there is no run at all, before anything heavy is imported."""
    from clear_bench.runs.files import folders_of_runs
    from clear_bench.utils.errors import UserError

    if next(iter(folders_of_runs(root)), None) is None:
        raise UserError(f"{root}: no runs; train one first: python -m clear_bench.train")


if __name__ == "__main__":
    main(app)
