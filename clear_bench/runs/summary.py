"""The test metrics of runs as a table in the terminal."""

from collections.abc import Sequence

from clear_bench.config.protocol import CHECKPOINTS
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
                values = [f"{100 * splits['test'][n]:.2f}" for n in names]
                table.add_row(record.run_id, CHECKPOINTS[checkpoint], *values)
        wide_console().print(table)
