"""All results below a folder as one table of pandas."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clear_bench.results.load import Loaded, Results
from clear_bench.runs.facts import FACTS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run_id", *FACTS, "parent", "study", "stale", "changes", "reason", "checkpoint", "split")
"""What every row has; the names of metrics follow."""


def results(
    runs: str | Path = "runs",
    *,
    profile: str | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> "pd.DataFrame":
    """Return every result as a table: a row a run, checkpoint and split, a column a metric.

    Nothing is left out: a run that failed has one row without a metric, and ``reason``.  A row
    counts where ``stale`` is "" (else it says which numbers version has been raised since).
    ``study`` tells whether a study made the run, and ``changes`` has in what it differs from its
    method's recipe (dotted keys to values; None where an old record does not say).  Metrics are
    fractions of 1.  Only rows of one ``protocol`` may be compared.

    Args:
        runs: Folder of runs.
        profile: Only this one's; None takes all.
        where: Keep only these: ``{"method": ["clear", "vtb"], "seed": ["0"]}``.

    Raises:
        UserError: If there is no run, a record is broken, or ``where`` names what is not there.
    """
    import pandas as pd

    loaded = Results.load(Path(runs), profile, where=where or {})
    rows = [row for run in loaded.runs for row in _rows(run, loaded.of_studies)]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    return pd.DataFrame(rows, columns=[*COLUMNS, *metrics])


def _rows(run: Loaded, of_studies: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one run."""
    record = run.record
    known = {name: getattr(record, name) for name in ("run_id", *FACTS, "parent", "reason")}
    known |= {"study": record.run_id in of_studies, "stale": run.stale}
    known["changes"] = None if run.changes is None else dict(run.changes)
    splits = [(c, s, m) for c, by_split in record.metrics.items() for s, m in by_split.items()]
    for checkpoint, split, metrics in splits or [("", "", {})]:
        yield {**known, "checkpoint": checkpoint, "split": split, **metrics}
