"""What the options of a method's networks may be, as data: read without torch, checked in the plan.

A method declares them beside its recipe (`Method.options`), by full dotted key; what a network
checks when it is built, it checks by the same declarations.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from clear_bench.utils.errors import UserError, unknown


class Option(Protocol):
    """Says of a value whether it means something."""

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value, to follow its name; "" if nothing is."""

    def words(self) -> str:
        """Return which values are allowed."""


@dataclass(frozen=True)
class Choice:
    """One of some words.

    Args:
        values: The words.
    """

    values: tuple[str, ...]

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value; the nearest words are said."""
        if value in self.values:
            return ""
        near = str(unknown("word", str(value), self.values)).partition("; ")[2]
        hint = f"; {near}" if near.startswith("did you mean") else ""
        return f"must be {self.words()}{hint}"

    def words(self) -> str:
        """Return which values are allowed."""
        return f"one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Range:
    """A finite number between two ends.

    Args:
        low: Least value.
        high: Greatest value.
        whole: Whether it is an int.
        above: Whether ``low`` itself is too small.
        below: Whether ``high`` itself is too large.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    above: bool = False
    below: bool = False

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        number = not isinstance(value, bool) and isinstance(
            value, int if self.whole else int | float
        )
        if number and -math.inf < value < math.inf:
            enough = value > self.low if self.above else value >= self.low
            if enough and (value < self.high if self.below else value <= self.high):
                return ""
        return f"must be {self.words()}"

    def words(self) -> str:
        """Return which values are allowed."""
        kind = "a whole number" if self.whole else "a number"
        low = f"{'greater than' if self.above else 'from'} {self.low:g}"
        high = f"{'below' if self.below else 'to'} {self.high:g}"
        ends = [low] if self.low > -math.inf else []
        ends += [high] if self.high < math.inf else []
        if ends == [low] and not self.above:
            return f"{kind}, {self.low:g} or more"
        return " ".join([kind, *ends])


@dataclass(frozen=True)
class Switch:
    """True or false."""

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        return "" if isinstance(value, bool) else f"must be {self.words()}"

    def words(self) -> str:
        """Return which values are allowed."""
        return "true or false"


@dataclass(frozen=True)
class Text:
    """A text, such as a name or a path.

    Args:
        pattern: Which the whole of it follows.
        says: What that is, in words.
    """

    pattern: str = r"[^\0]{1,4000}"
    says: str = "a text"

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        fits = isinstance(value, str) and re.fullmatch(self.pattern, value, re.DOTALL)
        return "" if fits else f"must be {self.says}"

    def words(self) -> str:
        """Return which values are allowed."""
        return self.says


@dataclass(frozen=True)
class Several:
    """A list.

    Args:
        of: What each of its values may be.
        least: How many they are at least.
        most: How many at most.
    """

    of: Option
    least: int = 0
    most: int = 1000

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            return f"must be {self.words()}"
        return next((wrong for wrong in map(self.of.wrong, value) if wrong), "")

    def words(self) -> str:
        """Return which values are allowed."""
        count = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return f"a list of {count}, each {self.of.words()}"


@dataclass(frozen=True)
class Either:
    """What one of two options allows."""

    first: Option
    second: Option

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        fits = "" in (self.first.wrong(value), self.second.wrong(value))
        return "" if fits else f"must be {self.words()}"

    def words(self) -> str:
        """Return which values are allowed."""
        return f"{self.first.words()}, or {self.second.words()}"


@dataclass(frozen=True)
class Filled:
    """A list that a run fills from the schema, so that it stays empty in a configuration."""

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value."""
        empty = isinstance(value, list | tuple) and not value
        return "" if empty else f"must be {self.words()}"

    def words(self) -> str:
        """Return which values are allowed."""
        return "[]: the schema fills it"


Options = Mapping[str, Option]
Rule = Callable[[Mapping[str, Any]], str]
"""Says of a model's settings what does not fit together, "" if all does."""


@dataclass(frozen=True)
class Divides:
    """The rule that one option divides another.

    Args:
        part: Name of the one, or a number.
        whole: Name of the other.
    """

    part: str | int
    whole: str

    def __call__(self, settings: Mapping[str, Any]) -> str:
        """See `Rule`; a network that says neither takes its own."""
        whole = _at(settings, self.whole)
        part = self.part if isinstance(self.part, int) else _at(settings, self.part)
        if part is None or whole is None or whole % part == 0:
            return ""
        of = "" if isinstance(self.part, int) else f"{self.part}="
        return f"{self.whole}={whole}: must be a multiple of {of}{part}"


SHARE = Range(0, 1)
DROPOUT = Range(0, 1, below=True)
WIDTH = Range(1, 1 << 16, whole=True)
LAYERS = Range(0, 1000, whole=True)
COUNT = Range(0, 1 << 20, whole=True)
POSITIVE = Range(0, above=True)
WEIGHT = Range(0)
NAME = Text(r"[\w./@:+-]{1,300}", "a name of letters, digits and ./@:+-_")
SHA256 = Text(r"|[0-9a-f]{64}", "a sha256")


@dataclass(frozen=True)
class Declared:
    """Options of one model and what of them must fit together.

    Args:
        options: Name in the model's settings to what it may be; names of a network's own settings
            follow a dot (``vit.depth``).
        rules: See `Rule`; they see settings that are each right.
    """

    options: Options
    rules: Sequence[Rule] = field(default_factory=tuple)

    def check(self, settings: Mapping[str, Any], prefix: str = "") -> None:
        """Raise a `UserError` for the first setting that means nothing.

        Args:
            settings: Of the model; a network's options may miss some of those declared.
            prefix: Stands before each name in the message, ``recognition.model.``.
        """
        for name, value in _leaves(settings):
            if name == "type":
                continue
            if name not in self.options:
                raise unknown(
                    "configuration key", prefix + name, [prefix + o for o in self.options]
                )
            checked(self.options[name], prefix + name, value)
        for rule in self.rules:
            wrong = rule(settings)
            if wrong:
                raise UserError(f"{prefix}{wrong}")


def checked(option: Option, name: str, value: Any) -> Any:
    """Return a value.

    Raises:
        UserError: If the option does not allow it; ``name`` says of what.
    """
    wrong = option.wrong(value)
    if wrong:
        raise UserError(f"{name}={_short(value)}: {wrong}")
    return value


def below(prefix: str, options: Options) -> dict[str, Option]:
    """Return options with ``prefix.`` before each name."""
    return {f"{prefix}.{name}": option for name, option in options.items()}


def _at(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting by its dotted name; None if it is not there."""
    value: Any = settings
    for word in name.split("."):
        value = value.get(word) if isinstance(value, Mapping) else None
    return value


def _leaves(settings: Mapping[str, Any], where: str = "") -> list[tuple[str, Any]]:
    """Return dotted names and values."""
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        name = f"{where}{key}"
        found += _leaves(value, f"{name}.") if isinstance(value, Mapping) else [(name, value)]
    return found


def _short(value: Any) -> str:
    """Return a value as a message shows it."""
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:60]}.."
