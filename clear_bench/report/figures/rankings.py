"""Rankings out of the embeddings that runs keep, and the figures made of them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.metrics.ranks import Positives, Ties
from clear_bench.metrics.retrieval import dot_products
from clear_bench.report.figures.history import PANELS
from clear_bench.report.figures.looks import MARKERS
from clear_bench.report.figures.material import Leaderboard, Material
from clear_bench.report.figures.multiples import small_multiples
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.style import PALETTE, canvas
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.groups import Loaded
from clear_bench.results.predictions import Arrays, arrays_of, hidden_of
from clear_bench.runs.files import PREDICTIONS
from clear_bench.utils.arrays import array_names

CHUNK = 64
ACROSS = {"text": 3, "column": 2}
LEVELS = np.linspace(0, 1, 101)
EMBEDDED = "the embeddings of a retrieval run (predictions.npz)"


def embeds(run: Loaded) -> bool:
    """Return whether a retrieval run keeps the embeddings of its queries and images.

    Raises:
        UserError: If its predictions cannot be read.
    """
    return {"queries", "images"} <= set(array_names(run.folder / PREDICTIONS))


def embedded(board: Leaderboard) -> list[str]:
    """Return the methods whose rankings can be drawn, best first.

    Where images are hidden from a query it must be kept which ones; older runs keep none.
    """
    if board.task != "retrieval":
        return []
    return [m for m in board.ranked if all(embeds(r) and _sees(r) for r in board.runs(m))]


def _sees(run: Loaded) -> bool:
    """Return whether it is known which images each query sees."""
    if run.record.config["protocol"]["removal"] == "none":
        return True
    return "removed_query" in array_names(run.folder / PREDICTIONS)


def order(arrays: Arrays, start: int, stop: int, ties: str) -> NDArray[np.intp]:
    """Return the images of some queries in order of rank ``(stop - start, N)``, best first.

    Images that a query does not see come last.

    Args:
        arrays: Of a retrieval run, from `clear_bench.results.predictions.arrays_of`.
        start: First query.
        stop: The one after the last.
        ties: ``index`` or ``reversed``, see `clear_bench.metrics.retrieval.metrics_of_scores`.
    """
    scores = dot_products(arrays["queries"], arrays["images"])(start, stop)
    if hidden := hidden_of(arrays):
        query, image = hidden
        asked = (query >= start) & (query < stop)
        scores[query[asked] - start, image[asked]] = -np.inf
    if ties == "index":
        return np.argsort(-scores, axis=1, kind="stable")
    return np.argsort(scores, axis=1, kind="stable")[:, ::-1]


def answers(arrays: Arrays) -> NDArray[np.intp]:
    """Return how many images each query matches ``(Q,)``, whether it sees them or not."""
    asked, category = arrays["query_category"], arrays["category"]
    sizes = np.bincount(category[category >= 0], minlength=asked.max() + 1)
    return sizes[asked]


def precision_at_recall(arrays: Arrays, ties: Ties) -> NDArray[np.float64]:
    """Return the interpolated precision at `LEVELS` of recall, mean over queries ``(101,)``.

    The precision at a recall is the greatest one at that recall or a higher one (Manning,
    Raghavan and Schuetze, Introduction to Information Retrieval, 2008, section 8.4).  Queries
    without positives are left out.

    Args:
        arrays: Of a retrieval run, from `clear_bench.results.predictions.arrays_of`.
        ties: See `order`.
    """
    asked = arrays["query_category"]
    positives = Positives(asked, arrays["category"], hidden_of(arrays))
    products = dot_products(arrays["queries"], arrays["images"])
    total, count = np.zeros(len(LEVELS)), 0
    for start in range(0, len(asked), CHUNK):
        scores = products(start, min(start + CHUNK, len(asked)))
        for ranks in positives.ranks(scores, start, ties):
            if len(ranks):
                precision = np.arange(1, len(ranks) + 1) / ranks
                best = np.maximum.accumulate(precision[::-1])[::-1]
                needed = np.ceil(LEVELS * len(ranks) - 1e-9).astype(int)
                total += best[np.maximum(needed, 1) - 1]
                count += 1
    return total / max(count, 1)


def precision_recall(material: Material, top: int = 6) -> Iterator[Picture | NotDrawn]:
    """Draw precision against recall of the methods that embed queries and images.

    Args:
        material: What is drawn.
        top: How many methods are shown.
    """
    drawn = False
    for board in material.leaderboards:
        methods = embedded(board)
        if not methods:
            continue
        drawn = True
        shown = board.first(methods, top)
        kinds = {"precision (%)": partial(_curve, board)}
        width = material.inches(WIDE)
        figure = small_multiples(width, board, shown, shown, kinds, "recall (%)", ACROSS)
        caption = (
            f"{board.caption}. Interpolated precision, mean over queries and seeds, {PANELS}; the "
            "band spans the seeds. Of the methods with a common space of queries and images."
        )
        runs = board.run_ids(*shown)
        yield Picture(board.stem, figure, caption, runs)
    if not drawn:
        yield NotDrawn("", f"needs {EMBEDDED}, by a protocol that removes no images")


def _curve(board: Leaderboard, method: str) -> tuple[NDArray[np.float64], ...]:
    """Return recall, and mean, least and greatest precision over seeds, in per cent."""
    curves = np.array([
        precision_at_recall(arrays_of(r.folder), r.record.config["protocol"]["ties"])
        for r in board.runs(method)
    ])  # fmt: skip
    spread = (curves.mean(axis=0), curves.min(axis=0), curves.max(axis=0))
    return (100 * LEVELS, *(100 * part for part in spread))


def space(material: Material, method: str, categories: int = 8) -> Iterator[Picture | NotDrawn]:
    """Draw the plane of a method's embeddings in which they vary most, queries and images.

    Args:
        material: What is drawn.
        method: The method; its first seed is shown.
        categories: How many categories, those of most images, are told apart.
    """
    drawn = False
    for board in material.leaderboards:
        if method not in embedded(board):
            continue
        drawn = True
        run = board.runs(method)[0]
        arrays = arrays_of(run.folder)
        points, share = principal_plane(np.concatenate([arrays["queries"], arrays["images"]]))
        queries, images = np.split(points, [len(arrays["queries"])])
        sizes = answers(arrays)
        asked = arrays["query_category"]
        chosen = np.argsort(-sizes, kind="stable")[:categories]
        figure, axes = canvas(material.inches(COLUMN), 4.4)
        axis = axes[0, 0]
        axis.scatter(*images.T, s=3, color="0.82", linewidths=0, label="images", rasterized=True)
        axis.scatter(*queries.T, s=9, marker="+", color="0.55", linewidths=0.5, label="queries")
        for number, query in enumerate(chosen):
            color, marker = PALETTE[number % 10], MARKERS[number % 10]
            mine = images[arrays["category"] == asked[query]]
            axis.scatter(*mine.T, s=11, color=color, marker=marker, linewidths=0, alpha=0.8)
            axis.scatter(*queries[query], s=45, color=color, marker=marker, edgecolors="black",
                         linewidths=0.9, zorder=4,
                         label=f"query {query}, images: {len(mine)}")  # fmt: skip
        axis.set_xlabel(f"first component ({100 * share[0]:.0f} % of the variance)")
        axis.set_ylabel(f"second component ({100 * share[1]:.0f} %)")
        axis.set_aspect("equal", adjustable="datalim")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        caption = (
            f"{board.title(method)}, seed {run.record.seed}, test split. Large framed marks are "
            f"queries, small ones of the same form their images; the {len(chosen)} categories of "
            f"most images. Plane of the two principal components. Protocol: {board.protocol}"
        )
        yield Picture(board.stem, figure, caption, (run.record.run_id,))
    if not drawn:
        yield NotDrawn("", f"needs {EMBEDDED} of {method}")


def principal_plane(
    points: NDArray[np.floating[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in the plane of their first two principal components.

    Args:
        points: ``(N, d)``, d at least 2.

    Returns:
        ``(N, 2)`` coordinates; each axis points to where its greatest loading is positive; and
        ``(2,)`` the share of the variance along each.
    """
    centered = np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
    _, values, axes = np.linalg.svd(centered, full_matrices=False)
    plane = axes[:2]
    plane = plane * np.sign(plane[np.arange(2), np.abs(plane).argmax(axis=1)])[:, None]
    total = (values**2).sum()
    return centered @ plane.T, values[:2] ** 2 / (total if total else 1.0)
