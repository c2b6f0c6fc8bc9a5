"""Which runs are one row of a table, what lacks in it, and what the row is called."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.protocol import is_oracle
from clear_bench.results.statistics import Estimate, estimate
from clear_bench.runs.files import PREDICTIONS
from clear_bench.runs.record import Record
from clear_bench.runs.stale import other_code
from clear_bench.utils.hashing import file_sha256

Place = tuple[str, str, str, str, str]
Why = Literal["failed", "stale", "missing", "unavailable"]
LONG = 40  # letters of a value in a name
STALE = "stale"
MARK_OF_ORACLE = "[oracle]"
"""Stands in the name of every row whose epoch was selected on test."""

SAID = ("split", "label_set", "image_size", "identities", "train_on", "without", "letterbox")
"""Settings of section ``data`` that stand in the protocol, and so in no name."""


@dataclass(frozen=True)
class Loaded:
    """A run as it lies on disk.

    Args:
        folder: Run directory.
        record: Its record.
        stale: Why its numbers do not count any more; "" if they do.
        settings: Everything that determines its numbers but the seed, see `record.settings`.
        changes: Dotted keys to values in which it and its parent differ from the method's recipe;
            None where an old record does not say.
        show_stale: Whether it is shown even if it is stale, in a row of its own.
    """

    folder: Path
    record: Record
    stale: str
    settings: Mapping[str, Any]
    changes: Mapping[str, Any] | None
    show_stale: bool = False

    @property
    def usable(self) -> bool:
        """Whether its numbers may be shown."""
        return self.record.status == "finished" and (self.show_stale or not self.stale)

    @cached_property
    def predictions(self) -> str:
        """Sha256 of what is kept of its predictions, or why there are none."""
        try:
            return file_sha256(self.folder / PREDICTIONS)
        except OSError as error:
            return str(error)

    @cached_property
    def of_other_code(self) -> bool:
        """Whether other code than the present made it, whatever its numbers."""
        return other_code(self.record)


@dataclass(frozen=True)
class Gap:
    """A run that a table would show if it had finished.

    Args:
        seed: Its seed.
        why: What it lacks.
        reason: In words.
        run_id: Of the record that says so; "" if there is none.
    """

    seed: int
    why: Why
    reason: str
    run_id: str = ""

    def __str__(self) -> str:
        return f"seed {self.seed} {self.why}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Group:
    """Runs of one method that differ in nothing but the seed.

    Args:
        profile: Of all of them, as the next four.
        dataset: File name of the data set.
        task: ``recognition`` or ``retrieval``.
        protocol: Signature; "" for a group without any run.
        method: File name of the method.
        label: The method, and what tells it from other settings of itself.
        runs: Those that may be shown, by seed.
        gaps: Those that may not, by seed.
        changes: See `Loaded`.
    """

    profile: str
    dataset: str
    task: str
    protocol: str
    method: str
    label: str
    runs: tuple[Loaded, ...] = ()
    gaps: tuple[Gap, ...] = ()
    changes: Mapping[str, Any] | None = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs that may be shown."""
        return [r.record.seed for r in self.runs]

    @property
    def is_recipe(self) -> bool:
        """Whether it is a method as it is, with no setting of its own."""
        return self.label.removesuffix(f" {MARK_OF_ORACLE}") == self.method

    @property
    def run_ids(self) -> list[str]:
        """Ids of the runs that may be shown, by seed."""
        return [r.record.run_id for r in self.runs]

    def values(
        self, metric: str, checkpoint: str = "selected", split: str = "test"
    ) -> dict[int, float]:
        """Return seed -> value of a metric, a fraction of 1, where a run has it."""
        metrics_by_seed = {r.record.seed: r.record.metrics.get(checkpoint, {}) for r in self.runs}
        return {
            s: m[split][metric] for s, m in metrics_by_seed.items() if metric in m.get(split, {})
        }

    def estimate(
        self, metric: str, checkpoint: str = "selected", split: str = "test"
    ) -> Estimate | None:
        """Return mean, deviation and interval over seeds, or None without a value."""
        values = list(self.values(metric, checkpoint, split).values())
        return estimate(values) if values else None

    def cost(self, name: str) -> Estimate | None:
        """Return the estimate of a cost over seeds, or None where no run says it."""
        values = [r.record.cost[name] for r in self.runs if name in r.record.cost]
        return estimate(values) if values else None

    def attributes(self, name: str) -> tuple[list[str], NDArray[np.float64]]:
        """Return the attributes' names and ``(runs, A)`` of one per-attribute metric, with NaN."""
        tables = [r.record.per_attribute for r in self.runs if name in r.record.per_attribute]
        if not tables:
            return [], np.zeros((0, 0))
        return tables[0]["name"], np.array([t[name] for t in tables], float)


def groups_of(runs: Iterable[Loaded]) -> list[Group]:
    """Return the groups of runs, by profile, data set, task, protocol and label.

    A stale or failed run is a gap of the group that has its method, protocol and changes, unless
    another run of its seed has taken its place; without such a group it makes one of gaps alone.
    """
    members_of: dict[tuple[Place, str], list[Loaded]] = defaultdict(list)
    rest = []
    for run in runs:
        if run.usable:
            members_of[_place(run), settings_key(run)].append(run)
        else:
            rest.append(run)
    labels = _labels(members_of)
    groups = []
    for key, members in members_of.items():
        ordered = tuple(sorted(members, key=lambda m: m.record.seed))
        groups.append(Group(*key[0], labels[key], ordered, (), members[0].changes))
    for run in sorted(
        rest, key=lambda r: bool(r.stale)
    ):  # what failed now says more than what is old
        _add_gap(groups, run)
    return sorted(groups, key=lambda g: (g.profile, g.dataset, g.task, g.protocol, g.label))


def _place(run: Loaded) -> Place:
    """Return what a group's runs share, but for their settings."""
    r = run.record
    return r.profile, r.dataset, r.task, r.protocol, r.method


def _labels(
    members_of: Mapping[tuple[Place, str], Sequence[Loaded]],
) -> dict[tuple[Place, str], str]:
    """Return the name of each group: the method and its changes, or all that tells it apart."""
    families: dict[Place, list[str]] = defaultdict(list)
    for place, key in members_of:
        families[place].append(key)
    labels: dict[tuple[Place, str], str] = {}
    for place, keys in families.items():
        first = [members_of[place, key][0] for key in keys]
        names = [_name(place[-1], run.changes) + _mark(run) for run in first]
        if len(set(names)) < len(names):
            told = _told_apart(place[-1], [json.loads(key) for key in keys])
            mark = f" {MARK_OF_ORACLE}" if is_oracle(place[3]) else ""
            names = [name + mark for name in told]
        labels |= {(place, key): name for key, name in zip(keys, names, strict=True)}
    return labels


def _told_apart(method: str, kinds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of several settings of one method by all that differs among them."""
    keys = sorted({key for kind in kinds for key in kind})
    differing = [key for key in keys if len({json.dumps(kind.get(key)) for kind in kinds}) > 1]
    return [_name(method, {key: kind.get(key) for key in differing}) for kind in kinds]


def _name(method: str, changes: Mapping[str, Any] | None) -> str:
    """Return a method with what is special about it, but for what its protocol says already."""
    unsaid = {k: v for k, v in (changes or {}).items() if k.split(".")[0] != "protocol"}
    for said in SAID:
        unsaid.pop(f"data.{said}", None)
    text = ", ".join(f"{k}={_word(v)}" for k, v in sorted(unsaid.items()))
    return f"{method} ({text})" if text else method


def _mark(run: Loaded) -> str:
    """Return what the name of a row ends with that must never pass for another's."""
    oracle = f" {MARK_OF_ORACLE}" if is_oracle(run.record.protocol) else ""
    return oracle + (f" [stale: {run.stale}]" if run.stale else "")


def _word(value: Any) -> str:
    """Return a value as it stands in a name."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) < LONG else text[: LONG - 2] + ".."


def _add_gap(groups: list[Group], run: Loaded) -> None:
    """Make a run that cannot be shown a gap of its group, unless its place is taken."""
    place, seed, record = _place(run), run.record.seed, run.record
    why: Why
    why, reason = (
        ("stale", f"{run.stale}; train it again") if run.stale else ("failed", record.reason)
    )
    gap = Gap(seed, why, reason, record.run_id)
    for number, group in enumerate(groups):
        here = (group.profile, group.dataset, group.task, group.protocol, group.method) == place
        if here and (group.changes or {}) == (run.changes or {}):
            if seed not in {*group.seeds, *(g.seed for g in group.gaps)}:
                gaps = tuple(sorted([*group.gaps, gap], key=lambda g: g.seed))
                groups[number] = replace(group, gaps=gaps)
            return
    name = _name(place[-1], run.changes)
    name += f" {MARK_OF_ORACLE}" if is_oracle(record.protocol) else ""
    groups.append(Group(*place, name, (), (gap,), run.changes))


def settings_key(run: Loaded) -> str:
    """Return a run's settings as text: equal for runs that differ in nothing but the seed.

    Runs that are stale for other reasons are of other numbers, and never in one group.
    """
    return json.dumps({**run.settings, **({STALE: run.stale} if run.stale else {})}, sort_keys=True)
