"""A disk that may be full: space is had before it is used, and a lack of it is one clear line."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clear_bench.utils.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BLOCK = 1 << 20


class DiskFull(UserError):  # noqa: N818 - the word says it
    """There is no space left where something is to be written."""


def no_space(folder: Path, wanted: int | None = None) -> DiskFull:
    """Return the error for a folder without space.

    Args:
        folder: Where it lacks.
        wanted: Bytes that were to be written; None where nobody knows.
    """
    there = next((f for f in (folder, *folder.absolute().parents) if f.exists()), Path())
    free = shutil.disk_usage(there).free
    what = "what is to be written" if wanted is None else f"{wanted} bytes"
    return DiskFull(
        f"{folder}: no space on its disk for {what} ({free} bytes are free); make space and run "
        "the same command again"
    )


@contextmanager
def room(folder: Path, wanted: int | None = None) -> Iterator[None]:
    """Say of a disk that turns out to be full which folder lies on it.

    Args:
        folder: Where the body writes.
        wanted: Bytes that it writes; None where nobody knows.

    Raises:
        DiskFull: If there is no space.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise no_space(folder, wanted) from None


def reserve(file: Path, size: int) -> None:
    """Make a file of zeros whose space is all there.

    Writing to a mapped file whose disk is full is no error but the end of the process (SIGBUS).

    Raises:
        DiskFull: If there is no space for it.
    """
    with room(file.parent, size), file.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            if size:
                os.posix_fallocate(stream.fileno(), 0, size)
            return
        for start in range(0, size, BLOCK):
            stream.write(bytes(min(BLOCK, size - start)))


def to_disk(path: Path) -> None:
    """Return once a file or folder, with all that is in it, would outlive a power cut."""
    if path.is_dir():
        for entry in path.iterdir():
            to_disk(entry)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
