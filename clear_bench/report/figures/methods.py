"""Figures of methods side by side: their metrics, their attributes, their cost."""

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.axes import Axes

from clear_bench.report.figures.material import Leaderboard, Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import (
    LETTER,
    NAMES,
    canvas,
    interval,
    legend_below,
    only_grid,
    wrapped,
)
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.groups import Loaded
from clear_bench.results.statistics import estimate

NOTHING = "no finished, current runs of two methods; train some: python -m clear_bench.train"
INTERVAL = (
    "Hollow marks are seeds; full ones their mean, with Student's 95 % interval; an arrow gives "
    "the mean of a method that lies below half the median."
)
ROW = {"text": 30, "column": 20}
"""Attributes that stand side by side, at 7 points or more."""
NAME = 1.15  # inches of a method's name in a column


def comparison(
    material: Material, metrics: dict[str, tuple[str, ...]]
) -> Iterator[Picture | NotDrawn]:
    """Draw every method's metrics: each seed, their mean and its interval.

    Args:
        material: What is drawn.
        metrics: Task to the metrics of its panels.
    """
    for board in material.comparable:
        names = metrics[board.task]
        entries = board.legend(board.methods)
        width = material.inches(WIDE)
        titles = [wrapped(board.title(m), NAME if width <= COLUMN else 2 * NAME)
                  for m in board.ranked]  # fmt: skip
        lines = 1 + max(title.count("\n") for title in titles)
        height = 0.5 + (0.02 + 0.15 * lines) * len(titles)
        figure, axes = canvas(width, height, 1, len(names), sharey=True)
        for axis, metric in zip(axes[0], names, strict=True):
            _dots(axis, board, metric)
        axes[0, 0].set_yticks(range(len(board.ranked)), titles)
        axes[0, 0].set_ylim(len(board.ranked) - 0.35, -0.65)
        legend_below(figure, entries)
        yield Picture(board.stem, figure, f"{board.caption}. {INTERVAL}", board.run_ids())
    yield from nothing(material)


def _dots(axis: Axes, board: Leaderboard, metric: str) -> None:
    """Draw one metric of all methods as a panel of dots; what lies far below is a number."""
    table = [board.values(method, metric) for method in board.ranked]
    floor = np.median([values.mean() for values in table]) / 2
    for row, (method, values) in enumerate(zip(board.ranked, table, strict=True)):
        look = board.look(method)
        summary = estimate(values)
        if summary.mean < floor:
            axis.annotate(f"\N{LEFTWARDS ARROW} {summary.mean:.1f}", (0.02, row), va="center",
                          xycoords=("axes fraction", "data"), fontsize=7)  # fmt: skip
            continue
        arms = interval(summary.low, summary.mean, summary.high)
        axis.errorbar(summary.mean, row, xerr=arms, capsize=2,
                      fmt=look.marker, color=look.color, markersize=3.5)  # fmt: skip
        axis.scatter(values, np.full(len(values), row + 0.3), s=5, marker=look.marker,
                     facecolors="none", edgecolors=look.color, linewidths=0.5)  # fmt: skip
    axis.set_xlabel(f"{NAMES.get(metric, metric)} (%)")
    only_grid(axis, "x")


def per_attribute(
    material: Material, method: str, row: Mapping[str, int] = ROW
) -> Iterator[Picture | NotDrawn]:
    """Draw the mA of each attribute, of one method and of the best baseline.

    Args:
        material: What is drawn.
        method: The method.
        row: Attributes that stand side by side in text and column.
    """
    drawn = False
    for board in material.comparable:
        rivals = [m for m in board.ranked if board.kind(m) == "baseline"]
        if board.task != "recognition" or method not in board.methods or not rivals:
            continue
        drawn = True
        pair = [method, rivals[0]]
        names, _ = board.methods[method].attributes("mA")
        width = material.inches(WIDE)
        side_by_side = row["column" if width <= COLUMN else "text"]
        blocks = np.array_split(np.arange(len(names)), -(-len(names) // side_by_side))
        height = 1.6 + LETTER * max(len(name) + len(" (50)") for name in names)
        figure, axes = canvas(width, height * len(blocks), len(blocks), 1, sharey=True)
        shares = _shares(board.runs(method)[0])
        tables = [100 * board.methods[name].attributes("mA")[1] for name in pair]
        for axis, block in zip(axes[:, 0], blocks, strict=True):
            _bars(axis, block, tables, [board.look(m).color for m in pair])
            labels = [f"{names[k]} ({shares[k]:.0f})" for k in block]
            axis.set_xticks(range(len(block)), labels, rotation=90)
            axis.set_ylabel("mA (%)")
        bars = [container for container in axes[0, 0].containers if hasattr(container, "patches")]
        figure.legend(bars, [board.title(m) for m in pair], loc="outside upper right", ncols=2)
        caption = (
            f"{board.caption}. Bars start at chance, 50 %, and show the mean over seeds with "
            "Student's 95 % interval; in brackets the share of positives in the test split, in "
            f"per cent. Hatched is the baseline of the highest mA, {board.title(rivals[0])}."
        )
        runs = board.run_ids(*pair)
        yield Picture(board.stem, figure, caption, runs)
    if not drawn:
        yield NotDrawn("", f"no finished, current recognition runs of {method} and a baseline")


def _shares(run: Loaded) -> np.ndarray:
    """Return each attribute's share of positives in the test split, in per cent ``(A,)``."""
    return 100 * run.record.positive_shares


def _bars(axis: Axes, block: np.ndarray, tables: list[np.ndarray], colors: list[str]) -> None:
    """Draw two bars for each attribute of a block."""
    looks = zip(colors, ("", "////"), strict=True)
    for side, (table, (color, hatch)) in enumerate(zip(tables, looks, strict=True)):
        summaries = [estimate(table[:, k]) for k in block]
        mean = np.array([e.mean for e in summaries])
        arms = np.nan_to_num(
            [[e.mean - e.low for e in summaries], [e.high - e.mean for e in summaries]]
        )
        axis.bar(np.arange(len(block)) + 0.4 * side - 0.2, mean - 50, 0.4, 50, yerr=arms,
                 color=color, hatch=hatch, edgecolor="white", linewidth=0.3,
                 error_kw={"linewidth": 0.6, "ecolor": "0.2"})  # fmt: skip
    axis.axhline(50, color="0.3", linewidth=0.7)
    axis.set_xlim(-0.6, len(block) - 0.4)
    axis.set_ylim(max(axis.get_ylim()[0], 0), 101)
    only_grid(axis, "y")


def nothing(material: Material) -> Iterator[NotDrawn]:
    """Yield the gap that is said where there are no two methods to compare."""
    if not material.comparable:
        yield NotDrawn("", NOTHING)
