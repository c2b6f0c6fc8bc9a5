"""Figure of training: the metric on val and the loss, epoch by epoch."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from clear_bench.report.figures.material import MAIN, Leaderboard, Material
from clear_bench.report.figures.multiples import small_multiples
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import NAMES
from clear_bench.report.figures.widths import WIDE

PANELS = (
    "a panel a method, the other methods grey behind, cut at the frame, and CLEAR dashed in its "
    "own colour"
)


def training(material: Material, top: int = 6) -> Iterator[Picture | NotDrawn]:
    """Draw the course of training of CLEAR and of the best other methods.

    Args:
        material: What is drawn.
        top: How many methods have a panel; the others are grey.
    """
    drawn = False
    for board in material.leaderboards:
        trained = [m for m in board.ranked if all(r.record.history for r in board.runs(m))]
        if not trained:
            continue
        drawn = True
        metric = MAIN[board.task]
        kinds = {
            f"val {NAMES[metric]} (%)": partial(_course, board, metric),
            "loss": partial(_course, board, "loss"),
        }
        shown = board.first(trained, top)
        figure = small_multiples(
            material.inches(WIDE), board, shown, trained, kinds, "epoch (training)"
        )
        caption = (
            f"{board.caption}. Mean over seeds, {PANELS}; the band spans the seeds. Above the "
            "metric on val, below the training loss, where the first epoch is 1."
        )
        yield Picture(board.stem, figure, caption, board.run_ids(*trained))
    if not drawn:
        yield NotDrawn(
            "", "no finished, current run has trained; train some: python -m clear_bench.train"
        )


def _course(board: Leaderboard, key: str, method: str) -> tuple[NDArray[np.float64], ...]:
    """Return epochs, and mean, least and greatest value over seeds, up to the last shared epoch."""
    rows = [run.record.history for run in board.runs(method)]
    length = min(map(len, rows))
    values = np.array([[row.get(key, np.nan) for row in one[:length]] for one in rows], float)
    values = values / values[:, :1] if key == "loss" else 100 * values
    epochs = np.array([row["epoch"] for row in rows[0][:length]])
    return epochs, values.mean(axis=0), values.min(axis=0), values.max(axis=0)
