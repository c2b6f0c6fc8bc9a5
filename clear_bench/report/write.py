"""Write everything of a report: tables, figures, the page, and what other tools read."""

import os
from pathlib import Path

from threadpoolctl import threadpool_limits

from clear_bench.config.method import TASKS
from clear_bench.report.bibliography import bibtex_of
from clear_bench.report.drawing import draw_all, drawing
from clear_bench.report.exports import write_curves, write_inputs, write_metrics, write_plots
from clear_bench.report.figures.material import Material
from clear_bench.report.tables.build import build, in_order, write_tables
from clear_bench.report.tables.methods import notes_of
from clear_bench.report.tables.model import Table
from clear_bench.report.web.write import write as write_page
from clear_bench.results.load import Results
from clear_bench.utils.files import write_text
from clear_bench.utils.progress import track

BIBLIOGRAPHY = "references.bib"


def write_all(
    results: Results,
    out: Path,
    figures: list[str] | None = None,
    publish: bool = False,
    exports: Path | None = None,
    width: str = "",
    keep: Path | None = None,
) -> None:
    """Write tables, figures, the page and the list of the paper, by profile.

    Args:
        results: The runs.
        out: Folder of reports.
        figures: Draw these alone, and write nothing else; None writes everything.
        publish: See `clear_bench.report.figures.material.Material`.
        exports: Folder of DVC's metrics and curves, for results of one profile; None writes none.
        width: See `clear_bench.report.figures.material.Material`.
        keep: See `clear_bench.report.drawing.drawing`.
    """
    made: dict[str, list[Table]] = {}
    for profile in sorted({run.record.profile for run in results.runs}):
        of_profile = results.of_profile(profile)
        folder = out / profile
        material = Material(of_profile, publish=publish, width=width)
        if figures:
            print("\n".join(map(str, draw_all(material, folder / "figures", figures))))
            continue
        workers = os.cpu_count() or 1
        with (
            threadpool_limits(1, "blas"),  # the other processors draw; more threads only wait
            drawing(material, folder / "figures", workers=workers, keep=keep) as wait,
        ):
            tables = _write_tables(of_profile, folder, exports)
            drawn = wait()
        if exports:
            write_plots(folder / "figures", [f for d in drawn for f in d.files], exports)
        print("\n".join(str(d) for d in drawn if d.note))
        write_inputs(tables, folder)
        write_text(folder / BIBLIOGRAPHY, bibtex_of(of_profile))
        say_gaps(of_profile)
        made[profile] = tables
        count = sum(len(d.files) > 0 for d in drawn)
        print(f"{folder}: {len(tables)} tables and {count} figures of {len(of_profile.runs)} runs")
    if made:
        print(f"page: {write_page(results, out, made)}")


def _write_tables(results: Results, folder: Path, exports: Path | None) -> list[Table]:
    """Write the tables, and for DVC metrics and curves, and return the tables."""
    tables = [t for name in track(in_order(), "tables") for t in build(results, name)]
    write_tables(tables, folder)
    if exports:
        write_metrics(results, exports)
        write_curves(results, exports)
    return tables


def say_gaps(results: Results) -> None:
    """Print a line for each row of a table that lacks a run."""
    for dataset in results.datasets:
        for task in TASKS:
            for group in (g for gs in results.by_protocol(dataset, task) for g in gs):
                if group.gaps:
                    print(f"gap: {dataset} {task} {group.label}: {'; '.join(notes_of(group))}")
