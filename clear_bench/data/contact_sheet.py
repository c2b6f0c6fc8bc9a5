"""Contact sheets: what a data set looks like."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import SPLITS, Dataset
from clear_bench.data.images import read_image
from clear_bench.utils.errors import UserError, unknown


def contact_sheet(
    dataset: Dataset, part: str, count: int, out: Path, size: tuple[int, int] = (128, 64)
) -> None:
    """Write images of a split, spread evenly in manifest order, as one picture.

    Args:
        dataset: The data.
        part: train, val or test.
        count: Images on the sheet, at most.
        out: The picture; its suffix gives the format.
        size: (height, width) of each image in pixels.

    Raises:
        UserError: If the part is unknown or an image cannot be read.
    """
    if part not in SPLITS:
        raise unknown("split", part, SPLITS)
    _format(out)
    rows = dataset.rows(part)
    chosen = rows[_spread(len(rows), count)]
    across = int(np.ceil(np.sqrt(2 * len(chosen))))
    down = -(-len(chosen) // across)
    height, width = size
    page = np.full((down * height, across * width, 3), 255, np.uint8)
    for place, row in enumerate(chosen):
        y, x = divmod(place, across)
        tile = read_image(dataset.root / dataset.manifest["path"].iloc[row], size)
        page[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    _write(page, out)


def attribute_sheet(
    dataset: Dataset, out: Path, each: int = 10, size: tuple[int, int] = (96, 48)
) -> None:
    """Write a row of images for each attribute, all of which have it, for the eye to check.

    They are spread evenly in manifest order over all splits; the name and how many have it stand
    before them.

    Args:
        dataset: The data.
        out: The picture; its suffix gives the format.
        each: Images of each attribute, at most.
        size: (height, width) of each image in pixels.

    Raises:
        UserError: If an image cannot be read.
    """
    from PIL import Image, ImageDraw

    _format(out)
    height, width = size
    margin = 8 * max(len(name) for name in dataset.schema.names) + 16
    shape = (len(dataset.schema) * height, margin + each * width)
    page = Image.new("RGB", shape[::-1], "white")
    pen = ImageDraw.Draw(page)
    for column, name in enumerate(dataset.schema.names):
        rows = np.flatnonzero(dataset.labels[:, column] == 1)
        chosen = rows[_spread(len(rows), each)]
        pen.text((4, column * height + 8), f"{name}\n{len(rows)} of {len(dataset.labels)}", "black")
        for place, row in enumerate(chosen):
            tile = read_image(dataset.root / dataset.manifest["path"].iloc[row], size)
            page.paste(Image.fromarray(tile), (margin + place * width, column * height))
    _write(np.asarray(page), out)


def _spread(count: int, kept: int) -> NDArray[np.intp]:
    """Return at most ``kept`` of the numbers below ``count``, spread evenly."""
    if not count:
        return np.zeros(0, np.intp)
    return np.unique(np.linspace(0, count - 1, kept).astype(np.intp))


def _format(out: Path) -> str:
    """Return Pillow's name of the format that a suffix stands for."""
    from PIL import Image

    formats = Image.registered_extensions()
    if out.suffix.lower() not in formats:
        raise UserError(f"{out}: its name must end as a picture's, such as .png")
    return formats[out.suffix.lower()]


def _write(page: NDArray[np.uint8], out: Path) -> None:
    """Write a picture whole."""
    from PIL import Image

    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    with temporary.open("wb") as stream:
        Image.fromarray(page).save(stream, format=_format(out))
    temporary.replace(out)
