"""Is a record made by the code as it is now?  Numbers of other code are shown nowhere."""

from collections.abc import Iterable

from clear_bench import plugins
from clear_bench.method import ENGINES
from clear_bench.provenance import code_hash
from clear_bench.record import Record


def is_stale(record: Record) -> bool:
    """Return whether other code than this made a record."""
    modules = plugins.available("method")
    if record.method not in modules:
        return True
    return record.code_hash != code_hash(modules[record.method], ENGINES[record.task])


def say_stale(records: Iterable[Record]) -> None:
    """Print one line a stale record."""
    for record in records:
        print(f"stale: {record.run_id} was made by other code and is left out; train it again")
