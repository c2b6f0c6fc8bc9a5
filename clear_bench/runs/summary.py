"""The test metrics of runs as a table in the terminal."""

from collections.abc import Sequence

from clear_bench.config.protocol import said_of
from clear_bench.runs.record import Record
from clear_bench.utils.progress import wide_console


def show(records: Sequence[Record]) -> None:
    """Print the test metrics of records as one table a task and protocol, in per cent."""
    from rich.table import Table

    for task, protocol in dict.fromkeys((r.task, r.protocol) for r in records):
        rows = [r for r in records if (r.task, r.protocol) == (task, protocol)]
        names = [n for n in rows[0].metrics["selected"]["test"] if n != "queries"]
        title = f"{task}, test, %, protocol {protocol}"
        table = Table("run", "checkpoint", *names, title=title)
        for record in rows:
            for checkpoint, splits in record.metrics.items():
                values = [_per_cent(splits["test"].get(n)) for n in names]
                table.add_row(record.run_id, said_of(checkpoint, protocol), *values)
        wide_console().print(table)


def _per_cent(value: float | None) -> str:
    """Return a fraction in per cent; an older record may lack a younger metric."""
    return "--" if value is None else f"{100 * value:.2f}"
