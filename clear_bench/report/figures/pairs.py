"""Figure of all pairs of methods: who wins on how many images or queries, and whether by chance."""

from collections.abc import Iterator

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from clear_bench.report.figures.material import Leaderboard, Material
from clear_bench.report.figures.methods import NOTHING
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import LETTER, canvas, wrapped
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.statistics import LEVEL, holm, paired_tests
from clear_bench.results.unit_scores import UNIT_METRIC, unit_scores
from clear_bench.utils.errors import UserError

NAME = 1.1  # inches of a method's name
FEW = 5  # methods that fit into a column
UNITS = {"recognition": "images", "retrieval": "queries"}
Floats = NDArray[np.float64]


def wins(
    material: Material, most: int = 20, most_in_column: int = 8
) -> Iterator[Picture | NotDrawn]:
    """Draw on what share of images or queries each method beats each other.

    Args:
        material: What is drawn.
        most: How many methods are shown, the best.
        most_in_column: The same where the picture must fit a column.
    """
    boards = material.comparable
    for board in boards:
        shown = board.ranked[: most_in_column if material.width == "column" else most]
        try:
            scores = np.array([_scores(board, method) for method in shown])
        except UserError as error:
            yield NotDrawn(board.stem, str(error))
            continue
        width = material.inches(COLUMN if len(shown) <= FEW else WIDE)
        titles = [wrapped(board.title(m), NAME) for m in shown]
        room = 0.3 + LETTER * max(len(line) for title in titles for line in title.split("\n"))
        figure, axes = canvas(width, min(width, room + 0.34 * len(shown)))
        # Squares are narrower than what was laid out for them, and take the names along.
        figure.get_layout_engine().set(w_pad=0.06)  # type: ignore[union-attr, call-arg]
        p_values = corrected(scores)
        _matrix(axes[0, 0], titles, win_shares(scores), p_values)
        caption = (
            f"{board.caption}. Per cent of test {UNITS[board.task]} on which the row beats the "
            f"column by {UNIT_METRIC[board.task]} averaged over seeds; a tie counts half. Framed: "
            f"the mean differs by a paired sign-flip test, p < {1 - LEVEL:.2f} after Holm's "
            f"correction for {len(shown) * (len(shown) - 1) // 2} pairs."
        )
        runs = board.run_ids(*shown)
        yield Picture(board.stem, figure, caption, runs)
    if not boards:
        yield NotDrawn("", NOTHING)


def _scores(board: Leaderboard, method: str) -> Floats:
    """Return each unit's score, mean over seeds ``(U,)``.

    Raises:
        UserError: If a run keeps no predictions, or its units are not the others'.
    """
    first = board.runs(board.ranked[0])[0]
    wanted, _ = unit_scores(first.folder, first.record)
    rows = []
    for run in board.runs(method):
        units, scores = unit_scores(run.folder, run.record)
        if not np.array_equal(units, wanted):
            raise UserError(f"{run.record.run_id}: other test units than {first.record.run_id}")
        rows.append(np.nan_to_num(scores))
    return np.mean(rows, axis=0)


def win_shares(scores: Floats) -> Floats:
    """Return the share of units on which each method beats each other ``(M, M)``, ties half.

    Args:
        scores: ``(M, U)``.
    """
    return np.array([
        [((one > other) + 0.5 * (one == other)).mean() for other in scores] for one in scores
    ])  # fmt: skip


def corrected(scores: Floats) -> Floats:
    """Return Holm's p-values of all pairs ``(M, M)``, symmetric, 1 on the diagonal.

    Args:
        scores: ``(M, U)``.
    """
    upper = np.triu_indices(len(scores), 1)
    gaps = scores[upper[0]] - scores[upper[1]]
    p_values = np.ones((len(scores), len(scores)))
    p_values[upper] = holm(paired_tests(gaps, np.zeros(scores.shape[1])).tolist())
    return np.minimum(p_values, p_values.T)


def _matrix(axis: Axes, names: list[str], shares: Floats, p_values: Floats) -> None:
    """Draw the shares as a coloured matrix of numbers; significant pairs get a frame."""
    sns.heatmap(
        100 * shares, ax=axis, vmin=0, vmax=100, cmap="PuOr", annot=True, fmt=".0f", square=True,
        mask=np.eye(len(names), dtype=bool), cbar=False, annot_kws={"fontsize": 7},
        linewidths=0.8, linecolor="white", xticklabels=names, yticklabels=names,
    )  # fmt: skip
    for row, column in np.argwhere(p_values < 1 - LEVEL):
        axis.add_patch(Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, fill=False,
                                 edgecolor="black", linewidth=0.8))  # fmt: skip
    axis.tick_params(length=0)
    axis.grid(visible=False)
    axis.set_xticklabels(names, rotation=90)
    axis.set_yticklabels(names, rotation=0)
    axis.xaxis.tick_top()
