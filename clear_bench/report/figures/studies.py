"""Figures of studies: what each change does, curves along a number, and what a search saw."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clear_bench.config.dataset_name import in_files
from clear_bench.config.plugins import title_of
from clear_bench.config.study import word
from clear_bench.report.figures.looks import look_of
from clear_bench.report.figures.material import Material, seeds_of
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import (
    GREY,
    NAMES,
    canvas,
    interval,
    only_grid,
    panels,
)
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.statistics import difference, estimate
from clear_bench.runs.study_result import StudyResult, VariantResult

Ran = tuple[StudyResult, VariantResult]
LABEL = 26  # letters of a line of a variant's label in a column
NO_STUDIES = "no results of studies; run: python -m clear_bench.ablate"


def seed_values(material: Material, study: Ran, metric: str) -> dict[int, float]:
    """Return seed -> a variant's metric on test, in per cent, of the runs that may be shown."""
    result, variant = study
    value_by_seed = material.results.variant(result, variant).values(metric, variant.checkpoint)
    return {seed: 100 * value for seed, value in value_by_seed.items()}


def deltas(material: Material, most: int = 2) -> Iterator[Picture | NotDrawn]:
    """Draw what each variant of a study changes against its reference, paired by seed.

    Args:
        material: What is drawn.
        most: How many of the study's metrics are shown.
    """
    for study in material.results.studies:
        reference = next((v for v in study.variants if v.reference), None)
        metrics = study.metrics[:most]
        if reference is None or not seed_values(material, (study, reference), metrics[0]):
            reason = f"{study.study}: no current run of its reference; nothing to compare with"
            yield NotDrawn(stem_of(study), reason)
            continue
        others = [v for v in study.variants if not v.reference]
        width = material.inches(WIDE if len(metrics) > 1 else COLUMN)
        labels = [textwrap.fill(v.label, LABEL if width <= COLUMN else 2 * LABEL) for v in others]
        lines = 1 + max((label.count("\n") for label in labels), default=0)
        figure, axes = canvas(
            width, 0.6 + (0.04 + 0.15 * lines) * len(others), 1, len(metrics), sharey=True
        )
        color = look_of(study.method).color
        for axis, metric in zip(axes[0], metrics, strict=True):
            for row, variant in enumerate(others):
                pair = (variant, reference)
                one, other = (seed_values(material, (study, v), metric) for v in pair)
                _delta(axis, row, variant, one, other, color)
            axis.axvline(0, color="0.2", linewidth=0.8)
            axis.set_xlabel(f"change of {NAMES.get(metric, metric)} (points)")
            only_grid(axis, "x")
        axes[0, 0].set_yticks(range(len(others)), labels)
        axes[0, 0].set_ylim(len(others) - 0.4, -0.6)
        caption = (
            f"{study.question} {about(study)} Each change against {reference.label}, paired by "
            "seed: hollow marks are seeds, full ones their mean with Student's 95 % interval; "
            f"it excludes 0 where the mark is a diamond in the method's colour, and not where it "
            f"is a grey disc. {_unrun(others)}"
        )
        yield Picture(stem_of(study), figure, caption, _runs(material, study))
    if not material.results.studies:
        yield NotDrawn("", NO_STUDIES)


def _delta(
    axis: Axes,
    row: int,
    variant: VariantResult,
    one: dict[int, float],
    other: dict[int, float],
    own: str,
) -> None:
    """Draw one variant's change, or why there is none; in a colour if 0 is outside its interval."""
    shared = sorted(set(one) & set(other))
    if not shared:
        why = variant.status if variant.status != "finished" else "no current run"
        axis.annotate(why, (0.98, row), xycoords=("axes fraction", "data"), va="center",
                      ha="right", fontsize=7, fontstyle="italic", color="0.3",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
        return
    change = np.array([one[s] - other[s] for s in shared])
    summary = difference([one[s] for s in shared], [other[s] for s in shared])
    away = summary.low > 0 or summary.high < 0
    color = own if away else GREY
    arms = interval(summary.low, summary.mean, summary.high)
    axis.errorbar(summary.mean, row, xerr=arms, capsize=2,
                  fmt="D" if away else "o", color=color, markersize=3.5)  # fmt: skip
    axis.scatter(change, np.full(len(change), row + 0.3), s=5, facecolors="none",
                 edgecolors=color, linewidths=0.5)  # fmt: skip


def _unrun(variants: Sequence[VariantResult]) -> str:
    """Return which variants have not finished, and why."""
    lines = [f"{v.label} ({v.status}: {v.reason})" for v in variants if v.status != "finished"]
    return f"Not finished: {'; '.join(lines)}." if lines else ""


def curves(material: Material, studies: tuple[str, ...]) -> Iterator[Picture | NotDrawn]:
    """Draw a study's metrics along its numeric factor, a line for each level of the others.

    Args:
        material: What is drawn.
        studies: Their names.
    """
    studied = {study.study for study in material.results.studies}
    for name in studies:
        if name not in studied:
            command = f"python -m clear_bench.ablate --study {name}"
            yield NotDrawn(name, f"{name}: no result of this study; run: {command}")
    for study in material.results.studies:
        if study.study not in studies:
            continue
        factor = next((f for f in study.factors if _numeric(study, f)), None)
        if factor is None:
            yield NotDrawn(stem_of(study), f"{study.study}: none of its factors is a number")
            continue
        caption = (
            f"{study.question} {about(study)} Mean over seeds with Student's 95 % interval; "
            "hollow marks are seeds; the reference has a ring."
        )
        if len(study.factors) > 1:
            caption += " A panel a line, the other lines grey behind."
        figure = _curves(material, study, factor)
        yield Picture(stem_of(study), figure, caption, _runs(material, study))


def _curves(material: Material, study: StudyResult, factor: str) -> Figure:
    """Draw a study's metrics along a factor: a column of panels a line, a row a metric.

    A study of one line has a panel a metric, side by side.
    """
    lines = _lines_of(study, factor)
    metrics = study.metrics[:2]
    alone = len(lines) == 1
    width = material.inches(WIDE if len(metrics) > 1 or not alone else COLUMN)
    if alone:
        figure, axes = panels(width, 2.1, len(metrics), 2)
        cells = [
            (axis, metric, next(iter(lines))) for axis, metric in zip(axes, metrics, strict=True)
        ]
    else:
        figure, grid = canvas(width, 0.4 + 1.5 * len(metrics), len(metrics), len(lines),
                              sharex=True, sharey="row")  # fmt: skip
        cells = [(axis, metric, line) for row, metric in zip(grid, metrics, strict=True)
                 for axis, line in zip(row, lines, strict=True)]  # fmt: skip
    for axis, metric, line in cells:
        for other in lines:
            _curve(axis, material, (study, metric), factor, lines[other], shown=other == line)
        axis.set_xlabel(factor.rsplit(".", 1)[-1].replace("_", " "))
        axis.set_ylabel(f"{NAMES.get(metric, metric)} (%)")
        if not alone:
            axis.label_outer()
            if metric == metrics[0]:
                axis.set_title(textwrap.fill(line, LABEL // 2))
    for axis, _, _ in cells:
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, -3), min(high, 103))  # an interval of few seeds knows no bounds
    return figure


def _lines_of(study: StudyResult, factor: str) -> dict[str, list[VariantResult]]:
    """Return the levels of the other factors -> the variants along a factor."""
    lines: dict[str, list[VariantResult]] = {}
    for variant in study.variants:
        rest = ", ".join(word(v) for f, v in variant.levels.items() if f != factor)
        lines.setdefault(rest, []).append(variant)
    for variants in lines.values():
        variants.sort(key=lambda v: position(v.levels[factor]) or 0.0)
    return lines


def _numeric(study: StudyResult, factor: str) -> bool:
    """Return whether a factor has at least two levels and all of them are numbers or sizes."""
    levels = {repr(v.levels[factor]): v.levels[factor] for v in study.variants}
    return len(levels) > 1 and all(position(level) is not None for level in levels.values())


def position(level: Any) -> float | None:
    """Return where a level stands on an axis: a number itself, an image size by its height."""
    if isinstance(level, bool):
        return None
    if isinstance(level, int | float):
        return float(level)
    if isinstance(level, list | tuple) and level:
        return position(level[0])
    return None


def _curve(
    axis: Axes,
    material: Material,
    what: tuple[StudyResult, str],
    factor: str,
    variants: Sequence[VariantResult],
    *,
    shown: bool,
) -> None:
    """Draw one metric along a factor: with seeds and interval, or grey behind another line."""
    study, metric = what
    look = look_of(study.method)
    points = []
    for variant in variants:
        values = np.array(list(seed_values(material, (study, variant), metric).values()))
        x = position(variant.levels[factor])
        if not len(values) or x is None:
            continue
        points.append((x, estimate(values)))
        if shown:
            axis.scatter(np.full(len(values), x), values, s=7, facecolors="none",
                         edgecolors=look.color, linewidths=0.5)  # fmt: skip
        if shown and variant.reference:
            axis.scatter(x, values.mean(), s=60, facecolors="none", edgecolors="0.2",
                         linewidths=0.7)  # fmt: skip
    at = np.array([p for p, _ in points])
    mean, low, high = (
        np.array([getattr(e, part) for _, e in points]) for part in ("mean", "low", "high")
    )
    if not shown:
        axis.plot(at, mean, color="0.8", linewidth=0.7, zorder=1)
        return
    axis.plot(at, mean, color=look.color, marker=look.marker, markersize=3.5)
    axis.fill_between(at, low, high, color=look.color, alpha=0.15, linewidth=0)
    ticks = {position(v.levels[factor]): word(v.levels[factor]) for v in variants}
    axis.set_xticks([t for t in ticks if t is not None], list(ticks.values()))


def stem_of(study: StudyResult) -> str:
    """Return the name of a study's picture."""
    return f"{in_files(study.dataset)}-{study.study}"


def about(study: StudyResult) -> str:
    """Return method, task, data and seeds in words."""
    return (
        f"{title_of(study.method)}, attribute {study.task} on {study.dataset}, "
        f"{seeds_of(len(study.seeds))}; of {', '.join(study.factors)}."
    )


def _runs(material: Material, study: StudyResult) -> tuple[str, ...]:
    """Return the ids of a study's runs that count."""
    runs = [run for variant in study.variants for run in variant.runs.values()]
    return tuple(dict.fromkeys(run for run in runs if material.usable(run)))
