"""Choose by ``KEY=VALUE[,VALUE]``: the one grammar for runs, variants and whatever has names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clear_bench.utils.errors import UserError, unknown

Choice = Mapping[str, Sequence[str]]
"""Key to the values, as words, that are kept; what it does not name may be anything."""


def parse_choice(words: Iterable[str], option: str) -> dict[str, list[str]]:
    """Return what an option says that may be given several times.

    Several keys must all fit; of one key any value.

    Args:
        words: What followed the option each time.
        option: Its name, for messages.

    Raises:
        UserError: If a word has another form.
    """
    choice: dict[str, list[str]] = {}
    for word in words:
        key, equals, values = word.partition("=")
        each = [value.strip() for value in values.split(",")]
        if not equals or not key.strip() or not all(each):
            raise UserError(f"{option} {word}: must be KEY=VALUE or KEY=VALUE,VALUE")
        choice.setdefault(key.strip(), []).extend(each)
    return choice


def require_choice(
    choice: Choice, kinds: Mapping[str, Iterable[Any]], kind: str, value_kind: str
) -> None:
    """Refuse keys and values that do not exist.

    Args:
        choice: What was chosen.
        kinds: Every key to every value that it may have.
        kind: What a key is, for messages.
        value_kind: What a value is.

    Raises:
        UserError: For the first that does not exist, with the nearest that do.
    """
    for key, values in choice.items():
        if key not in kinds:
            raise unknown(kind, key, kinds)
        there = {str(value) for value in kinds[key]}
        for value in values:
            if value not in there:
                raise unknown(f"{value_kind} of {key}", value, there)


def fits(choice: Choice, facts: Mapping[str, Any]) -> bool:
    """Return whether something has the values that were chosen.

    Args:
        choice: What was chosen.
        facts: Key to its value.
    """
    return all(str(facts[key]) in values for key, values in choice.items())
