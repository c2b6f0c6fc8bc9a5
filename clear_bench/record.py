"""Runs that travel, and their mirror: ``python -m clear_bench.record export|import|mirror``."""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.utils.command_line import main

app: typer.Typer = typer.Typer(
    add_completion=False,
    help="Put runs into an archive, take them out of one, mirror them to MLflow.",
)


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="the archive to write")],
    profile: Annotated[str | None, typer.Option(help="only this profile's runs")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE[,VALUE]: only these, see report --where")
    ] = None,
    checkpoints: Annotated[bool, typer.Option(help="with the trained weights")] = False,
    predictions: Annotated[
        bool, typer.Option(help="with what tests over images, --explain and some figures read")
    ] = True,
    root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
) -> None:
    """Write records, predictions and studies into an archive; whole or not at all."""
    from clear_bench.config.choice import parse_choice
    from clear_bench.results.archive import export_runs
    from clear_bench.utils.files import sweep

    choice = parse_choice(where or [], "--where")
    sweep(root)
    runs, studies = export_runs(
        root, file, profile, choice, checkpoints=checkpoints, predictions=predictions
    )
    print(f"{file}: {runs} runs and {studies} studies, {file.stat().st_size / 1e6:.1f} MB")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="the archive to read")],
    root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
) -> None:
    """Put an archive's runs among one's own; a run that is here already must be the same."""
    from clear_bench.results.archive import import_runs
    from clear_bench.utils.files import sweep

    sweep(root)
    added, there_before = import_runs(file, root)
    print(f"{root}: {added} runs and studies added, {there_before} were there already")
    print(f"compare with your own: python -m clear_bench.report --against {root}")


@app.command("mirror")
def mirror_command(
    root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
) -> None:
    """Mirror every record and study below a folder to MLflow; what it has is left alone."""
    from clear_bench.training.mirror import mirror_all
    from clear_bench.utils.files import sweep

    sweep(root)
    count, new = mirror_all(root)
    print(f"{count} records mirrored, {new} of them now")


if __name__ == "__main__":
    main(app)
