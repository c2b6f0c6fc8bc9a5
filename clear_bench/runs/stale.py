"""Would the present code give the numbers of a record?"""

from collections.abc import Iterable

from clear_bench.config.numbers import current
from clear_bench.runs.code import code_of
from clear_bench.runs.record import Record


def is_stale(record: Record) -> bool:
    """Return whether a numbers version behind a record, or behind its parents, has been raised.

    A record from before there were such versions does not say what made it, and is stale.
    """
    return not record.numbers or bool(raised(record))


def raised(record: Record) -> dict[str, tuple[int, int | None]]:
    """Return what has been raised since a record: name to its version then and now.

    None is the version of what no longer exists.
    """
    now = {name: current(name) for name in record.numbers}
    return {name: (old, now[name]) for name, old in record.numbers.items() if now[name] != old}


def why_stale(record: Record) -> str:
    """Return in words why a record is stale; "" if it is not."""
    if not record.numbers:
        return "made before numbers versions were kept"
    return ", ".join(
        f"{name} was {old}, is {'gone' if new is None else new}"
        for name, (old, new) in raised(record).items()
    )


def other_code(record: Record) -> bool:
    """Return whether other code than the present made a record, whatever its numbers."""
    return record.code_hash != code_of(record.method, record.task)


def say_stale(records: Iterable[Record]) -> None:
    """Print one line a stale record."""
    for record in records:
        print(f"stale: {record.run_id} is left out ({why_stale(record)}); train it again")
