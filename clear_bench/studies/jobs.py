"""From a study to the runs that it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clear_bench.config.choice import Choice, fits, require_choice
from clear_bench.config.study import Study, Variant, names_of, word
from clear_bench.runs.files import STUDIES
from clear_bench.runs.run import Run
from clear_bench.training.plan import plan
from clear_bench.utils.errors import Unavailable, UserError


@dataclass(frozen=True)
class Setting:
    """Where a study is carried out.

    Args:
        dataset: Name of the data set.
        profile: ``smoke``, ``default`` or ``paper``.
        seeds: Seeds of every variant.
        changed: Overrides from the command line, of every variant.
        root: Folder of all runs.
        data_root: Folder of the official release; None for an embedded data set.
    """

    dataset: str
    profile: str
    seeds: tuple[int, ...]
    changed: Mapping[str, Any]
    root: Path
    data_root: Path | None = None

    def plan(self, method: str, overrides: Mapping[str, Any], seed: int) -> list[Run]:
        """Return the runs of a method here, see `clear_bench.training.plan.plan`."""
        places: Any = {"root": self.root, "data_root": self.data_root, "under": STUDIES}
        return plan(method, self.dataset, self.profile, seed, overrides, **places)

    def overrides(self, variant: Variant) -> dict[str, Any]:
        """Return what the user and a variant change; where both do, the variant speaks last."""
        return {**self.changed, **variant.overrides}


@dataclass(frozen=True)
class Job:
    """A run that a worker carries out.

    Args:
        run: The run.
        label: Variant in words; "shared" for a parent of several.
    """

    run: Run
    label: str


@dataclass(frozen=True)
class Combination:
    """A variant with one seed.

    Args:
        variant: The variant.
        seed: The seed.
        runs: What it needs, parents first; empty if that could not be planned.
        reason: Why not.
        available: False if this machine lacks something that it needs.
    """

    variant: Variant
    seed: int
    runs: Sequence[Run] = ()
    reason: str = ""
    available: bool = True


def combinations(
    study: Study, setting: Setting, only: Choice, variants: Sequence[Variant] = ()
) -> list[Combination]:
    """Return every variant with every seed, seed by seed so that parents come early.

    Args:
        study: The study.
        setting: Where.
        only: Factors to keep some levels of; the reference is kept in any case.
        variants: Instead of the study's own.

    Raises:
        UserError: For a factor or level that the study does not have.
    """
    levels = {
        name: [word(v) for v in names_of(factor_levels)]
        for name, factor_levels in study.factors.items()
    }
    require_choice(only, levels, "factor", "level")
    kept = [
        v
        for v in variants or study.variants()
        if v.reference or fits(only, {name: word(level) for name, level in v.levels.items()})
    ]
    return [_combination(study, setting, v, seed) for seed in setting.seeds for v in kept]


def jobs_of(combined: Sequence[Combination]) -> dict[str, Job]:
    """Return run id -> job of every distinct run, parents before children, shared ones once."""
    last = {c.runs[-1].id for c in combined if c.runs}
    jobs: dict[str, Job] = {}
    for depth in range(max((len(c.runs) for c in combined), default=0)):
        for c in combined:
            if depth < len(c.runs):
                run = c.runs[depth]
                label = c.variant.label if run.id in last else "shared"
                jobs.setdefault(run.id, Job(run, label))
    return jobs


def _combination(study: Study, setting: Setting, variant: Variant, seed: int) -> Combination:
    """Return one combination, with the reason where it cannot be planned."""
    try:
        runs = setting.plan(variant.method, setting.overrides(variant), seed)
    except Unavailable as error:
        return Combination(variant, seed, reason=str(error), available=False)
    except UserError as error:
        if variant.reference:  # without it there is nothing to compare
            raise
        return Combination(variant, seed, reason=str(error))
    last = next((run for run in reversed(runs) if run.task == study.task), None)
    if last is None:
        raise UserError(f"{variant.method}: has no {study.task}, which the study is about")
    return Combination(variant, seed, last.line)
