"""Figure of attention maps, from the file that `clear_bench.attention` wrote."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from clear_bench.config.plugins import title_of
from clear_bench.report.figures.images import check_terms
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.qualitative import SHOWN, sheet
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.errors import UserError

ROWS = {
    "pixels": "image",
    "vit": "ViT branch:\nrollout of its\nclass token",
    "swin": "Swin's tokens,\nas the class\ntoken reads them",
    "vit_cross": "ViT's patches,\nas the mean Swin\ntoken reads them",
}
LARGER = 1.5  # than on a qualitative picture, at most
MOST = {"text": 10, "column": 3}
ADVICE = "run: python -m clear_bench.attention RUN"


def maps(material: Material, most: Mapping[str, int] = MOST) -> Iterator[Picture | NotDrawn]:
    """Draw where both branches look in some test images.

    Args:
        material: What is drawn.
        most: How many images are shown in text and column.
    """
    profiles = {run.record.profile for run in material.results.runs}
    files = sorted(file for p in profiles for file in (material.attention / p).glob("*.npz"))
    for file in files:
        run = material.usable(file.stem)
        if run is None:
            yield NotDrawn(file.stem, f"{file}: of no run that may be shown; {ADVICE}")
            continue
        record = run.record
        try:
            check_terms(material, record.dataset)
            arrays = _read(file)
        except UserError as error:
            yield NotDrawn(file.stem, str(error))
            continue
        grids = ", ".join(
            f"{key} {arrays[key].shape[1]}x{arrays[key].shape[2]}" for key in ROWS
            if key in arrays and key != "pixels"
        )  # fmt: skip
        caption = (
            f"{title_of(record.method)} on {record.dataset}, seed {record.seed}, test images. "
            "Bright is much looked at, each map scaled to its own greatest value and shown on its "
            f"own grid (rows x columns: {grids}). Protocol: {record.protocol}"
        )
        yield Picture(
            file.stem, _draw(arrays, material.inches(WIDE), most), caption, (record.run_id,)
        )
    if not files:
        yield NotDrawn("", f"{material.attention}: no attention maps; {ADVICE}")


def _read(file: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file of attention maps.

    Raises:
        UserError: If it is none.
    """
    arrays = read_arrays(file, advice=ADVICE)
    if "pixels" not in arrays or len(arrays) < 2:
        raise UserError(f"{file}: not a file of attention maps; {ADVICE}")
    return arrays


def _draw(arrays: dict[str, NDArray[Any]], across: float, most: Mapping[str, int]) -> Figure:
    """Draw the images in a row and each kind of map over them in a row below."""
    rows = [key for key in ROWS if key in arrays]
    places = most["column" if across <= COLUMN else "text"]
    shown = arrays["pixels"][:places]
    larger = min(places / len(shown), LARGER)  # few images fill the width
    width, height = larger * SHOWN[0], larger * SHOWN[1]
    names = 1.15
    step = larger * (across - names) / places
    figure, axis = sheet(across, (height + 0.08) * len(rows))
    for row, key in enumerate(rows):
        top = 0.04 + row * (height + 0.08)
        axis.text(0.05, top + height / 2, ROWS[key], va="center", fontsize=7.5)
        for number, pixels in enumerate(shown):
            left = names + number * step
            extent = (left, left + width, top + height, top)
            _one(axis, pixels, None if key == "pixels" else arrays[key][number], extent)
    return figure


def _one(
    axis: Axes,
    pixels: NDArray[np.uint8],
    weights: NDArray[np.floating] | None,
    extent: tuple[float, float, float, float],
) -> None:
    """Draw an image, in grey under a map if there is one."""
    if weights is None:
        axis.imshow(pixels, extent=extent, aspect="auto", interpolation="none")
        return
    grey = pixels.mean(axis=2)
    axis.imshow(grey, extent=extent, aspect="auto", cmap="gray", vmin=0, vmax=255,
                interpolation="none")  # fmt: skip
    axis.imshow(weights / weights.max(), extent=extent, aspect="auto", cmap="viridis", alpha=0.55,
                vmin=0, vmax=1, interpolation="none")  # fmt: skip
