"""Which runs there should be: what params.yaml asks for, so that a missing one is seen."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import yaml

from clear_bench import plugins
from clear_bench.errors import UserError
from clear_bench.grouping import Gap, Group
from clear_bench.method import TASKS
from clear_bench.provenance import source

NOT_RUN = "not run"


@dataclass(frozen=True)
class Plan:
    """What ``make repro`` trains.

    Args:
        profile: Of all of it.
        datasets: Names of data sets.
        methods: Names of methods.
        seeds: Their number: seeds 0 to N - 1.
    """

    profile: str
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: int

    def covers(self, group: Group) -> bool:
        """Return whether it says which methods stand beside a group."""
        return group.profile == self.profile and group.dataset in self.datasets

    @classmethod
    def read(cls, file: Path) -> "Plan":
        """Read params.yaml.

        Raises:
            UserError: If it is not what `Plan` needs.
        """
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
            bench = found["bench"]
            return cls(
                str(found["profile"]), tuple(found["datasets"]), tuple(bench["method"]),
                int(bench["seeds"]),
            )  # fmt: skip
        except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            cause = str(error).splitlines()[0]
            raise UserError(
                f"{file}: not the parameters of a pipeline ({cause}); it needs profile, "
                "datasets and bench with method and seeds"
            ) from None


def complete(groups: Iterable[Group], plan: Plan | None) -> list[Group]:
    """Return the groups of one profile, data set and task with a gap for every missing run.

    A seed that any method of the same protocol has, or that the plan asks for, is missing where
    another method lacks it.  A planned method without any run is a group of gaps, in the protocol
    that most methods have.
    """
    found = list(groups)
    if not found:
        return []
    first = found[0]
    protocols = [g.protocol for g in found]
    main = max(sorted(set(protocols)), key=protocols.count)
    asked = (
        plan
        if plan and (first.profile, True) == (plan.profile, first.dataset in plan.datasets)
        else None
    )
    if asked:
        have = {g.method for g in found}
        found += [
            Group(first.profile, first.dataset, first.task, main, name, name)
            for name in asked.methods
            if name not in have and first.task in tasks_of(name)
        ]
    seeds = {p: {s for g in found if g.protocol == p for s in g.seeds} for p in set(protocols)}
    if asked:
        seeds[main] |= set(range(asked.seeds))
    return [_with_missing(g, seeds[g.protocol]) for g in found]


def _with_missing(group: Group, seeds: set[int]) -> Group:
    """Return a group with a gap for each of the seeds that it knows nothing of."""
    known = {*group.seeds, *(gap.seed for gap in group.gaps)}
    more = [Gap(seed, "missing", NOT_RUN) for seed in sorted(seeds - known)]
    gaps = sorted([*group.gaps, *more], key=lambda gap: gap.seed)
    return replace(group, gaps=tuple(gaps))


@lru_cache
def tasks_of(method: str) -> tuple[str, ...]:
    """Return the tasks that a method's file gives recipes for; the file is not imported."""
    name = plugins.available("method").get(method)
    file = source(name) if name else None
    if file is None:
        return ()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        named = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "METHOD" for target in node.targets
        )
        if named and isinstance(node.value, ast.Call):  # type: ignore[attr-defined]
            given = {keyword.arg for keyword in node.value.keywords}  # type: ignore[attr-defined]
            return tuple(task for task in TASKS if task in given)
    return ()
