"""Figure of a search: what it saw on val, and which settings mattered."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from clear_bench.report.figures.looks import Look, look_of
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.studies import about, stem_of
from clear_bench.report.figures.style import (
    GREY,
    NAMES,
    legend_below,
    only_grid,
    panels,
    wrapped,
)
from clear_bench.report.figures.widths import WIDE
from clear_bench.runs.study_result import SearchResult


def search(material: Material) -> Iterator[Picture | NotDrawn]:
    """Draw a search's trials on val, the best so far, and how much each factor mattered."""
    searched = [(study, study.search) for study in material.results.studies if study.search]
    for study, result in searched:
        if not any(t.val is not None for t in result.trials):
            yield NotDrawn(stem_of(study), f"{study.study}: no trial of its search has a value")
            continue
        width = material.inches(WIDE)
        figure, axes = panels(width, 2.3, 2, 2)
        look = look_of(study.method)
        _history(axes[0], result, look)
        _importance(axes[1], result.importance, look)
        legend_below(figure, axes[0].get_legend_handles_labels()[0])
        caption = (
            f"Search of {study.study}: {len(result.trials)} of {result.budget} trials, each judged "
            f"by {result.metric} on val alone. {about(study)}"
        )
        yield Picture(stem_of(study), figure, caption, tuple(sorted(result.runs.values())))
    if not searched:
        yield NotDrawn("", "no study was searched; run: python -m clear_bench.ablate --search")


def _history(axis: Axes, result: SearchResult, look: Look) -> None:
    """Draw the trials in order, by state, and the best so far."""
    states = {"complete": (look.marker, look.color), "pruned": ("x", GREY), "failed": ("1", "0.2")}
    best: dict[int, float] = {}
    for state, (marker, color) in states.items():
        trials = {t.number: 100 * t.val for t in result.trials
                  if t.state == state and t.val is not None}  # fmt: skip
        axis.scatter(list(trials), list(trials.values()), s=14, marker=marker, color=color,
                     linewidths=0.9, label=state if trials else None)  # fmt: skip
    for trial in sorted(result.trials, key=lambda t: t.number):
        if trial.state == "complete" and trial.val is not None:
            best[trial.number] = max(100 * trial.val, *best.values(), -np.inf)
    axis.step(list(best), list(best.values()), where="post", color="0.2", linewidth=0.9,
              label="best so far")  # fmt: skip
    axis.set_xlabel("trial")
    axis.set_ylabel(f"{NAMES.get(result.metric, result.metric)} on val (%)")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _importance(axis: Axes, importance: dict[str, float], look: Look) -> None:
    """Draw the share of the variance that each factor explains."""
    order = sorted(importance, key=lambda key: (importance[key], key))
    if not order:
        axis.text(0.5, 0.5, "no importance: too few trials", ha="center", va="center",
                  transform=axis.transAxes)  # fmt: skip
        axis.set_axis_off()
        return
    shares: NDArray[np.float64] = np.array([importance[key] for key in order])
    bars = axis.barh(range(len(order)), shares, color=look.color, height=0.5)
    axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    axis.set_yticks(
        range(len(order)),
        [wrapped(key.replace(".", ". "), 1.1).replace(". ", ".") for key in order],
    )
    axis.set_xlim(0, 1.15 * max(shares.max(), 1e-9))
    axis.set_xlabel("share of variance")
    only_grid(axis, "x")
