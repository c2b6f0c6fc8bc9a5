"""The end of a study: its table in the terminal, its files, and MLflow's nested runs."""

from pathlib import Path

from clear_bench.study import StudyResult, result_file


def write(result: StudyResult, root: Path, out: Path) -> None:
    """Print a study's table, write it and its figures, mirror it, and say where all that lies.

    Args:
        result: What is known of the study.
        root: Folder of all runs.
        out: Folder of studies' files; the report makes its own from the same records.
    """
    from clear_bench.figures import draw_all
    from clear_bench.plots.material import Material
    from clear_bench.results import Results
    from clear_bench.tables.build import build
    from clear_bench.tables.write import show, write_forms
    from clear_bench.track import mirror_study

    mirror_study(result, root)
    found = Results.load(root, result.profile).of_study(result)
    folder = out / result.profile / f"{result.dataset}-{result.study}"
    files = []
    for table in build(found, "ablation"):
        files += write_forms(table, folder)
        show(table)
    for drawn in draw_all(Material(found), folder, ("deltas", "curves", "search")):
        files += [folder / name for name in drawn.files]
    kept = result_file(root, result.study, result.profile, result.dataset)
    print("\n".join(f"wrote {file}" for file in [*files, kept]))
