"""A study asks one question about a method: what it varies, as data, and what came out, as data.

A plugin of ``ablations/`` exposes ``STUDY``, a `Study`.  The ablate command turns it into variants,
trains those that are missing and writes a `StudyResult`, which names the runs behind each variant;
tables and figures are made of that file and of the runs' records.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clear_bench.errors import UserError, unknown
from clear_bench.record import FILE, STUDIES, Record, write_text

Overrides = Mapping[str, Any]
Levels = Sequence[Any] | Mapping[str, Overrides]
SUFFIX = ".study.json"
CHECKPOINTS = ("selected", "last", "oracle")


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
            for.  The variants are all combinations.
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
                known = [str(n) for n in names_of(self.factors[name])]
                raise unknown(f"level of {name}", str(level), known)

    def variants(self) -> "Iterator[Variant]":
        """Yield the combinations of all levels, the reference among them, in the order written."""
        names = list(self.factors)
        for combination in itertools.product(*(names_of(self.factors[n]) for n in names)):
            levels = dict(zip(names, combination, strict=True))
            reference = levels == dict(self.reference)
            if reference or not self.where or any(_agrees(levels, rule) for rule in self.where):
                yield Variant(levels, self._overrides(levels), self._checkpoint(levels), reference)

    def _overrides(self, levels: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a combination changes in the configuration."""
        found = dict(self.common)
        for name, level in levels.items():
            known = self.factors[name]
            if isinstance(known, Mapping):
                found |= known[level]
            elif name != "checkpoint":
                found[name] = level
        return found

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
    """

    levels: Mapping[str, Any]
    overrides: Overrides
    checkpoint: str
    reference: bool

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


class VariantResult(BaseModel):
    """What became of one variant.

    ``status`` is ``finished`` (every seed has a record), ``failed``, ``unavailable`` (it cannot be
    had on this machine, for instance a text encoder's weights) or ``missing`` (not run yet); the
    last three keep a ``reason``.  ``runs`` is seed -> run id of those seeds that have finished.
    """

    model_config = ConfigDict(extra="forbid")

    label: str
    levels: dict[str, Any]
    overrides: dict[str, Any]
    checkpoint: str = "selected"
    reference: bool = False
    status: Literal["finished", "failed", "unavailable", "missing"]
    reason: str = ""
    runs: dict[int, str] = Field(default_factory=dict)


class SearchTrial(BaseModel):
    """One trial of a search: its val metric only; the test split is never seen by a search."""

    model_config = ConfigDict(extra="forbid")

    number: int
    state: Literal["complete", "pruned", "failed"]
    values: dict[str, float]
    val: float | None = None


class SearchResult(BaseModel):
    """What a search found.  ``runs`` is seed -> run id of the best trial, trained on all seeds."""

    model_config = ConfigDict(extra="forbid")

    metric: str
    budget: int
    trials: list[SearchTrial]
    best: dict[str, float] = Field(default_factory=dict)
    importance: dict[str, float] = Field(default_factory=dict)
    runs: dict[int, str] = Field(default_factory=dict)


class StudyResult(BaseModel):
    """Everything a table or figure of a study needs besides the records of its runs.

    It lies at ``runs/studies/PROFILE/DATASET/NAME.study.json``; the records of its runs lie
    anywhere below ``runs``.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    study: str
    question: str
    method: str
    task: Literal["recognition", "retrieval"]
    dataset: str
    profile: str
    metrics: list[str]
    factors: list[str]
    seeds: list[int]
    variants: list[VariantResult]
    search: SearchResult | None = None

    def save(self, root: Path) -> Path:
        """Write it below the folder of all runs, whole or not at all."""
        return write_text(
            result_file(root, self.study, self.profile, self.dataset),
            json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n",
        )

    def with_earlier_search(self, root: Path) -> "StudyResult":
        """Return this with the search that its file holds, if it has none of its own."""
        file = result_file(root, self.study, self.profile, self.dataset)
        if self.search or not file.is_file():
            return self
        return self.model_copy(update={"search": StudyResult.load(file).search})

    def record(self, root: Path, run_id: str) -> tuple[Path, Record]:
        """Return run directory and record of one of its runs.

        Raises:
            UserError: If it is not there.
        """
        place = Path(self.profile) / self.dataset / self.method / run_id
        folder = root / place if (root / place / FILE).is_file() else root / STUDIES / place
        return folder, Record.load(folder)

    @classmethod
    def load(cls, file: Path) -> "StudyResult":
        """Read one.

        Raises:
            UserError: If the file is missing, is not JSON, or breaks the schema.
        """
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{file}: no such study; run python -m clear_bench.ablate") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(p) for p in first["loc"])
            raise UserError(f"{file}: not a study's result: {where} {first['msg']}") from None


def result_file(root: Path, study: str, profile: str, dataset: str) -> Path:
    """Return where a study's result lies below the folder of all runs."""
    return root / STUDIES / profile / dataset / f"{study}{SUFFIX}"


def results(root: Path, profile: str) -> list[StudyResult]:
    """Return the results of all studies of a profile, in order of data set and name."""
    folder = root / STUDIES / profile
    return [StudyResult.load(file) for file in sorted(folder.glob(f"*/*{SUFFIX}"))]
