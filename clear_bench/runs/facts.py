"""What is known of runs at a glance, and what they may be chosen by."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clear_bench.config.choice import Choice, fits, require_choice
from clear_bench.runs.files import STUDIES
from clear_bench.runs.record import Record
from clear_bench.runs.stale import is_stale

FACTS = ("method", "dataset", "profile", "task", "seed", "protocol", "status")
"""What ``--where`` may choose by."""


def chosen(records: Sequence[Record], choice: Choice) -> list[bool]:
    """Return of each record whether it has the chosen facts.

    Args:
        records: Of any runs.
        choice: Some of `FACTS` to values, see `clear_bench.config.choice`.

    Raises:
        UserError: For another fact, or a value that no record has.
    """
    facts = [{name: getattr(record, name) for name in FACTS} for record in records]
    require_choice(
        choice, {name: [f[name] for f in facts] for name in FACTS}, "fact of --where", "value"
    )
    return [fits(choice, f) for f in facts]


def of_studies(folder: Path, root: Path) -> bool:
    """Return whether a run lies among those that studies asked for."""
    return folder.resolve().is_relative_to((root / STUDIES).resolve())


def changes_of(record: Record, known: Mapping[str, Record]) -> dict[str, Any] | None:
    """Return in what a run and its ancestors differ from their methods' recipes.

    Args:
        record: Of the run.
        known: Run id to record, where its ancestors are looked for.

    Returns:
        Dotted keys to values; None where a record does not say, or an ancestor is not there.
    """
    if record.overrides is None or (record.parent and record.parent not in known):
        return None
    above = changes_of(known[record.parent], known) if record.parent else {}
    return None if above is None else {**above, **record.overrides}


def in_words(record: Record, known: Mapping[str, Record]) -> str:
    """Return what tells a run from others of its method, data, profile, task and seed."""
    changes = changes_of(record, known)
    words = [f"{key}={value}" for key, value in (changes or {}).items()]
    if not words:
        words = ["settings unknown" if changes is None else "recipe"]
    if record.status != "finished":
        words.append(record.status)
    if is_stale(record):
        words.append("stale")
    return ", ".join(words)
