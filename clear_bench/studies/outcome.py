"""From what has finished to a study's result."""

from collections.abc import Mapping, Sequence
from typing import Any

from clear_bench.config import plugins
from clear_bench.config.choice import Choice
from clear_bench.config.study import Study, word
from clear_bench.runs.study_result import StudyResult, VariantResult
from clear_bench.studies.jobs import Combination, Setting
from clear_bench.utils.hashing import digest


def collect(
    name: str,
    study: Study,
    setting: Setting,
    combined: Sequence[Combination],
    failures: Mapping[str, str],
    only: Choice,
) -> StudyResult:
    """Return what is known of a study now.

    Args:
        name: Of the study.
        study: The study.
        setting: Where.
        combined: Its variants with their seeds.
        failures: Run id to the reason why it did not finish.
        only: What the study was cut down to.
    """
    by_variant: dict[str, list[Combination]] = {}
    for each in combined:
        by_variant.setdefault(digest(dict(each.variant.levels)), []).append(each)
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
        variants=[_result(seeds, failures) for seeds in by_variant.values()],
    )


def result_name(name: str, setting: Setting, only: Choice) -> str:
    """Return the name of a study's result: its own, and a hash of what the user changed.

    A study cut down by ``--only`` must not take the place of the whole one.
    """
    changed = {**setting.changed, **{f"only {k}": list(v) for k, v in only.items()}}
    return f"{name}-{digest(changed)[:6]}" if changed else name


def _result(seeds: Sequence[Combination], failures: Mapping[str, str]) -> VariantResult:
    """Return the result of one variant, from all its seeds."""
    variant = seeds[0].variant
    runs = {c.seed: c.runs[-1].id for c in seeds if c.runs and c.runs[-1].finished}
    reasons = [_reason(c, failures) for c in seeds if c.seed not in runs]
    status: Any = "finished"
    if reasons:
        status = next((s for s, _ in reasons if s != "missing"), "missing")
    return VariantResult(
        label=variant.label,
        method=variant.method,
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
    for run in c.runs:
        if run.id in failures:
            return "failed", failures[run.id]
    for run in c.runs:
        record = run.found()
        if record and record.status == "failed":
            return "failed", record.reason
    return "missing", "not run yet"
