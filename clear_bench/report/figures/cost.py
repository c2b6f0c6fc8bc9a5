"""Figure of accuracy against cost, and which methods no other beats in both."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from clear_bench.report.figures.labels import place
from clear_bench.report.figures.material import MAIN, Leaderboard, Material
from clear_bench.report.figures.methods import handles, nothing
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import KINDS, WIDE, canvas, settle

COSTS = {  # name in the record: axis, scale
    "flops_per_image": ("MFLOPs per image", 1e-6),
    "train_seconds": ("training (s)", 1.0),
    "parameters": ("parameters (M)", 1e-6),
}


def cost(
    material: Material, featured: tuple[str, ...], costs: tuple[str, ...]
) -> Iterator[Picture | NotDrawn]:
    """Draw the main metric against what a method costs, and mark the Pareto front.

    A retrieval method's cost includes its parent's, without which it cannot run.

    Args:
        material: What is drawn.
        featured: Methods to stand out.
        costs: Names of `COSTS`, a panel each.
    """
    for board in material.comparable:
        figure, axes = canvas(WIDE, 3.1, 1, len(costs), sharey=True)
        table = {name: _points(material, board, name) for name in costs}
        hidden = [m for m in board.ranked if not all(m in points for points in table.values())]
        lines = {}
        for axis, (name, points) in zip(axes[0], table.items(), strict=True):
            lines[name] = _scatter(axis, board, featured, points)
            axis.set_xlabel(COSTS[name][0])
        axes[0, 0].set_ylabel(f"{MAIN[board.task]} (%)")
        front = Line2D([], [], color="0.4", linestyle="--", label="Pareto front")
        entries = [*handles(board, featured, hidden), front]
        figure.legend(handles=entries, loc="outside lower center", ncols=4)
        settle(figure)
        for axis, (name, points) in zip(axes[0], table.items(), strict=True):
            place(axis, {board.title(m): p for m, p in points.items()}, lines[name])
        said = ", ".join(board.title(m) for m in hidden)
        caption = f"{board.caption}. Means over seeds; towards the upper left is better." + (
            f" Not shown, as they cost nothing or their parent's record is not current: {said}."
            if said
            else ""
        )
        yield Picture(board.stem, figure, caption, board.run_ids())
    yield from nothing(material)


def _points(material: Material, board: Leaderboard, name: str) -> dict[str, tuple[float, float]]:
    """Return each method's cost and value, of those that have a cost above 0."""
    costs = {m: _cost(material, board, m, name) for m in board.ranked}
    return {m: (x, board.mean(m)) for m, x in costs.items() if x > 0}


def _cost(material: Material, board: Leaderboard, method: str, name: str) -> float:
    """Return a method's mean cost over seeds, its parents' included, in the axis' unit.

    NaN if a parent has no current record.
    """
    costs = []
    for run in board.runs(method):
        parent = material.usable(run.record.parent) if run.record.parent else None
        shared = parent.record.cost.get(name, 0) if parent else 0
        parent_counted = parent is not None or not run.record.parent
        costs.append(run.record.cost.get(name, 0) + shared if parent_counted else np.nan)
    return COSTS[name][1] * float(np.mean(costs))


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
    axis: Axes,
    board: Leaderboard,
    featured: tuple[str, ...],
    points: dict[str, tuple[float, float]],
) -> list[tuple[float, float]]:
    """Draw methods by cost and value and return the corners of the Pareto front."""
    if not points:
        return []
    costs = [x for x, _ in points.values()]
    if max(costs) > 3 * min(costs):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    front = pareto(points)
    corners = [points[front[0]]]
    for name in front[1:]:
        corners += [(points[name][0], corners[-1][1]), points[name]]
    axis.plot(*zip(*corners, strict=True), color="0.4", linestyle="--", linewidth=0.8, zorder=1)
    for method, (x, y) in points.items():
        looks = KINDS[board.kind(method, featured)]
        edge = "black" if method in front else "white"
        axis.scatter(x, y, s=26, c=looks["color"], marker=looks["marker"], edgecolors=edge,
                     linewidths=0.7, zorder=3)  # fmt: skip
    axis.margins(0.2, 0.1)
    return corners
