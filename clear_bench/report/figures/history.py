"""Figure of training: the metric on val and the loss, epoch by epoch."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from clear_bench.report.figures.material import MAIN, Leaderboard, Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import LINES, NAMES, PALETTE, WIDE, canvas


def training(
    material: Material, featured: tuple[str, ...], top: int = 6
) -> Iterator[Picture | NotDrawn]:
    """Draw the course of training of CLEAR and of the best other methods.

    Args:
        material: What is drawn.
        featured: Methods that are shown in any case.
        top: How many methods are shown; the others are thin and grey.
    """
    drawn = False
    for board in material.leaderboards:
        trained = [m for m in board.ranked if all(r.record.history for r in board.runs(m))]
        if not trained:
            continue
        drawn = True
        first = [m for m in trained if board.kind(m, featured) == "own"]
        rest = [m for m in trained if m not in first]
        shown = (first + rest)[: max(top, len(first))]
        figure, axes = canvas(WIDE, 2.4, 1, 2)
        metric = MAIN[board.task]
        for axis, key in ((axes[0, 0], metric), (axes[0, 1], "loss")):
            for number, method in enumerate(shown):
                _lines(axis, board, method, key, number)
            limits = axis.get_ylim()
            for method in trained:
                if method not in shown:
                    axis.plot(
                        *_course(board, method, key)[:2], color="0.8", linewidth=0.7, zorder=1
                    )
            axis.set_ylim(limits)
        axes[0, 0].set_ylabel(f"{NAMES[metric]} on val (%)")
        axes[0, 1].set_ylabel("training loss (first epoch = 1)")
        for axis in axes[0]:
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        entries = axes[0, 0].get_legend_handles_labels()
        figure.legend(*entries, loc="outside right center")
        grey = (
            " Thin grey lines are the other methods, cut at the frame."
            if len(trained) > len(shown)
            else ""
        )
        caption = f"{board.caption}. Mean over seeds; the band spans the seeds.{grey}"
        runs = board.run_ids(*trained)
        yield Picture(board.stem, figure, caption, runs)
    if not drawn:
        yield NotDrawn(
            "", "no finished, current run has trained; train some: python -m clear_bench.train"
        )


def _course(
    board: Leaderboard, method: str, key: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return epochs, and mean, least and greatest value over seeds, up to the last shared epoch."""
    rows = [run.record.history for run in board.runs(method)]
    length = min(map(len, rows))
    values = np.array([[row.get(key, np.nan) for row in one[:length]] for one in rows], float)
    values = values / values[:, :1] if key == "loss" else 100 * values
    epochs = np.array([row["epoch"] for row in rows[0][:length]])
    return epochs, values.mean(axis=0), values.min(axis=0), values.max(axis=0)


def _lines(axis: Axes, board: Leaderboard, method: str, key: str, number: int) -> None:
    """Draw one method's course with its band."""
    epochs, mean, low, high = _course(board, method, key)
    color = PALETTE[number % len(PALETTE)]
    axis.plot(epochs, mean, color=color, linestyle=LINES[number % len(LINES)],
              label=board.title(method))  # fmt: skip
    axis.fill_between(epochs, low, high, color=color, alpha=0.15, linewidth=0)
