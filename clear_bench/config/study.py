"""A study asks one question about a method: what it varies, as data, and what came out, as data.

A plugin of ``ablations/`` exposes ``STUDY``, a `Study`.  The ablate command turns it into variants,
trains those that are missing and writes a `StudyResult`, which names the runs behind each variant;
tables and figures are made of that file and of the runs' records.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from clear_bench.config.protocol import CHECKPOINTS
from clear_bench.utils.errors import UserError, unknown

Overrides = Mapping[str, Any]
Levels = Sequence[Any] | Mapping[str, Overrides]


@dataclass(frozen=True)
class Space:
    """Range of one numeric factor of a search.

    Args:
        low: Least value.
        high: Greatest value.
        log: Whether to search its logarithm.
    """

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Study:
    """One question about one method.

    Args:
        question: What is asked, one sentence; without it the file's docstring speaks.
        task: ``recognition`` or ``retrieval``: whose metrics answer it.
        factors: Name to its levels.  A sequence holds values of the configuration key that the
            factor is named after; a mapping gives each level a name and the overrides it stands
            for; among those ``method`` names another method than the base (a floor, an opponent).
            The variants are all combinations.
        reference: The level of each factor that the others are compared with.
        base: The method.
        common: Overrides of every variant.
        metrics: What the table shows, the first is what the test is about.
        seeds: Seeds 0 to N - 1, the same for every variant.
        checkpoint: Which of a run's checkpoints is measured; the factor ``checkpoint`` varies it.
        where: Combinations that make sense: each is a mapping from factors to their levels, and a
            combination is kept if it agrees with one of them.  Empty keeps all.
        search: Configuration key to the range that ``--search`` explores on val.
    """

    factors: Mapping[str, Levels]
    reference: Mapping[str, Any]
    task: Literal["recognition", "retrieval"]
    metrics: tuple[str, ...]
    question: str = ""
    base: str = "clear"
    common: Overrides = field(default_factory=dict)
    seeds: int = 3
    checkpoint: str = "selected"
    where: tuple[Mapping[str, tuple[Any, ...]], ...] = ()
    search: Mapping[str, Space] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.reference) != set(self.factors):
            raise UserError("study: its reference must name a level of each factor, and no other")
        for name, level in self.reference.items():
            if level not in names_of(self.factors[name]):
                levels = [str(n) for n in names_of(self.factors[name])]
                raise unknown(f"level of {name}", str(level), levels)

    def variants(self) -> "Iterator[Variant]":
        """Yield the combinations of all levels, the reference among them, in the order written."""
        names = list(self.factors)
        for combination in itertools.product(*(names_of(self.factors[n]) for n in names)):
            levels = dict(zip(names, combination, strict=True))
            reference = levels == dict(self.reference)
            if reference or not self.where or any(_agrees(levels, rule) for rule in self.where):
                overrides = self._overrides(levels)
                method = overrides.pop("method", self.base)
                yield Variant(levels, overrides, self._checkpoint(levels), reference, method)

    def _overrides(self, levels: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a combination changes in the configuration."""
        overrides = dict(self.common)
        for name, level in levels.items():
            choices = self.factors[name]
            if isinstance(choices, Mapping):
                overrides |= choices[level]
            elif name != "checkpoint":
                overrides[name] = level
        return overrides

    def _checkpoint(self, levels: Mapping[str, Any]) -> str:
        """Return which checkpoint of its runs a combination is about."""
        name = str(levels.get("checkpoint", self.checkpoint))
        if name not in CHECKPOINTS:
            raise unknown("checkpoint", name, CHECKPOINTS)
        return name


@dataclass(frozen=True)
class Variant:
    """One combination of levels.

    Args:
        levels: Factor to level.
        overrides: What it changes in the configuration.
        checkpoint: Which checkpoint of its runs is measured.
        reference: Whether the others are compared with it.
        method: Whose runs it is about.
    """

    levels: Mapping[str, Any]
    overrides: Overrides
    checkpoint: str
    reference: bool
    method: str

    @property
    def label(self) -> str:
        """The levels in words, for a table's first column."""
        return ", ".join(word(level) for level in self.levels.values())


def names_of(levels: Levels) -> list[Any]:
    """Return the names of a factor's levels: keys of a mapping, or the values themselves."""
    return list(levels)


def word(level: Any) -> str:
    """Return a level as a word of a table."""
    if isinstance(level, list | tuple):
        return "x".join(str(part) for part in level)
    return str(level)


def _agrees(levels: Mapping[str, Any], rule: Mapping[str, tuple[Any, ...]]) -> bool:
    """Return whether a combination fits a rule; factors that the rule leaves out may be any."""
    return all(levels[name] in wanted for name, wanted in rule.items())
