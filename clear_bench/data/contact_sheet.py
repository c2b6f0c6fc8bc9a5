"""Contact sheets: what a data set looks like."""

from pathlib import Path

import numpy as np

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
    from PIL import Image

    if part not in SPLITS:
        raise unknown("split", part, SPLITS)
    formats = Image.registered_extensions()
    if out.suffix.lower() not in formats:
        raise UserError(f"{out}: its name must end as a picture's, such as .png")
    rows = dataset.rows(part)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
    across = int(np.ceil(np.sqrt(2 * len(chosen))))
    down = -(-len(chosen) // across)
    height, width = size
    page = np.full((down * height, across * width, 3), 255, np.uint8)
    for place, row in enumerate(chosen):
        y, x = divmod(place, across)
        tile = read_image(dataset.root / dataset.manifest["path"].iloc[row], size)
        page[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    with temporary.open("wb") as stream:
        Image.fromarray(page).save(stream, format=formats[out.suffix.lower()])
    temporary.replace(out)
