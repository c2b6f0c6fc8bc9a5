"""Lists of pictures and labels as text: ``name 0 1 0 ..`` a line, as ALM's code has them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError


def read_list(path: Path, names: Sequence[str]) -> tuple[list[str], NDArray[np.uint8]]:
    """Return picture names and labels ``(N, A)`` of 0 and 1.

    Args:
        path: The file; blanks may stand in a picture's name and after the last label.
        names: What the ``A`` labels are called, in the order of the file.

    Raises:
        UserError: If a line is of another form; it is named.
    """
    pictures: list[str] = []
    labels: list[list[str]] = []
    width = len(names)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: not a text list ({error}); get it again") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *values = line.rstrip().rsplit(maxsplit=width)
        if len(values) != width or not set(values) <= {"0", "1"}:
            raise UserError(
                f"{path}: line {number}: must be a picture and {width} labels of 0 and 1; "
                "get the list again"
            )
        pictures.append(name)
        labels.append(values)
    if not pictures:
        raise UserError(f"{path}: no pictures in it; get the list again")
    return pictures, np.array(labels, np.uint8)
