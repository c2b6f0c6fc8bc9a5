"""Qualitative pictures: what a query asks for, and the images that two methods rank first."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from clear_bench.data.dataset import Dataset
from clear_bench.data.schema import Schema
from clear_bench.report.figures.images import check_terms, dataset_of, read_rows
from clear_bench.report.figures.material import Leaderboard, Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.rankings import EMBEDDED, answers, embedded, order
from clear_bench.report.figures.style import GREEN, RED
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.groups import Loaded
from clear_bench.results.predictions import Arrays, arrays_of, hidden_of
from clear_bench.text.descriptions import describe
from clear_bench.utils.errors import UserError

TOP = {"text": 10, "column": 4}
"""Images of a row."""
PICTURE = (128, 64)  # height, width in pixels
LINE = 24  # letters of an inch of text
SHOWN = (0.47, 0.92)  # width, height of an image in inches
NAMES, LEADING, ROW = 0.95, 0.13, 1.0  # inches: of a method's name, a line of text, a row of images


@dataclass(frozen=True)
class Ranked:
    """A method's run with its title and its predictions."""

    title: str
    run: Loaded
    arrays: Arrays

    def first(self, query: int, count: int) -> NDArray[np.intp]:
        """Return the images that a query ranks first, of those that it sees."""
        ties = self.run.record.config["protocol"]["ties"]
        hidden, _ = hidden_of(self.arrays) or (np.zeros(0), None)
        seen = len(self.arrays["images"]) - int((hidden == query).sum())
        return order(self.arrays, query, query + 1, ties)[0, : min(count, seen)]


def queries_and_answers(
    material: Material, method: str, queries: int = 3
) -> Iterator[Picture | NotDrawn]:
    """Draw the best and the worst queries of a method, beside the best baseline's answer.

    Args:
        material: What is drawn.
        method: Whose best and worst they are, at its first seed.
        queries: On each picture.
    """
    drawn = False
    for board in material.leaderboards:
        methods = embedded(board)
        rivals = [m for m in methods if board.kind(m) == "baseline"]
        if method not in methods or not rivals:
            continue
        drawn = True
        try:
            yield from _best_and_worst(material, board, (method, rivals[0]), queries)
        except UserError as error:
            yield NotDrawn(board.stem, str(error))
    if not drawn:
        yield NotDrawn("", f"needs {EMBEDDED} of {method} and of a baseline")


def _best_and_worst(
    material: Material, board: Leaderboard, pair: tuple[str, str], queries: int
) -> Iterator[Picture]:
    """Draw the two pictures of a leaderboard."""
    check_terms(material, board.dataset)
    runs = [board.runs(m)[0] for m in pair]
    both = [Ranked(board.title(m), r, arrays_of(r.folder)) for m, r in zip(pair, runs, strict=True)]
    one, other = (r.arrays for r in both)
    if not all(np.array_equal(one[k], other[k]) for k in ("rows", "vectors")):
        raise UserError(f"{both[1].run.record.run_id}: other gallery or queries than {pair[0]}")
    dataset = dataset_of(material, both[0].run)
    precision = np.nan_to_num(one["average_precision"])
    count = answers(one)
    for word, key in (("best", -precision), ("worst", precision)):
        chosen = np.lexsort((np.arange(len(key)), -count, key))[:queries]
        figure = _draw(both, dataset, chosen, count, material.inches(WIDE))
        caption = (
            f"The {len(chosen)} {word} queries of {both[0].title}, seed "
            f"{both[0].run.record.seed}, by average precision (AP), and what {both[1].title} "
            f"finds for them, seed {both[1].run.record.seed}; of equal ones those of most "
            f"images. A green solid frame and a tick: a person of exactly these attributes; a red "
            f"dashed one and a cross: another. Protocol: {board.protocol}"
        )
        run_ids = tuple(run.record.run_id for run in runs)
        yield Picture(f"{board.stem}-{word}", figure, caption, run_ids)


def _draw(
    both: Sequence[Ranked],
    dataset: Dataset,
    chosen: NDArray[np.intp],
    count: NDArray[Any],
    width: float,
) -> Figure:
    """Draw a picture: for each query its words, and a row of images for each method."""
    texts = []
    for query in chosen:
        noun = "image" if count[query] == 1 else "images"
        vector = both[0].arrays["vectors"][query]
        lines = _words(both[0].run, dataset.schema, vector, int(width * LINE) - 12)
        texts.append(f"{lines} ({count[query]} {noun})")
    head = 0.15 + LEADING * max(1 + text.count("\n") for text in texts)
    block = head + ROW * len(both)
    figure, axis = sheet(width, block * len(chosen))
    for number, (query, text) in enumerate(zip(chosen, texts, strict=True)):
        top = number * block
        axis.text(0.05, top + 0.5 * head, text, fontsize=7, va="center", linespacing=1.15)
        for row, ranked in enumerate(both):
            _answers(axis, ranked, dataset, int(query), (width, top + head + row * ROW))
    return figure


def _answers(
    axis: Axes, ranked: Ranked, dataset: Dataset, query: int, place: tuple[float, float]
) -> None:
    """Draw a method's name and the images that it ranks first.

    Args:
        axis: Of `sheet`.
        ranked: The method.
        dataset: The data.
        query: What is asked.
        place: Width of the picture and top of the row, in inches.
    """
    width, y = place
    top = TOP["column" if width <= COLUMN else "text"]
    step = (width - NAMES) / top
    precision = 100 * ranked.arrays["average_precision"][query]
    title = "\n".join(textwrap.wrap(ranked.title, 16))
    axis.text(0.05, y + 0.45, f"{title}\nAP {precision:.1f}", va="center", fontsize=7.5)
    images = ranked.first(query, top)
    strip(axis, read_rows(dataset, ranked.arrays["rows"][images], PICTURE), y, step)
    right = ranked.arrays["category"][images] == ranked.arrays["query_category"][query]
    for rank, good in enumerate(right):
        frame(axis, (NAMES + rank * step, y), bool(good))


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty picture and its one axis, which measures inches from the upper left."""
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    return figure, axis


def _words(run: Loaded, schema: Schema, vector: NDArray[Any], line: int) -> str:
    """Return a query's attributes and its pseudo-description, in lines of so many letters."""
    names = ", ".join(n for n, value in zip(schema.names, vector, strict=True) if value) or "none"
    template = run.record.config["retrieval"].get("text", {}).get("template", "positives")
    sentence = describe(schema, vector, template)[0]
    lines = [f"Attributes: {names}", f"Description: {sentence}"]
    return "\n".join(part for each in lines for part in textwrap.wrap(each, line))


def strip(axis: Axes, pixels: NDArray[np.uint8], top: float, step: float) -> None:
    """Draw images in a row, as one image: a picture of many images is slow to write.

    Args:
        axis: Of `sheet`.
        pixels: ``(R, *PICTURE, 3)``.
        top: Of the row, in inches.
        step: From image to image, in inches.
    """
    gap = round(PICTURE[1] * (step - SHOWN[0]) / SHOWN[0])
    seen = np.full((*pixels.shape[:3], 1), 255, pixels.dtype)
    opaque = np.concatenate([pixels, seen], axis=3)
    padded = np.pad(opaque, ((0, 0), (0, 0), (0, gap), (0, 0)))  # gaps are see-through
    row = np.concatenate(list(padded), axis=1)
    right = NAMES + row.shape[1] * SHOWN[0] / PICTURE[1]
    axis.imshow(row, extent=(NAMES, right, top + SHOWN[1], top), aspect="auto",
                interpolation="none")  # fmt: skip


def frame(axis: Axes, corner: tuple[float, float], right: bool) -> None:
    """Frame an image so that it says whether it is a right one: by colour, line and sign.

    Args:
        axis: Of `sheet`.
        corner: Upper left one of the image, in inches.
        right: Whether it shows what was asked for.
    """
    left, top = corner
    width, height = SHOWN
    color, line = (GREEN, "-") if right else (RED, (0, (2.5, 1.5)))
    axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=color, linestyle=line,
                             linewidth=1.8, zorder=3))  # fmt: skip
    axis.text(left + width - 0.03, top + height - 0.03, "\N{CHECK MARK}" if right
              else "\N{MULTIPLICATION X}", color="white", fontsize=7, ha="right", va="bottom",
              family="DejaVu Sans", zorder=4,
              bbox={"facecolor": color, "edgecolor": "none", "pad": 0.8})  # fmt: skip
