"""Figures of methods side by side: their metrics, their attributes, their cost."""

from collections.abc import Collection, Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clear_bench.report.figures.material import Leaderboard, Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import KINDS, NAMES, WIDE, canvas, interval, only_grid
from clear_bench.results.groups import Loaded
from clear_bench.results.statistics import estimate

NOTHING = "no finished, current runs of two methods; train some: python -m clear_bench.train"
INTERVAL = (
    "Hollow marks are seeds; full ones their mean, with Student's 95 % interval; an arrow gives "
    "the mean of a method that lies below half the median."
)
LEGEND = {"own": "CLEAR and its parts", "baseline": "baselines", "floor": "learn nothing"}


def comparison(
    material: Material, featured: tuple[str, ...], metrics: dict[str, tuple[str, ...]]
) -> Iterator[Picture | NotDrawn]:
    """Draw every method's metrics: each seed, their mean and its interval.

    Args:
        material: What is drawn.
        featured: Methods to stand out.
        metrics: Task to the metrics of its panels.
    """
    for board in material.comparable:
        names = metrics[board.task]
        height = 0.65 + 0.17 * len(board.methods)
        figure, axes = canvas(WIDE, height, 1, len(names), sharey=True)
        for axis, metric in zip(axes[0], names, strict=True):
            _dots(axis, board, metric, featured)
        axes[0, 0].set_yticks(range(len(board.ranked)), [board.title(m) for m in board.ranked])
        axes[0, 0].set_ylim(len(board.ranked) - 0.35, -0.65)
        figure.legend(handles=handles(board, featured), loc="outside lower center", ncols=3)
        yield Picture(board.stem, figure, f"{board.caption}. {INTERVAL}", board.run_ids())
    yield from nothing(material)


def _dots(axis: Axes, board: Leaderboard, metric: str, featured: tuple[str, ...]) -> None:
    """Draw one metric of all methods as a panel of dots; what lies far below is a number."""
    table = [board.values(method, metric) for method in board.ranked]
    floor = np.median([values.mean() for values in table]) / 2
    for row, (method, values) in enumerate(zip(board.ranked, table, strict=True)):
        looks = KINDS[board.kind(method, featured)]
        summary = estimate(values)
        if summary.mean < floor:
            axis.annotate(f"\N{LEFTWARDS ARROW} {summary.mean:.1f}", (0.02, row), va="center",
                          xycoords=("axes fraction", "data"), fontsize=7)  # fmt: skip
            continue
        arms = interval(summary.low, summary.mean, summary.high)
        axis.errorbar(summary.mean, row, xerr=arms, capsize=2,
                      fmt=looks["marker"], color=looks["color"], markersize=3.5)  # fmt: skip
        axis.scatter(values, np.full(len(values), row + 0.3), s=5, marker=looks["marker"],
                     facecolors="none", edgecolors=looks["color"], linewidths=0.5)  # fmt: skip
    axis.set_xlabel(f"{NAMES.get(metric, metric)} (%)")
    only_grid(axis, "x")


def handles(
    board: Leaderboard, featured: tuple[str, ...], hidden: Collection[str] = ()
) -> list[Line2D]:
    """Return the legend's entries for the kinds of methods that a leaderboard has, but for some."""
    kinds = {board.kind(method, featured) for method in board.methods if method not in hidden}
    return [
        Line2D([], [], linestyle="", label=LEGEND[kind], **looks)
        for kind, looks in KINDS.items()
        if kind in kinds
    ]


def per_attribute(
    material: Material, method: str, featured: tuple[str, ...], row: int = 30
) -> Iterator[Picture | NotDrawn]:
    """Draw the mA of each attribute, of one method and of the best baseline.

    Args:
        material: What is drawn.
        method: The method.
        featured: Methods that are no baselines.
        row: Attributes that stand side by side.
    """
    drawn = False
    for board in material.comparable:
        rivals = [m for m in board.ranked if board.kind(m, featured) == "baseline"]
        if board.task != "recognition" or method not in board.methods or not rivals:
            continue
        drawn = True
        pair = [method, rivals[0]]
        names, _ = board.methods[method].attributes("mA")
        blocks = np.array_split(np.arange(len(names)), -(-len(names) // row))
        figure, axes = canvas(WIDE, 2.2 * len(blocks), len(blocks), 1, sharey=True)
        shares = _shares(board.runs(method)[0])
        tables = [100 * board.methods[name].attributes("mA")[1] for name in pair]
        for axis, block in zip(axes[:, 0], blocks, strict=True):
            _bars(axis, block, tables)
            labels = [f"{names[k]} ({shares[k]:.0f})" for k in block]
            axis.set_xticks(range(len(block)), labels, rotation=90)
            axis.set_ylabel("mA (%)")
        bars = [container for container in axes[0, 0].containers if hasattr(container, "patches")]
        figure.legend(bars, [board.title(m) for m in pair], loc="outside upper right", ncols=2)
        caption = (
            f"{board.caption}. Bars start at chance, 50 %, and show the mean over seeds with "
            "Student's 95 % interval; in brackets the share of positives in the test split, in "
            f"per cent. The baseline is the one of the highest mA, {board.title(rivals[0])}."
        )
        runs = board.run_ids(*pair)
        yield Picture(board.stem, figure, caption, runs)
    if not drawn:
        yield NotDrawn("", f"no finished, current recognition runs of {method} and a baseline")


def _shares(run: Loaded) -> np.ndarray:
    """Return each attribute's share of positives in the test split, in per cent ``(A,)``."""
    return 100 * run.record.positive_shares


def _bars(axis: Axes, block: np.ndarray, tables: list[np.ndarray]) -> None:
    """Draw two bars for each attribute of a block."""
    looks = ((KINDS["own"]["color"], ""), (KINDS["baseline"]["color"], "////"))
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
