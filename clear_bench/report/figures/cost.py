"""Figure of accuracy against cost, and which methods no other beats in both."""

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from clear_bench.report.figures.labels import place
from clear_bench.report.figures.looks import mark_of
from clear_bench.report.figures.material import MAIN, Leaderboard, Material
from clear_bench.report.figures.methods import nothing
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import legend_below, panels, settle, wrapped
from clear_bench.report.figures.widths import COLUMN, WIDE

Points = dict[str, tuple[float, float]]

COSTS = {  # name in the record: axis, scale
    "flops_per_image": ("MFLOPs per image", 1e-6),
    "train_seconds": ("training (s)", 1.0),
    "parameters": ("parameters (M)", 1e-6),
}


NAME = 1.4  # inches of a method's name beside its mark
SAME = 1.05
"""Costs whose greatest is not above this many times the least are no axis."""


def cost(material: Material, costs: tuple[str, ...]) -> Iterator[Picture | NotDrawn]:
    """Draw the main metric against what a method costs, and mark the Pareto front.

    A retrieval method's cost includes its parent's, without which it cannot run.  A cost that is
    about the same for all methods is said and not drawn.

    Args:
        material: What is drawn.
        costs: Names of `COSTS`, a panel each.
    """
    for board in material.comparable:
        every = {name: _points(material, board, name) for name in costs}
        table = {name: points for name, points in every.items() if varies(points)}
        if not table:
            words = " and ".join(COSTS[name][0] for name in costs)
            yield NotDrawn(board.stem, f"all methods cost the same: {words}")
            continue
        hidden = [m for m in board.ranked if not all(m in points for points in every.values())]
        figure = _draw(material.inches(WIDE), board, table, named=True)
        marks = ""
        if figure is None:
            figure = _draw(material.inches(WIDE), board, table, named=False)
            marks = " Marks are those of the legend."
        said = ", ".join(board.title(m) for m in hidden)
        same = ", ".join(COSTS[name][0] for name in costs if name not in table)
        caption = (
            f"{board.caption}. Means over seeds; towards the upper left is better; marks on the "
            f"Pareto front have a black edge.{marks}"
            + (f" About the same for all methods: {same}." if same else "")
            + (f" Not shown, as they cost nothing or their parent's record is not current: {said}."
               if said else "")
        )  # fmt: skip
        assert figure is not None  # noqa: S101 - a legend fits always
        yield Picture(board.stem, figure, caption, board.run_ids())
    yield from nothing(material)


def varies(points: Mapping[str, tuple[float, float]]) -> bool:
    """Return whether a cost tells methods apart.

    Args:
        points: Name to (cost, value).
    """
    costs = [x for x, _ in points.values()]
    return bool(costs) and max(costs) > SAME * min(costs)


def _draw(
    width: float, board: Leaderboard, table: Mapping[str, Points], *, named: bool
) -> Figure | None:
    """Return the picture with methods' names beside their marks, or with a legend of all of them.

    None if the names would cover each other.
    """
    shown = [m for m in board.ranked if any(m in points for points in table.values())]
    entries = board.legend(shown) if named else [
        mark_of(board.methods[m].method, board.title(m)) for m in shown
    ]  # fmt: skip
    entries.append(Line2D([], [], color="0.4", linestyle="--", label="Pareto front"))
    figure, axes = panels(width, 2.9, len(table), 2, sharey=True)
    lines = {}
    for axis, (name, points) in zip(axes, table.items(), strict=True):
        lines[name] = _scatter(axis, board, points)
        axis.set_xlabel(COSTS[name][0])
        axis.set_ylabel(f"{MAIN[board.task]} (%)")
        if width > COLUMN:
            axis.label_outer()
    legend_below(figure, entries)
    settle(figure)
    fits = not named or all([
        place(axis, {wrapped(board.title(m), NAME): p for m, p in points.items()}, lines[name])
        for axis, (name, points) in zip(axes, table.items(), strict=True)
    ])  # fmt: skip
    return figure if fits else None


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


def pareto(points: Mapping[str, tuple[float, float]]) -> list[str]:
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
    axis: Axes, board: Leaderboard, points: Mapping[str, tuple[float, float]]
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
        look = board.look(method)
        edge = "black" if method in front else "white"
        axis.scatter(x, y, s=26, c=look.color, marker=look.marker, edgecolors=edge,
                     linewidths=0.7, zorder=3)  # fmt: skip
    axis.margins(0.2, 0.15)
    return corners
