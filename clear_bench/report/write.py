"""Write everything of a report: tables, figures, the page, and what other tools read."""

import os
from collections.abc import Callable
from pathlib import Path

from clear_bench.config.choice import Choice
from clear_bench.config.method import TASKS
from clear_bench.report.draw import draw_all, drawing
from clear_bench.report.exports import write_curves, write_inputs, write_metrics
from clear_bench.report.figures.material import Material
from clear_bench.report.tables.build import build, in_order, write_tables
from clear_bench.report.tables.methods import notes_of
from clear_bench.report.tables.model import Table
from clear_bench.report.web.write import write as write_page
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected
from clear_bench.runs.record import Record
from clear_bench.runs.stale import other_code, why_stale
from clear_bench.utils.errors import UserError
from clear_bench.utils.progress import track


def load(
    root: Path,
    profile: str | None,
    where: Choice,
    params: Path,
    *,
    stale: Callable[[Record], str] = why_stale,
    show_stale: bool = False,
) -> Results:
    """Return the runs to report, with what there should be.

    Args:
        root: Folder of all runs.
        profile: Its name; None is ``default``, or what ``where`` names.
        where: See `Results.load`, as the others.
        params: The pipeline's parameters; they say what there should be.
        stale: Says of a record why its numbers do not count.
        show_stale: Show those too.

    Raises:
        UserError: If none of them can be shown.
    """
    named = profile or (None if "profile" in where else "default")
    expected = Expected.read(params) if params.is_file() else None
    results = Results.load(
        root, named, where=where, expected=expected, stale=stale, show_stale=show_stale
    )
    if not any(run.usable for run in results.runs):
        raise UserError(
            f"{root / (named or '')}: no run that has finished and whose numbers count; train "
            "again, or see the old ones by --stale"
        )
    return results


def strictly(record: Record) -> str:
    """Return why a record does not count where only the present code counts."""
    return why_stale(record) or ("made by other code" if other_code(record) else "")


def write_all(
    results: Results,
    out: Path,
    figures: list[str] | None = None,
    publish: bool = False,
    exports: Path | None = None,
    width: str = "",
) -> None:
    """Write tables, figures, the page and the list of the paper, by profile.

    Args:
        results: The runs.
        out: Folder of reports.
        figures: Draw these alone, and write nothing else; None writes everything.
        publish: See `clear_bench.report.figures.material.Material`.
        exports: Folder of DVC's metrics and curves, for results of one profile; None writes none.
        width: See `clear_bench.report.figures.material.Material`.
    """
    for profile in sorted({run.record.profile for run in results.runs}):
        of_profile = results.of_profile(profile)
        folder = out / profile
        material = Material(of_profile, publish=publish, width=width)
        if figures:
            print("\n".join(map(str, draw_all(material, folder / "figures", figures))))
            continue
        with drawing(material, folder / "figures", workers=os.cpu_count() or 1) as wait:
            tables = _write_tables(of_profile, folder, exports)
            drawn = wait()
        print("\n".join(str(d) for d in drawn if d.note))
        write_inputs(tables, folder)
        page = write_page(of_profile, profile, out, tables)
        say_gaps(of_profile)
        count = sum(len(d.files) > 0 for d in drawn)
        made = f"{len(tables)} tables and {count} figures of {len(of_profile.runs)} runs"
        print(f"{folder}: {made}; {page}")


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
