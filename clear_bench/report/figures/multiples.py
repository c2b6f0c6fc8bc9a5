"""Curves of methods as small multiples: a panel each, the others grey behind, CLEAR in all."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from clear_bench.report.figures.looks import OURS
from clear_bench.report.figures.material import Leaderboard
from clear_bench.report.figures.style import canvas, wrapped
from clear_bench.report.figures.widths import COLUMN

Curve = tuple[NDArray[np.float64], ...]
"""x, and mean, least and greatest value over seeds, each ``(points,)``."""

ACROSS = {"text": 6, "column": 3}


def small_multiples(
    width: float,
    board: Leaderboard,
    shown: Sequence[str],
    behind: Sequence[str],
    kinds: Mapping[str, Callable[[str], Curve]],
    label: str,
    across: Mapping[str, int] = ACROSS,
) -> Figure:
    """Return a picture with a panel for each method and kind of curve.

    Args:
        width: In inches.
        board: Whose methods they are.
        shown: Methods that have a panel.
        behind: Methods that are grey in all panels.
        kinds: What a row of panels shows, its axis' label, to a function from method to curve.
        label: Of the horizontal axis.
        across: How many panels stand side by side in text and column.
    """
    columns = min(len(shown), across["column" if width <= COLUMN else "text"])
    blocks = -(-len(shown) // columns)
    rows = blocks * len(kinds)
    height = min(1.15, 1.6 * width / columns / 1.3)
    figure, axes = canvas(width, 0.35 * blocks + height * rows, rows, columns, sharex=True)
    leader = next((m for m in shown if board.methods[m].method == OURS[0]), None)
    curves = {(m, k): curve(m) for k, curve in kinds.items() for m in {*shown, *behind}}
    for row, axis_row in enumerate(axes):
        block, kind = divmod(row, len(kinds))
        name = list(kinds)[kind]
        mine = shown[block * columns : (block + 1) * columns]
        for axis, method in zip(axis_row, mine, strict=False):
            _panel(axis, board, method, leader, behind, {m: curves[m, name] for m, k in curves
                                                         if k == name})  # fmt: skip
            axis.set_ylim(*_limits([curves[m, name] for m in shown]))
            axis.label_outer()
            if kind == 0:
                title = wrapped(board.title(method), width / columns - 0.2)
                axis.set_title(title, fontsize=7.5)
        axis_row[0].set_ylabel(name)
        for empty in axis_row[len(mine) :]:
            empty.set_axis_off()
            axes[row - len(kinds), list(axis_row).index(empty)].tick_params(labelbottom=True)
    figure.supxlabel(label, fontsize=8)
    return figure


def _panel(
    axis: Axes,
    board: Leaderboard,
    method: str,
    leader: str | None,
    behind: Sequence[str],
    curves: Mapping[str, Curve],
) -> None:
    """Draw a method with its band over the others."""
    for other in behind:
        if other not in (method, leader):
            axis.plot(*curves[other][:2], color="0.82", linewidth=0.6, zorder=1)
    if leader and leader != method:
        axis.plot(*curves[leader][:2], color=board.look(leader).color, linewidth=0.7, zorder=2,
                  linestyle="--")  # fmt: skip
    x, mean, low, high = curves[method]
    look = board.look(method)
    axis.plot(x, mean, color=look.color, marker=look.marker, markersize=3, zorder=3,
              markevery=max(len(x) // 4, 1))  # fmt: skip
    axis.fill_between(x, low, high, color=look.color, alpha=0.2, linewidth=0)
    axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axis.yaxis.set_major_locator(MaxNLocator(4))


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return limits that hold all curves with their bands."""
    low = min(np.nanmin(c[2]) for c in curves)
    high = max(np.nanmax(c[3]) for c in curves)
    room = 0.05 * (high - low) or 1.0
    return float(low - room), float(high + room)
