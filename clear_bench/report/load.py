"""The runs to report, with what there should be; imports nothing that draws."""

from collections.abc import Callable
from pathlib import Path

from clear_bench.config.choice import Choice
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected
from clear_bench.runs.record import Record
from clear_bench.runs.stale import other_code, why_stale
from clear_bench.utils.errors import UserError


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
