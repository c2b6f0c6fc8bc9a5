"""Answer questions about CLEAR: ``python -m clear_bench.ablate --study lm_choice``.

A study is a file of ``ablations/``.  What has finished is not run again, whoever ran it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

if TYPE_CHECKING:
    from clear_bench.config.choice import Choice
    from clear_bench.config.study import Study
    from clear_bench.runs.study_result import StudyResult
    from clear_bench.studies.jobs import Combination, Job, Setting
    from clear_bench.training.mirror import Mirror

app = typer.Typer(add_completion=False)


@app.command()
def ablate(
    study: Annotated[
        list[str] | None, typer.Option(help="a file name of ablations/, or all; see --list")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="see: clear_bench.data list; csv:NAME for your own")
    ] = "synthped",
    profile: Annotated[str, typer.Option(help="smoke, default, base or paper")] = "default",
    seeds: Annotated[
        int, typer.Option(min=0, max=40_000, help="seeds 0 to N-1; 0 takes the study's own")
    ] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE[,VALUE]: these levels beside the reference")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release; none for synthped")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, of every variant")
    ] = None,
    search: Annotated[bool, typer.Option(help="search the study's numeric factors on val")] = False,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="budget of --search")] = 20,
    workers: Annotated[
        int, typer.Option(min=0, max=1024, help="processes here; 0 is one a GPU, else one a core")
    ] = 0,
    processes: Annotated[
        int, typer.Option(min=1, max=1024, help="GPUs of one run, through torchrun; 1 does without")
    ] = 1,
    storage: Annotated[
        str, typer.Option(help="Optuna storage, shared by machines; a file below --runs if empty")
    ] = "",
    show_list: Annotated[bool, typer.Option("--list", help="print the studies and leave")] = False,
    dry_run: Annotated[bool, typer.Option(help="print what would run and leave")] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    plugins: Plugins = None,
    out: Annotated[Path, typer.Option(help="where tables and figures go")] = Path(
        "reports/studies"
    ),
) -> None:
    """Run the missing variants of studies, then print and write their tables and figures.

    Leaves with status 2 if a variant failed; the others are run and shown all the same.
    """
    from clear_bench.utils.errors import UserError

    if show_list:
        from clear_bench.studies.overview import show_list as print_list

        print_list(runs_root, profile, dataset)
        return
    from clear_bench.config.choice import parse_choice
    from clear_bench.utils.files import sweep
    from clear_bench.utils.kept_values import kept_in

    choice = parse_choice(only or [], "--only")
    failed: list[str] = []
    results: list[StudyResult] = []
    if not dry_run:
        sweep(runs_root, cache, out)
    from clear_bench.training.mirror import Mirror

    with Mirror() as mirror:
        for name in _names(study):
            loaded, setting = _prepare(
                name, dataset, profile, seeds, overrides, runs_root, data_root
            )
            with kept_in(cache / "planning.json"):
                combined, jobs = _jobs(loaded, setting, choice)
            if dry_run:
                _show_plan(name, combined, jobs, workers)
                continue
            _say_first(name, jobs, workers)
            from clear_bench.report.of_study import write
            from clear_bench.studies.crew import Crew
            from clear_bench.studies.outcome import collect, result_name

            crew = Crew(storage, runs_root, cache, workers, processes)
            mirror.follow(run for job in jobs.values() for run in job.run.line)
            if search:
                from clear_bench.studies.parameter_search import search_parameters

                result = search_parameters(name, loaded, setting, trials, crew)
            else:
                failures = crew.carry_out(result_name(name, setting, choice), jobs)
                result = collect(name, loaded, setting, combined, failures, choice)
            result = result.with_earlier_search(runs_root)
            result.save(runs_root)
            write(result, runs_root, out)
            results.append(result)
            failed += [f"{name}: {v.label}" for v in result.variants if v.status == "failed"]
        _mirror(mirror, results, runs_root)
    if failed:
        raise UserError(f"{len(failed)} variants failed, see above: {'; '.join(failed)}")


def _say_first(name: str, jobs: "dict[str, Job]", workers: int) -> None:
    """Say what a study will do and how long it will take, before anything heavy is loaded."""
    from clear_bench.runs.forecast import first_words
    from clear_bench.training.workers import workers_for
    from clear_bench.utils.progress import say

    runs = [job.run for job in jobs.values()]
    if any(not run.finished for run in runs):
        say(first_words(name, runs, workers_for(runs, workers)))


def _mirror(mirror: "Mirror", results: "list[StudyResult]", root: Path) -> None:
    """Mirror studies to MLflow, and the records of their runs and of the runs' parents."""
    from clear_bench.runs.files import folders_of_runs

    if not results:
        return
    named = {run_id for result in results for run_id in result.run_ids}
    folder_of = {folder.name: folder for folder in folders_of_runs(root)}
    todo = [folder_of[name] for name in sorted(named) if name in folder_of]
    mirror.runs(dict.fromkeys(f for folder in todo for f in _line(folder, folder_of)))
    for result in results:
        mirror.study(result, root)


def _line(folder: Path, folder_of: dict[str, Path]) -> list[Path]:
    """Return the run directories of a run and of its ancestors, the first one first."""
    from clear_bench.runs.record import Record

    parent = folder_of.get(Record.load(folder).parent)
    return [*(_line(parent, folder_of) if parent else []), folder]


def _names(asked: list[str] | None) -> list[str]:
    """Return the studies asked for."""
    from clear_bench.config import plugins
    from clear_bench.utils.errors import UserError, unknown

    studies = plugins.available("study")
    if not asked:
        raise UserError(f"--study is missing; there are: {', '.join(studies)}, or all")
    names = list(studies) if asked == ["all"] else asked
    for name in names:
        if name not in studies:
            raise unknown("study", name, studies)
    return names


def _prepare(
    name: str,
    dataset: str,
    profile: str,
    seeds: int,
    overrides: list[str] | None,
    root: Path,
    data_root: Path | None,
) -> "tuple[Study, Setting]":
    """Return a study, and where it is carried out."""
    from clear_bench.config import plugins
    from clear_bench.config.dotted import parse_overrides
    from clear_bench.studies.jobs import Setting

    study: Study = plugins.load("study", name).STUDY
    chosen = tuple(range(seeds or study.seeds))
    changed = parse_overrides(overrides or [])
    return study, Setting(dataset, profile, chosen, changed, root, data_root)


def _jobs(
    study: "Study", setting: "Setting", only: "Choice"
) -> "tuple[list[Combination], dict[str, Job]]":
    """Return the combinations of a study and the jobs they need, by run id."""
    from clear_bench.studies.jobs import combinations, jobs_of

    combined = combinations(study, setting, only)
    return combined, jobs_of(combined)


def _show_plan(
    name: str, combined: "list[Combination]", jobs: "dict[str, Job]", workers: int
) -> None:
    """Print what would run, what is done, and how long it would take by past records."""
    from clear_bench.studies.overview import plan_lines

    print("\n".join(plan_lines(name, combined, jobs, workers)))


if __name__ == "__main__":
    main(app)
