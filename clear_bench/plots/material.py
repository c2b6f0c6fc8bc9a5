"""What figures are made of: the records that count, in groups that may be compared."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clear_bench import plugins
from clear_bench.record import Record, records, settings
from clear_bench.stale import is_stale
from clear_bench.study import StudyResult, results

MAIN = {"recognition": "mA", "retrieval": "mAP"}
"""Task to the metric that ranks methods."""


class Finished(NamedTuple):
    """A finished run: its directory and its record."""

    folder: Path
    record: Record

    def value(self, metric: str, checkpoint: str = "selected") -> float:
        """Return a metric of the test split in per cent, NaN if the record has none."""
        split = self.record.metrics.get(checkpoint, {}).get("test", {})
        return 100 * split.get(metric, np.nan)


@dataclass(frozen=True)
class Group:
    """Runs of one data set, task and protocol: numbers that may stand side by side.

    Args:
        stem: Name of a file about it.
        dataset: Key of the data set.
        task: ``recognition`` or ``retrieval``.
        protocol: Its signature.
        methods: Name of a method to its runs, in order of seed.
    """

    stem: str
    dataset: str
    task: str
    protocol: str
    methods: dict[str, list[Finished]]

    def values(self, method: str, metric: str = "") -> NDArray[np.float64]:
        """Return a metric of a method's runs in per cent ``(seeds,)``; "" is the main one."""
        runs = self.methods[method]
        return np.array([run.value(metric or MAIN[self.task]) for run in runs])

    @cached_property
    def ranked(self) -> list[str]:
        """The methods, best mean of the main metric first."""
        return sorted(self.methods, key=lambda m: (-self.values(m).mean(), m))

    def kind(self, method: str, own: tuple[str, ...]) -> str:
        """Return which of `clear_bench.plots.style.KINDS` a method is."""
        record = self.methods[method][0].record
        if record.method in own:
            return "own"
        learns = record.config.get(self.task, {}).get("train", {}).get("epochs", 1)
        return "baseline" if learns else "floor"

    def title(self, method: str) -> str:
        """Return a method's name in print, with what tells it from its other settings."""
        key = self.methods[method][0].record.method
        return title_of(key) + method.removeprefix(key)

    @property
    def seeds(self) -> str:
        """How many seeds the methods have, in words."""
        counts = {len(runs) for runs in self.methods.values()}
        return f"{min(counts)} to {max(counts)} seeds" if len(counts) > 1 else _seeds(counts.pop())

    @property
    def caption(self) -> str:
        """What, on which data, by which protocol."""
        return f"Attribute {self.task} on {self.dataset}, {self.seeds}. Protocol: {self.protocol}"

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of all runs."""
        return tuple(r.record.run_id for runs in self.methods.values() for r in runs)


@dataclass(frozen=True)
class Material:
    """The records of a profile that figures may show.

    Args:
        root: Folder of all runs.
        profile: Whose runs.
        stale: Whether runs of older code count (for a look at them; a report leaves them out).
        data: Folder in which each data set lies under its own name.
        publish: Whether pictures of data sets whose terms forbid it are shown.
        attention: Folder of what `clear_bench.attention` wrote.
    """

    root: Path
    profile: str
    stale: bool = False
    data: Path = Path("data")
    publish: bool = False
    attention: Path = Path("reports/attention")
    _read: list[Finished] = field(default_factory=list, repr=False, compare=False)

    @cached_property
    def everything(self) -> list[Finished]:
        """All records of the profile, finished or not, in order of path."""
        return [Finished(*pair) for pair in records(self.root / self.profile)]

    @cached_property
    def finished(self) -> dict[str, Finished]:
        """Run id to the runs that count."""
        kept = [r for r in self.everything if r.record.status == "finished"]
        return {r.record.run_id: r for r in kept if self.stale or not is_stale(r.record)}

    @cached_property
    def left_out(self) -> list[str]:
        """One line a run that is not shown, and why."""
        lines = []
        for run in self.everything:
            record = run.record
            if record.status == "failed":
                lines.append(f"{record.run_id}: failed ({record.reason}); not drawn")
            elif record.run_id not in self.finished:
                lines.append(f"{record.run_id}: stale, made by other code; not drawn")
        return lines

    @cached_property
    def studies(self) -> list[StudyResult]:
        """The results of all studies of the profile."""
        return results(self.root, self.profile)

    @cached_property
    def groups(self) -> list[Group]:
        """All groups; of one data set and task, the protocol of most methods comes first."""
        found: dict[tuple[str, str], dict[str, dict[str, list[Finished]]]] = {}
        for run in self._main():
            record = run.record
            place = found.setdefault((record.dataset, record.task), {})
            place.setdefault(record.protocol, {}).setdefault(record.method, []).append(run)
        groups = []
        for (dataset, task), protocols in sorted(found.items()):
            order = sorted(protocols, key=lambda p: (-len(protocols[p]), p))
            for number, protocol in enumerate(order):
                stem = f"{dataset}-{task}" + (f"-{number + 1}" if number else "")
                methods = self._told_apart(protocols[protocol])
                groups.append(Group(stem, dataset, task, protocol, methods))
        return groups

    def _main(self) -> Iterator[Finished]:
        """Yield the runs that are no mere variant of a study."""
        variants = {
            run for study in self.studies for v in study.variants if not v.reference
            for run in v.runs.values()
        } | {run for study in self.studies if study.search for run in study.search.runs.values()}  # fmt: skip
        references = {
            run for s in self.studies for v in s.variants if v.reference for run in v.runs.values()
        }
        for run in self.finished.values():
            if run.record.run_id not in variants - references:
                yield run

    def _told_apart(self, methods: dict[str, list[Finished]]) -> dict[str, list[Finished]]:
        """Return the methods with unlike settings named apart: only seeds are averaged."""
        found: dict[str, list[Finished]] = {}
        for method, runs in sorted(methods.items()):
            kinds: dict[str, list[Finished]] = {}
            for run in runs:
                parent = self.finished.get(run.record.parent)
                said = settings(run.record, parent.record if parent else None)
                kinds.setdefault(json.dumps(said, sort_keys=True), []).append(run)
            labels = _differences([json.loads(kind) for kind in kinds])
            for label, same in zip(labels, kinds.values(), strict=True):
                found[method + label] = sorted(same, key=lambda run: run.record.seed)
        return found


def _differences(kinds: list[dict[str, object]]) -> list[str]:
    """Return what tells settings apart, in brackets; one alone needs nothing."""
    keys = sorted({key for kind in kinds for key in kind})
    odd = [key for key in keys if len({json.dumps(kind.get(key)) for kind in kinds}) > 1]
    return [f" ({', '.join(f'{k}={kind.get(k)}' for k in odd)})" if odd else "" for kind in kinds]


@lru_cache
def title_of(method: str) -> str:
    """Return a method's name in print, read from its file without importing it."""
    modules = plugins.available("method")
    spec = find_spec(modules[method]) if method in modules else None
    if spec is None or spec.origin is None:
        return method
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Method":
            for word in node.keywords:
                if word.arg == "title" and isinstance(word.value, ast.Constant):
                    return str(word.value.value)
    return method


def _seeds(count: int) -> str:
    """Return a number of seeds in words."""
    return "1 seed" if count == 1 else f"{count} seeds"
