"""Which runs there should be: what params.yaml asks for, so that a missing one is seen."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from clear_bench.config.compose import SEEDS
from clear_bench.config.plugins import tasks_of
from clear_bench.results.groups import Gap, Group
from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import parse_yaml, read_text

NOT_RUN = "not run"


@dataclass(frozen=True)
class Expected:
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
    def read(cls, file: Path) -> "Expected":
        """Read params.yaml.

        Raises:
            UserError: If it is not what `Expected` needs.
        """
        text = read_text(file, "name the params.yaml of a pipeline")
        try:
            content = parse_yaml(text)
            bench = content["bench"]
            seeds = int(bench["seeds"])
            if not 0 <= seeds <= SEEDS:
                raise ValueError(f"seeds={seeds}, must be from 0 to {SEEDS}")
            return cls(
                str(content["profile"]), tuple(content["datasets"]), tuple(bench["method"]), seeds
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            cause = str(error).splitlines()[0]
            raise UserError(
                f"{file}: not the parameters of a pipeline ({cause}); it needs profile, "
                "datasets and bench with method and seeds"
            ) from None


def complete(groups: Iterable[Group], expected: Expected | None) -> list[Group]:
    """Return the groups of one profile, data set and task with a gap for every missing run.

    A seed that any method of the same protocol has, or that the plan asks for, is missing where
    another method lacks it.  A planned method without any run is a group of gaps, in the protocol
    that most methods have.
    """
    completed = list(groups)
    if not completed:
        return []
    first = completed[0]
    protocols = [g.protocol for g in completed]
    main = max(sorted(set(protocols)), key=protocols.count)
    asked = expected if expected and expected.covers(first) else None
    if asked:
        have = {g.method for g in completed}
        completed += [
            Group(first.profile, first.dataset, first.task, main, name, name)
            for name in asked.methods
            if name not in have and first.task in tasks_of(name)
        ]
    seeds = {p: {s for g in completed if g.protocol == p for s in g.seeds} for p in set(protocols)}
    if asked:
        seeds[main] |= set(range(asked.seeds))
    return [_with_missing(g, seeds[g.protocol]) for g in completed]


def _with_missing(group: Group, seeds: set[int]) -> Group:
    """Return a group with a gap for each of the seeds that it knows nothing of."""
    accounted = {*group.seeds, *(gap.seed for gap in group.gaps)}
    more = [Gap(seed, "missing", NOT_RUN) for seed in sorted(seeds - accounted)]
    gaps = sorted([*group.gaps, *more], key=lambda gap: gap.seed)
    return replace(group, gaps=tuple(gaps))
