"""The end of a study: its table in the terminal, and its files."""

from pathlib import Path

from clear_bench.config.dataset_name import in_files
from clear_bench.runs.study_result import StudyResult, result_file


def write(result: StudyResult, root: Path, out: Path) -> None:
    """Print a study's table, write it and its figures, and say where all that lies.

    Args:
        result: What is known of the study.
        root: Folder of all runs.
        out: Folder of studies' files; the report makes its own from the same records.
    """
    from clear_bench.report.drawing import draw_all
    from clear_bench.report.figures.material import Material
    from clear_bench.report.tables.build import build
    from clear_bench.report.tables.write import show, write_forms
    from clear_bench.results.load import Results

    of_this_study = Results.load(root, result.profile).of_study(result)
    folder = out / result.profile / f"{in_files(result.dataset)}-{result.study}"
    files = []
    for table in build(of_this_study, "ablation"):
        files += write_forms(table, folder)
        show(table)
    for drawn in draw_all(Material(of_this_study), folder, ("deltas", "curves", "search")):
        files += [folder / name for name in drawn.files]
    kept = result_file(root, result.study, result.profile, result.dataset)
    print("\n".join(f"wrote {file}" for file in [*files, kept]))
