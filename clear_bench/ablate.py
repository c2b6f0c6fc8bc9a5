"""Answer questions about CLEAR: ``python -m clear_bench.ablate --study lm_choice``.

A study is a file of ``ablations/``.  What has finished is not run again, whoever ran it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_bench.cli import main

if TYPE_CHECKING:
    from clear_bench.study import Study, StudyResult
    from clear_bench.sweep import Combination, Job, Setting

app = typer.Typer(add_completion=False)


@app.command()
def ablate(
    study: Annotated[
        list[str] | None, typer.Option(help="a file name of ablations/, or all; see --list")
    ] = None,
    dataset: Annotated[str, typer.Option(help="a file name of clear_bench/data/")] = "synthped",
    profile: Annotated[str, typer.Option(help="smoke, default or paper")] = "default",
    seeds: Annotated[int, typer.Option(min=0, help="seeds 0 to N-1; 0 takes the study's own")] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="FACTOR=LEVEL[,LEVEL]: these beside the reference")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release; none for synthped")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, of every variant")
    ] = None,
    search: Annotated[bool, typer.Option(help="search the study's numeric factors on val")] = False,
    trials: Annotated[int, typer.Option(min=1, help="budget of --search")] = 20,
    workers: Annotated[
        int, typer.Option(min=0, help="processes here; 0 is one a GPU, else one a core")
    ] = 0,
    storage: Annotated[
        str, typer.Option(help="Optuna storage, shared by machines; a file below --runs if empty")
    ] = "",
    show_list: Annotated[bool, typer.Option("--list", help="print the studies and leave")] = False,
    dry_run: Annotated[bool, typer.Option(help="print what would run and leave")] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    out: Annotated[Path, typer.Option(help="where tables and figures go")] = Path("reports/out"),
) -> None:
    """Run the missing variants of studies, then print and write their tables and figures.

    Leaves with status 2 if a variant failed; the others are run and shown all the same.
    """
    from clear_bench.errors import UserError

    if show_list:
        list_studies(runs_root, profile, dataset)
        return
    names = _names(study)
    chosen = _only(only or [])
    failed: list[str] = []
    for name in names:
        loaded, setting = _prepare(name, dataset, profile, seeds, overrides, runs_root, data_root)
        address = storage or f"sqlite:///{runs_root / 'studies' / 'optuna.db'}"
        plan = _Plan(name, loaded, setting, address, cache, workers)
        if search:
            result = plan.search(trials, dry_run)
        else:
            result = plan.sweep(chosen, dry_run)
        if result is None:
            continue
        _show(result, runs_root, out)
        failed += [f"{name}: {v.label}" for v in result.variants if v.status == "failed"]
    if failed:
        raise UserError(f"{len(failed)} variants failed, see above: {'; '.join(failed)}")
