"""Lists of pictures and labels as text: ``name 0 1 0 ..`` a line, as ALM's code has them."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_text

if TYPE_CHECKING:
    import pandas as pd


def read_list(
    path: Path, names: Sequence[str], highest: int = 1
) -> tuple[list[str], NDArray[np.uint8]]:
    """Return picture names and labels ``(N, A)`` of 0 to ``highest``.

    Args:
        path: The file; blanks may stand in a picture's name and after the last label.
        names: What the ``A`` labels are called, in the order of the file.
        highest: The largest label there may be; RAP's lists have a few 2, which say unsure.

    Raises:
        UserError: If a line is of another form; it is named.
    """
    pictures: list[str] = []
    labels: list[list[str]] = []
    width, known = len(names), {str(value) for value in range(highest + 1)}
    lines = read_text(path, "get it again").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *values = line.rstrip().rsplit(maxsplit=width)
        if len(values) != width or not set(values) <= known:
            raise UserError(
                f"{path}: line {number}: must be a picture and {width} labels of 0 "
                f"{'and' if highest == 1 else 'to'} {highest}; "
                "get the list again"
            )
        pictures.append(name)
        labels.append(values)
    if not pictures:
        raise UserError(f"{path}: no pictures in it; get the list again")
    return pictures, np.array(labels, np.uint8)


def read_table(path: Path, advice: str, **how: Any) -> "pd.DataFrame":
    """Return a table of comma-separated texts.

    Args:
        path: The file.
        advice: What to do if it cannot be read.
        how: More of `pandas.read_csv`.

    Raises:
        UserError: If it is missing or no such table.
    """
    import pandas as pd

    text = read_text(path, advice)
    try:
        return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, **how)
    except (ValueError, OverflowError, MemoryError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a table ({cause[:120]}); {advice}") from None
