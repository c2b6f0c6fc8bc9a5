"""Figures of methods side by side: their metrics, their attributes, their cost."""

from collections.abc import Collection, Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from clear_bench.plots.labels import place
from clear_bench.plots.material import MAIN, Finished, Group, Material
from clear_bench.plots.page import Gap, Page
from clear_bench.plots.style import (
    KINDS,
    NAMES,
    WIDE,
    canvas,
    interval,
    only_grid,
)
from clear_bench.stats import estimate

NOTHING = "no finished, current runs of two methods; train some: python -m clear_bench.train"
INTERVAL = (
    "Hollow marks are seeds; full ones their mean, with Student's 95 % interval; an arrow gives "
    "the mean of a method that lies below half the median."
)
LEGEND = {"own": "CLEAR and its parts", "baseline": "baselines", "floor": "learn nothing"}


def comparable(material: Material) -> Iterator[Group]:
    """Yield the groups with at least two methods."""
    yield from (group for group in material.groups if len(group.methods) > 1)


def comparison(
    material: Material, own: tuple[str, ...], metrics: dict[str, tuple[str, ...]]
) -> Iterator[Page | Gap]:
    """Draw every method's metrics: each seed, their mean and its interval.

    Args:
        material: What is drawn.
        own: Methods to stand out.
        metrics: Task to the metrics of its panels.
    """
    for group in comparable(material):
        names = metrics[group.task]
        height = 0.55 + 0.17 * len(group.methods)
        figure, axes = canvas(WIDE, height, 1, len(names), sharey=True)
        for axis, metric in zip(axes[0], names, strict=True):
            _dots(axis, group, metric, own)
        axes[0, 0].set_yticks(range(len(group.ranked)), [group.title(m) for m in group.ranked])
        axes[0, 0].invert_yaxis()
        figure.legend(handles=handles(group, own), loc="outside lower center", ncols=3)
        yield Page(group.stem, figure, f"{group.caption}. {INTERVAL}", group.runs)
    yield from _nothing(material)


def _dots(axis: Axes, group: Group, metric: str, own: tuple[str, ...]) -> None:
    """Draw one metric of all methods as a panel of dots; what lies far below is a number."""
    table = [group.values(method, metric) for method in group.ranked]
    floor = np.median([values.mean() for values in table]) / 2
    for row, (method, values) in enumerate(zip(group.ranked, table, strict=True)):
        looks = KINDS[group.kind(method, own)]
        found = estimate(values)
        if found.mean < floor:
            axis.annotate(f"\N{LEFTWARDS ARROW} {found.mean:.1f}", (0.02, row), va="center",
                          xycoords=("axes fraction", "data"), fontsize=7)  # fmt: skip
            continue
        axis.errorbar(found.mean, row, xerr=interval(found.low, found.mean, found.high), capsize=2,
                      fmt=looks["marker"], color=looks["color"], markersize=3.5)  # fmt: skip
        axis.scatter(values, np.full(len(values), row + 0.3), s=5, marker=looks["marker"],
                     facecolors="none", edgecolors=looks["color"], linewidths=0.5)  # fmt: skip
    axis.set_xlabel(f"{NAMES.get(metric, metric)} (%)")
    only_grid(axis, "x")


def handles(group: Group, own: tuple[str, ...], hidden: Collection[str] = ()) -> list[Line2D]:
    """Return the legend's entries for the kinds of methods that a group has, but for some."""
    there = {group.kind(method, own) for method in group.methods if method not in hidden}
    return [
        Line2D([], [], linestyle="", label=LEGEND[kind], **looks)
        for kind, looks in KINDS.items()
        if kind in there
    ]


def per_attribute(
    material: Material, method: str, own: tuple[str, ...], row: int = 30
) -> Iterator[Page | Gap]:
    """Draw the mA of each attribute, of one method and of the best baseline.

    Args:
        material: What is drawn.
        method: The method.
        own: Methods that are no baselines.
        row: Attributes that stand side by side.
    """
    drawn = False
    for group in comparable(material):
        rivals = [m for m in group.ranked if group.kind(m, own) == "baseline"]
        if group.task != "recognition" or method not in group.methods or not rivals:
            continue
        drawn = True
        pair = [method, rivals[0]]
        names = [str(name) for name in group.methods[method][0].record.per_attribute["name"]]
        blocks = np.array_split(np.arange(len(names)), -(-len(names) // row))
        figure, axes = canvas(WIDE, 2.2 * len(blocks), len(blocks), 1, sharey=True)
        shares = _shares(group.methods[method][0])
        tables = [_attribute_values(group.methods[name]) for name in pair]
        for axis, block in zip(axes[:, 0], blocks, strict=True):
            _bars(axis, block, tables)
            words = [f"{names[k]} ({shares[k]:.0f})" for k in block]
            axis.set_xticks(range(len(block)), words, rotation=90)
            axis.set_ylabel("mA (%)")
        bars = [container for container in axes[0, 0].containers if hasattr(container, "patches")]
        figure.legend(bars, [group.title(m) for m in pair], loc="outside upper right", ncols=2)
        caption = (
            f"{group.caption}. Bars start at chance, 50 %, and show the mean over seeds with "
            "Student's 95 % interval; in brackets the share of positives in the test split, in "
            f"per cent. The baseline is the one of the highest mA, {group.title(rivals[0])}."
        )
        runs = tuple(r.record.run_id for name in pair for r in group.methods[name])
        yield Page(group.stem, figure, caption, runs)
    if not drawn:
        yield Gap("", f"no finished, current recognition runs of {method} and a baseline")


def _attribute_values(runs: list[Finished]) -> np.ndarray:
    """Return the mA of each attribute in per cent ``(seeds, A)``; NaN where undefined."""
    return 100 * np.array([run.record.per_attribute["mA"] for run in runs], float)


def _shares(run: Finished) -> np.ndarray:
    """Return each attribute's share of positives in the test split, in per cent ``(A,)``."""
    positives = np.asarray(run.record.per_attribute["positives"], float)
    return 100 * positives / run.record.data["test_images"]


def _bars(axis: Axes, block: np.ndarray, tables: list[np.ndarray]) -> None:
    """Draw two bars for each attribute of a block."""
    looks = ((KINDS["own"]["color"], ""), (KINDS["baseline"]["color"], "////"))
    for side, (table, (color, hatch)) in enumerate(zip(tables, looks, strict=True)):
        found = [estimate(table[:, k]) for k in block]
        mean = np.array([e.mean for e in found])
        arms = np.nan_to_num([[e.mean - e.low for e in found], [e.high - e.mean for e in found]])
        axis.bar(np.arange(len(block)) + 0.4 * side - 0.2, mean - 50, 0.4, 50, yerr=arms,
                 color=color, hatch=hatch, edgecolor="white", linewidth=0.3,
                 error_kw={"linewidth": 0.6, "ecolor": "0.2"})  # fmt: skip
    axis.axhline(50, color="0.3", linewidth=0.7)
    axis.set_xlim(-0.6, len(block) - 0.4)
    axis.set_ylim(top=101)
    only_grid(axis, "y")


COSTS = {  # name in the record: axis, scale
    "flops_per_image": ("MFLOPs per image", 1e-6),
    "train_seconds": ("training (s)", 1.0),
    "parameters": ("parameters (M)", 1e-6),
}


def cost(material: Material, own: tuple[str, ...], costs: tuple[str, ...]) -> Iterator[Page | Gap]:
    """Draw the main metric against what a method costs, and mark the Pareto front.

    A retrieval method's cost includes its parent's, without which it cannot run.

    Args:
        material: What is drawn.
        own: Methods to stand out.
        costs: Names of `COSTS`, a panel each.
    """
    for group in comparable(material):
        figure, axes = canvas(WIDE, 3.1, 1, len(costs), sharey=True)
        free = set()
        for axis, name in zip(axes[0], costs, strict=True):
            points = {m: (_cost(material, group, m, name), group.values(m).mean())
                      for m in group.ranked}  # fmt: skip
            free |= {m for m, (x, _) in points.items() if not x > 0}
            _scatter(axis, group, own, {m: p for m, p in points.items() if p[0] > 0})
            axis.set_xlabel(COSTS[name][0])
        axes[0, 0].set_ylabel(f"{MAIN[group.task]} (%)")
        figure.legend(handles=[*handles(group, own, free), Line2D([], [], color="0.4", linestyle="--",
                      label="Pareto front")], loc="outside lower center", ncols=4)  # fmt: skip
        said = ", ".join(group.title(m) for m in group.ranked if m in free)
        caption = f"{group.caption}. Means over seeds; towards the upper left is better." + (
            f" Not shown, for costing nothing: {said}." if said else ""
        )
        yield Page(group.stem, figure, caption, group.runs)
    yield from _nothing(material)


def _cost(material: Material, group: Group, method: str, name: str) -> float:
    """Return a method's mean cost over seeds with its parents' in the axis' unit."""
    found = []
    for run in group.methods[method]:
        parent = material.finished.get(run.record.parent)
        shared = parent.record.cost.get(name, 0) if parent else 0
        found.append(run.record.cost.get(name, 0) + shared)
    return COSTS[name][1] * float(np.mean(found))


def pareto(points: dict[str, tuple[float, float]]) -> list[str]:
    """Return the names that no other beats in both cost and value, in order of cost.

    Args:
        points: Name to (cost, value).
    """
    front: list[str] = []
    best = -np.inf
    for name, (_, value) in sorted(points.items(), key=lambda p: (p[1][0], -p[1][1])):
        if value > best:
            front.append(name)
            best = value
    return front


def _scatter(
    axis: Axes, group: Group, own: tuple[str, ...], points: dict[str, tuple[float, float]]
) -> None:
    """Draw methods by cost and value, each with its name."""
    if not points:
        return
    costs = [x for x, _ in points.values()]
    if max(costs) > 3 * min(costs):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    front = pareto(points)
    corners = [points[front[0]]]
    for name in front[1:]:
        corners += [(points[name][0], corners[-1][1]), points[name]]
    axis.plot(*zip(*corners, strict=True), color="0.4", linestyle="--", linewidth=0.8, zorder=1)
    for method, (x, y) in points.items():
        looks = KINDS[group.kind(method, own)]
        edge = "black" if method in front else "white"
        axis.scatter(x, y, s=26, c=looks["color"], marker=looks["marker"], edgecolors=edge,
                     linewidths=0.7, zorder=3)  # fmt: skip
    axis.margins(0.14, 0.08)
    place(axis, {group.title(m): p for m, p in points.items()}, corners)


def _nothing(material: Material) -> Iterator[Gap]:
    """Yield the gap that is said where there are no two methods to compare."""
    if not any(True for _ in comparable(material)):
        yield Gap("", NOTHING)
