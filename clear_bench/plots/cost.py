"""Figure of accuracy against cost, and which methods no other beats in both."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from clear_bench.plots.labels import place
from clear_bench.plots.material import MAIN, Board, Material
from clear_bench.plots.methods import handles, nothing
from clear_bench.plots.page import Gap, Page
from clear_bench.plots.style import KINDS, WIDE, canvas

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
    for board in material.comparable:
        figure, axes = canvas(WIDE, 3.1, 1, len(costs), sharey=True)
        free = set()
        for axis, name in zip(axes[0], costs, strict=True):
            points = {m: (_cost(material, board, m, name), board.mean(m))
                      for m in board.ranked}  # fmt: skip
            free |= {m for m, (x, _) in points.items() if not x > 0}
            _scatter(axis, board, own, {m: p for m, p in points.items() if p[0] > 0})
            axis.set_xlabel(COSTS[name][0])
        axes[0, 0].set_ylabel(f"{MAIN[board.task]} (%)")
        front = Line2D([], [], color="0.4", linestyle="--", label="Pareto front")
        entries = [*handles(board, own, free), front]
        figure.legend(handles=entries, loc="outside lower center", ncols=4)
        said = ", ".join(board.title(m) for m in board.ranked if m in free)
        caption = f"{board.caption}. Means over seeds; towards the upper left is better." + (
            f" Not shown, for costing nothing: {said}." if said else ""
        )
        yield Page(board.stem, figure, caption, board.run_ids())
    yield from nothing(material)


def _cost(material: Material, board: Board, method: str, name: str) -> float:
    """Return a method's mean cost over seeds with its parents' in the axis' unit."""
    found = []
    for run in board.runs(method):
        parent = material.usable(run.record.parent)
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
    axis: Axes, board: Board, own: tuple[str, ...], points: dict[str, tuple[float, float]]
) -> None:
    """Draw methods by cost and value, each with its name."""
    if not points:
        return
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
        looks = KINDS[board.kind(method, own)]
        edge = "black" if method in front else "white"
        axis.scatter(x, y, s=26, c=looks["color"], marker=looks["marker"], edgecolors=edge,
                     linewidths=0.7, zorder=3)  # fmt: skip
    axis.margins(0.14, 0.08)
    place(axis, {board.title(m): p for m, p in points.items()}, corners)
