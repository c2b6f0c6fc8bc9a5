"""Qualitative pages: what a query asks for, and the images that two methods rank first."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from clear_bench.data.dataset import Dataset
from clear_bench.data.schema import Schema
from clear_bench.errors import UserError
from clear_bench.grouping import Loaded
from clear_bench.plots.material import Board, Material
from clear_bench.plots.page import Gap, Page
from clear_bench.plots.pictures import check_terms, dataset_of, read_rows
from clear_bench.plots.rankings import EMBEDDED, Arrays, embedded, kept, order
from clear_bench.plots.style import GREEN, RED, WIDE
from clear_bench.text.descriptions import describe

TOP = 10
PICTURE = (128, 64)  # height, width in pixels
LINE = 128  # letters of a line of text across the page


@dataclass(frozen=True)
class Ranked:
    """A method's run with its title and its predictions."""

    title: str
    run: Loaded
    arrays: Arrays

    def first(self, query: int, count: int) -> NDArray[np.intp]:
        """Return the images that a query ranks first."""
        ties = self.run.record.config["protocol"]["ties"]
        return order(self.arrays, query, query + 1, ties)[0, :count]


def pages(
    material: Material, method: str, own: tuple[str, ...], queries: int = 4
) -> Iterator[Page | Gap]:
    """Draw the best and the worst queries of a method, beside the best baseline's answer.

    Args:
        material: What is drawn.
        method: Whose best and worst they are, at its first seed.
        own: Methods that are no baselines.
        queries: On each page.
    """
    drawn = False
    for board in material.boards:
        there = embedded(board)
        rivals = [m for m in there if board.kind(m, own) == "baseline"]
        if method not in there or not rivals:
            continue
        drawn = True
        try:
            yield from _pages(material, board, (method, rivals[0]), queries)
        except UserError as error:
            yield Gap(board.stem, str(error))
    if not drawn:
        yield Gap("", f"needs {EMBEDDED} of {method} and of a baseline")


def _pages(material: Material, board: Board, pair: tuple[str, str], queries: int) -> Iterator[Page]:
    """Draw the two pages of a board."""
    check_terms(material, board.dataset)
    both = [Ranked(board.title(m), board.runs(m)[0], kept(board.runs(m)[0].folder)) for m in pair]
    one, other = (r.arrays for r in both)
    if not all(np.array_equal(one[k], other[k]) for k in ("rows", "vectors")):
        raise UserError(f"{both[1].run.record.run_id}: other gallery or queries than {pair[0]}")
    dataset = dataset_of(material, both[0].run)
    precision = np.nan_to_num(one["average_precision"])
    positives = np.bincount(one["category"], minlength=one["query_category"].max() + 1)
    count = positives[one["query_category"]]
    for word, key in (("best", -precision), ("worst", precision)):
        chosen = np.lexsort((np.arange(len(key)), -count, key))[:queries]
        figure = _draw(both, dataset, chosen, count)
        caption = (
            f"The {len(chosen)} {word} queries of {both[0].title}, seed "
            f"{both[0].run.record.seed}, by average precision (AP), and what {both[1].title} "
            f"finds for them, seed {both[1].run.record.seed}; of equal ones those of most "
            f"images. A green solid frame and a tick: a person of exactly these attributes; a red "
            f"dashed one and a cross: another. Protocol: {board.protocol}"
        )
        runs = tuple(r.run.record.run_id for r in both)
        yield Page(f"{board.stem}-{word}", figure, caption, runs)


def _draw(
    both: Sequence[Ranked], dataset: Dataset, chosen: NDArray[np.intp], count: NDArray[Any]
) -> Figure:
    """Draw a page: for each query its words, and a row of images for each method."""
    block = 0.45 + 0.98 * len(both)
    figure = Figure(figsize=(WIDE, block * len(chosen)))
    outer = GridSpec(len(chosen), 1, figure, left=0.0, right=1.0, bottom=0.0, top=1.0, hspace=0)
    for number, query in enumerate(chosen):
        rows = len(both)
        inner = outer[number].subgridspec(
            rows + 1, TOP + 1, height_ratios=[0.45, *[0.98] * rows], hspace=0.04, wspace=0.06,
            width_ratios=[1.15, *[1.0] * TOP],
        )  # fmt: skip
        head = figure.add_subplot(inner[0, :])
        head.set_axis_off()
        words = _words(both[0].run, dataset.schema, both[0].arrays["vectors"][query])
        noun = "image" if count[query] == 1 else "images"
        head.text(0.008, 0.5, f"{words} ({count[query]} {noun})", fontsize=7, va="center",
                  linespacing=1.15)  # fmt: skip
        for row, ranked in enumerate(both):
            name = figure.add_subplot(inner[row + 1, 0])
            name.set_axis_off()
            precision = 100 * ranked.arrays["average_precision"][query]
            name.text(0.07, 0.5, f"{ranked.title}\nAP {precision:.1f}", fontsize=7.5, va="center")
            images = ranked.first(int(query), TOP)
            pixels = read_rows(dataset, ranked.arrays["rows"][images], PICTURE)
            category = ranked.arrays["query_category"][query]
            right = ranked.arrays["category"][images] == category
            for rank in range(len(images)):
                axis = figure.add_subplot(inner[row + 1, rank + 1])
                framed(axis, pixels[rank], bool(right[rank]))
    return figure


def _words(run: Loaded, schema: Schema, vector: NDArray[Any]) -> str:
    """Return a query's attributes and its pseudo-description, in lines of the page's width."""
    names = ", ".join(n for n, value in zip(schema.names, vector, strict=True) if value) or "none"
    template = run.record.config["retrieval"].get("text", {}).get("template", "positives")
    sentence = describe(schema, vector, template)[0]
    lines = [f"Attributes: {names}", f"Description: {sentence}"]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, LINE))


def framed(axis: Axes, pixels: NDArray[np.uint8], right: bool) -> None:
    """Draw an image in a frame that says whether it is a right one: colour, line and sign."""
    axis.imshow(pixels, aspect="equal", interpolation="bilinear")
    axis.set_axis_off()
    height, width = pixels.shape[:2]
    color, line = (GREEN, "-") if right else (RED, (0, (2.5, 1.5)))
    axis.add_patch(Rectangle((0, 0), width - 1, height - 1, fill=False, edgecolor=color,
                             linestyle=line, linewidth=1.8, clip_on=False))  # fmt: skip
    axis.text(0.96, 0.02, "\N{CHECK MARK}" if right else "\N{MULTIPLICATION X}", color="white",
              transform=axis.transAxes, fontsize=7, ha="right", va="bottom",
              family="DejaVu Sans", bbox={"facecolor": color, "edgecolor": "none", "pad": 0.8},
              )  # fmt: skip
