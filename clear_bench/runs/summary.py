"""The test metrics of runs as a table in the terminal."""

from collections.abc import Sequence

from clear_bench.config.protocol import said_of
from clear_bench.runs.record import Record
from clear_bench.utils.terminal import print_table


def show(records: Sequence[Record]) -> None:
    """Print the test metrics of records as one table a task and protocol, in per cent."""
    for task, protocol in dict.fromkeys((r.task, r.protocol) for r in records):
        rows = [r for r in records if (r.task, r.protocol) == (task, protocol)]
        names = [n for n in rows[0].metrics["selected"]["test"] if n != "queries"]
        keys, lines = _lines(rows, protocol, names)
        print_table(f"{task}, test, %, protocol {protocol}", keys, names, lines)


def _lines(
    records: Sequence[Record], protocol: str, names: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Return the heads that tell rows apart, and the rows.

    The last checkpoint has a row where it is another than the selected one, and the run's id a
    column where method and seed do not tell runs apart.
    """
    twice = len({(r.method, r.seed) for r in records}) < len(records)
    lines = []
    for record in records:
        selected = record.metrics["selected"]["test"]
        for checkpoint, splits in record.metrics.items():
            if checkpoint != "selected" and splits["test"] == selected:
                continue
            key = [record.run_id] if twice else []
            key += [record.method, str(record.seed), said_of(checkpoint, protocol)]
            lines.append([*key, *(_per_cent(splits["test"].get(n)) for n in names)])
    keys = [*(["run"] if twice else []), "method", "seed", "checkpoint"]
    if len(lines) == len(records):  # one row a run: no checkpoint to tell apart
        at = len(keys) - 1
        return keys[:at], [line[:at] + line[at + 1 :] for line in lines]
    return keys, lines


def _per_cent(value: float | None) -> str:
    """Return a fraction in per cent; an older record may lack a younger metric."""
    return "--" if value is None else f"{100 * value:.2f}"
