"""One style for all figures: sizes of a two-column paper, colours that the colour-blind tell apart.

Colour never speaks alone: what it says, a marker, a hatch or a name says too.  What colour and
marker a method has, `clear_bench.report.figures.looks` says.
"""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from clear_bench.report.figures.widths import COLUMN
from clear_bench.utils.files import write_bytes

PALETTE: list[str] = list(sns.color_palette("colorblind").as_hex())
GREEN, RED, GREY = PALETTE[2], PALETTE[3], PALETTE[7]

NAMES = {
    "mA": "mA", "accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1",
    "f1_instance": "F1 (instance)", "mAP": "mAP", "rank1": "R@1", "rank5": "R@5",
    "rank10": "R@10", "mINP": "mINP", "ece": "calibration error",
}  # fmt: skip

FONT = 8.0  # points; ticks and notes are smaller, none below 7
RC: dict[str, Any] = {
    **sns.axes_style("ticks"),
    "font.family": "serif",
    "font.serif": ["STIXGeneral"],  # ships with matplotlib, so every machine draws alike
    "mathtext.fontset": "stix",
    "font.size": FONT,
    "axes.labelsize": FONT,
    "axes.titlesize": FONT,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.linewidth": 0.4,
    "grid.color": "0.88",
    "axes.axisbelow": True,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "svg.hashsalt": "clear-bench",
}
DPI = 200
SVG_DPI = 72  # what an SVG's own unit is; its pictures are kept as they are


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style, whatever the user's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)  # type: ignore[arg-type] # its keys are a closed list
        yield


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any
) -> tuple[Figure, NDArray[Any]]:
    """Return an empty picture and its axes ``(rows, columns)``.

    Args:
        width: In inches, `COLUMN` or `WIDE`.
        height: In inches.
        rows: Of axes.
        columns: Of axes.
        layout: Goes to matplotlib's ``Figure.subplots``.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")  # laid out as printed
    FigureCanvasAgg(figure)  # without one, whoever measures a text prints a page for it
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(rows, columns, squeeze=False, **layout)
    return figure, np.asarray(axes)


LETTER = 0.058  # inches: of a letter of 7.5 points, on the safe side


def wrapped(text: str, inches: float) -> str:
    """Return text in lines of a width; a longer word stays whole."""
    return textwrap.fill(text, max(int(inches / LETTER), 8), break_long_words=False)


def legend_below(figure: Figure, entries: Sequence[Artist]) -> None:
    """Put a legend below a picture, in as many columns as its names leave, and make room for it."""
    width = figure.get_figwidth()
    for entry in entries:
        entry.set_label(wrapped(str(entry.get_label()), width - 0.6))
    lines = [line for entry in entries for line in str(entry.get_label()).split("\n")]
    columns = int(width / (0.5 + LETTER * max(map(len, lines))))
    columns = min(max(columns, 1), len(entries))
    tall = max(len(lines), len(entries)) / columns
    figure.set_figheight(figure.get_figheight() + 0.15 * (int(tall) + 1))
    figure.legend(handles=entries, loc="outside lower center", ncols=columns)


def panels(
    width: float, height: float, count: int, across: int, **layout: Any
) -> tuple[Figure, list[Axes]]:
    """Return a picture of some panels, side by side in the text and below each other in a column.

    Args:
        width: In inches.
        height: Of one row of panels.
        count: Of panels.
        across: How many stand side by side where there is the width of the text; half in a column.
        layout: Goes to matplotlib's ``Figure.subplots``.
    """
    columns = min(count, across if width > COLUMN else max(across // 2, 1))
    rows = -(-count // columns)
    figure, axes = canvas(width, height * rows, rows, columns, **layout)
    for empty in axes.flat[count:]:
        empty.set_axis_off()
    return figure, list(axes.flat[:count])


def write(figure: Figure, path: Path) -> list[Path]:
    """Write a picture as PDF, PNG and SVG, each whole or not at all and the same bytes each time.

    Args:
        figure: The picture.
        path: Without suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(figure)
    written = []
    for suffix, print_to in ((".pdf", _print_pdf), (".png", _print_png), (".svg", _print_svg)):
        stream = io.BytesIO()
        print_to(figure, stream)
        file = path.with_name(path.name + suffix)
        written.append(write_bytes(file, stream.getbuffer()))
    return written


# `Figure.savefig` would draw each picture once more beforehand, to lay it out.
def _print_pdf(figure: Figure, stream: io.BytesIO) -> None:
    figure.set_dpi(DPI)
    plain = {"Creator": None, "Producer": None, "CreationDate": None}
    FigureCanvasPdf(figure).print_pdf(stream, metadata=plain)


def _print_png(figure: Figure, stream: io.BytesIO) -> None:
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})


def _print_svg(figure: Figure, stream: io.BytesIO) -> None:
    """Print for a page, whose own colour is behind it where paper would be."""
    figure.set_dpi(SVG_DPI)
    grounds = [figure.patch, *(axis.patch for axis in figure.axes)]
    seen = [ground for ground in grounds if ground.get_visible() and _is_white(ground)]
    for ground in seen:
        ground.set_visible(False)
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Creator": None, "Date": None})
    for ground in seen:
        ground.set_visible(True)


def _is_white(ground: Patch) -> bool:
    """Return whether a picture's ground has the colour of paper."""
    return to_hex(ground.get_facecolor()) == "#ffffff"


def settle(figure: Figure) -> None:
    """Lay a picture out once and for all; each drawing would do it again."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def only_grid(axis: Axes, which: str) -> None:
    """Keep the grid lines across one axis, ``x`` or ``y``."""
    axis.grid(visible=False, axis="y" if which == "x" else "x")


def interval(low: float, mean: float, high: float) -> NDArray[np.float64] | None:
    """Return an interval's arms ``(2, 1)`` as matplotlib wants them; None where there is none."""
    if not np.isfinite([low, high]).all():
        return None
    return np.array([[mean - low], [high - mean]])
