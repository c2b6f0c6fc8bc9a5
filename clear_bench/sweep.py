"""From a study to the jobs that it needs, and from what has finished to its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clear_bench import plugins
from clear_bench.config import digest
from clear_bench.errors import Unavailable, UserError, unknown
from clear_bench.record import FILE, STUDIES, Record
from clear_bench.runs import Run, plan
from clear_bench.study import Study, StudyResult, Variant, VariantResult, names_of, word


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


@dataclass(frozen=True)
class Job:
    """One run that a worker carries out; plain data, so that it can go to another process.

    Args:
        run_id: Id of the run.
        label: Variant in words; "shared" for a parent of several.
        method: The run's method.
        seed: Of the run.
        overrides: Of the variant.
        metric: Val metric that selects its checkpoint.
        setting: Where.
        base: The study's method, whose plan holds the run.
        threads: Of the run.
        dataset: Of the run: another than the study's, if that is where a training starts.
    """

    run_id: str
    label: str
    method: str
    seed: int
    overrides: Mapping[str, Any]
    metric: str
    setting: Setting
    base: str
    threads: int
    dataset: str

    def record(self) -> Record | None:
        """Return the record of the run if it has finished on this machine."""
        s = self.setting
        for under in ("", STUDIES):
            folder = s.root / under / s.profile / self.dataset / self.method / self.run_id
            if (folder / FILE).is_file():
                found = Record.load(folder)
                return found if found.status == "finished" else None
        return None

    def chain(self) -> list[Run]:
        """Return the run after its parents.

        Raises:
            UserError: If other code or data give this job another id.
        """
        runs = _plan(self.base, self.overrides, self.seed, self.setting)
        last = next((n for n, run in enumerate(runs) if run.id == self.run_id), None)
        if last is None:
            raise UserError(
                f"{self.run_id}: code or data have changed since the study began; start it again"
            )
        return [run for run in runs[: last + 1] if run is runs[last] or _below(run, runs[last])]


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
    study: Study,
    setting: Setting,
    only: Mapping[str, Sequence[str]],
    variants: Sequence[Variant] = (),
) -> list[Combination]:
    """Return every variant with every seed, seed by seed so that parents come early.

    Args:
        study: The study.
        setting: Where.
        only: Factor to the levels (as words) to keep.
        variants: Instead of the study's own.

    Raises:
        UserError: For a factor or level that the study does not have.
    """
    for name, wanted in only.items():
        if name not in study.factors:
            raise unknown("factor", name, study.factors)
        known = [word(level) for level in names_of(study.factors[name])]
        for level in wanted:
            if level not in known:
                raise unknown(f"level of {name}", level, known)
    kept = [
        v
        for v in variants or study.variants()
        if v.reference or all(word(v.levels[n]) in wanted for n, wanted in only.items())
    ]
    return [_combination(study, setting, v, seed) for seed in setting.seeds for v in kept]


def jobs_of(study: Study, setting: Setting, found: Sequence[Combination]) -> list[Job]:
    """Return one job a distinct run, parents before their children, shared ones once."""
    last = {c.runs[-1].id for c in found if c.runs}
    made: dict[str, Job] = {}
    for depth in range(max((len(c.runs) for c in found), default=0)):
        for c in found:
            if depth < len(c.runs) and c.runs[depth].id not in made:
                run = c.runs[depth]
                made[run.id] = Job(
                    run_id=run.id,
                    label=c.variant.label if run.id in last else "shared",
                    method=run.config["method"],
                    seed=c.seed,
                    overrides=_overrides(c.variant, setting),
                    metric=run.config["protocol"][f"select_{run.task}"],
                    setting=setting,
                    base=study.base,
                    threads=run.config["threads"],
                    dataset=run.config["dataset"],
                )
    return list(made.values())


def collect(
    name: str,
    study: Study,
    setting: Setting,
    found: Sequence[Combination],
    failures: Mapping[str, str],
    only: Mapping[str, Sequence[str]],
) -> StudyResult:
    """Return what is known of a study now.

    Args:
        name: Of the study.
        study: The study.
        setting: Where.
        found: Its combinations.
        failures: Run id to the reason why it did not finish.
        only: What the study was cut down to.
    """
    return StudyResult(
        study=result_name(name, setting, only),
        question=study.question or plugins.summary("study", name),
        method=study.base,
        task=study.task,
        dataset=setting.dataset,
        profile=setting.profile,
        metrics=list(study.metrics),
        factors=list(study.factors),
        seeds=list(setting.seeds),
        variants=[
            _result([c for c in found if c.variant.levels == levels], failures)
            for levels in _distinct([c.variant.levels for c in found])
        ],
    )


def result_name(name: str, setting: Setting, only: Mapping[str, Sequence[str]]) -> str:
    """Return the name of a study's result: its own, and a hash of what the user changed.

    A study cut down by ``--only`` must not take the place of the whole one.
    """
    changed = {**setting.changed, **{f"only {k}": list(v) for k, v in only.items()}}
    return f"{name}-{digest(changed)[:6]}" if changed else name


def _combination(study: Study, setting: Setting, variant: Variant, seed: int) -> Combination:
    """Return one combination, with the reason where it cannot be planned."""
    try:
        runs = _plan(study.base, _overrides(variant, setting), seed, setting)
    except Unavailable as error:
        return Combination(variant, seed, reason=str(error), available=False)
    except UserError as error:
        if variant.reference:  # without it there is nothing to compare
            raise
        return Combination(variant, seed, reason=str(error))
    last = max((n for n, r in enumerate(runs) if r.task == study.task), default=None)
    if last is None:
        raise UserError(f"{study.base}: has no {study.task}, which the study is about")
    kept = [r for r in runs[: last + 1] if r is runs[last] or _below(r, runs[last])]
    return Combination(variant, seed, kept)


def _plan(method: str, overrides: Mapping[str, Any], seed: int, setting: Setting) -> list[Run]:
    """Return the runs of a variant with one seed."""
    return plan(
        method,
        setting.dataset,
        setting.profile,
        seed,
        overrides,
        root=setting.root,
        data_root=setting.data_root,
        under=STUDIES,
    )


def _overrides(variant: Variant, setting: Setting) -> dict[str, Any]:
    """Return what the user and the variant change; where both do, the variant speaks last."""
    return {**setting.changed, **variant.overrides}


def _below(run: Run, other: Run) -> bool:
    """Return whether a run is an ancestor of another."""
    parent = other.parent
    return parent is not None and (parent.id == run.id or _below(run, parent))


def _distinct(levels: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the distinct ones, in order."""
    found: list[Mapping[str, Any]] = []
    for each in levels:
        if each not in found:
            found.append(each)
    return found


def _result(seeds: Sequence[Combination], failures: Mapping[str, str]) -> VariantResult:
    """Return the result of one variant, from all its seeds."""
    variant = seeds[0].variant
    runs = {c.seed: c.runs[-1].id for c in seeds if c.runs and fresh(c.runs[-1]).finished}
    reasons = [_reason(c, failures) for c in seeds if c.seed not in runs]
    status: Any = "finished"
    if reasons:
        status = next((s for s, _ in reasons if s != "missing"), "missing")
    return VariantResult(
        label=variant.label,
        levels={k: word(v) for k, v in variant.levels.items()},
        overrides=dict(variant.overrides),
        checkpoint=variant.checkpoint,
        reference=variant.reference,
        status=status,
        reason=next((text for s, text in reasons if s == status), ""),
        runs=runs,
    )


def _reason(c: Combination, failures: Mapping[str, str]) -> tuple[str, str]:
    """Return the status of a combination that has not finished, and why."""
    if not c.available:
        return "unavailable", c.reason
    if c.reason:
        return "failed", c.reason
    said = next((failures[run.id] for run in c.runs if run.id in failures), "")
    if said:
        return "failed", said
    for run in c.runs:
        file = fresh(run).folder / FILE
        if file.is_file() and Record.load(file).status == "failed":
            return "failed", Record.load(file).reason
    return "missing", "not run yet"


def fresh(run: Run) -> Run:
    """Return the run looked for anew: where it lies is kept once it was asked for."""
    return Run(run.config, run.task, run.dataset, run.root, run.parent, run.home, run.under)
