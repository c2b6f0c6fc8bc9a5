"""Picture files below a folder, told by their suffix."""

import os
from pathlib import Path

from clear_bench.data.reading.release_files import is_junk

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def pictures_below(root: Path) -> tuple[list[str], int]:
    """Return the pictures below a folder without junk, see `is_junk`.

    Args:
        root: The folder.

    Returns:
        Their paths below it, sorted, and how many files are no pictures by their suffix.

    Raises:
        OSError: If a folder cannot be listed, with its name.
    """
    names: list[str] = []
    others = 0
    top = str(root)
    for folder, below, files in os.walk(top, onerror=_stop):
        below[:] = [name for name in below if not is_junk(name)]
        place = os.path.relpath(folder, top).replace(os.sep, "/") + "/"
        for name in files:
            if is_junk(name):
                continue
            if name.lower().endswith(SUFFIXES):
                names.append(place.removeprefix("./") + name)
            else:
                others += 1
    return sorted(names), others


def _stop(error: OSError) -> None:
    """Say which folder cannot be listed, where `os.walk` would go on without it."""
    raise error
