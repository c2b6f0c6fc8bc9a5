"""``.npz`` files from anywhere: one reader, one error for whatever such a file can be."""

import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError

KINDS = "biufU"  # of numbers, truth values and text; never of objects, which would be code
BROKEN = (OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, SyntaxError,
          TypeError, OverflowError, TokenError, struct.error, zlib.error,
          zipfile.BadZipFile)  # fmt: skip
"""What zip and numpy's parsers of a header raise for a file that is damaged."""


def read_arrays(
    file: Path,
    names: Iterable[str] | None = None,
    *,
    optional: Iterable[str] = (),
    advice: str = "train the run again",
) -> dict[str, NDArray[Any]]:
    """Return arrays of a file.

    No array is given room before the file has shown that it has its bytes.

    Args:
        file: The ``.npz`` file.
        names: Which arrays; None reads all.
        optional: More of them, where the file has them.
        advice: What to do if it cannot be read.

    Raises:
        UserError: If the file is missing or damaged, or has no array of a name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            there = _names(archive)
            wanted = list(names) if names is not None else there
            wanted += [name for name in optional if name in there and name not in wanted]
            return {name: _read(archive, f"{name}.npy") for name in wanted}
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; {advice}") from None
    except BROKEN as error:
        cause = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UserError(f"{file}: not readable arrays ({cause}); {advice}") from None


def array_names(file: Path, *, advice: str = "train the run again") -> list[str]:
    """Return the names of a file's arrays.

    Raises:
        UserError: If it is missing or is no such file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _names(archive)
    except BROKEN as error:
        raise UserError(f"{file}: not readable arrays ({error}); {advice}") from None


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of an archive's arrays."""
    return [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]


def _read(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    """Return an array, whose header and bytes must agree."""
    info = archive.getinfo(member)
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream)
        size = dtype.itemsize
        for side in shape:
            size *= side
        if dtype.kind not in KINDS or min(shape, default=0) < 0:
            raise ValueError(f"{member} holds {dtype}")
        if size > info.file_size:
            raise ValueError(f"{member} says {size} bytes and has {info.file_size}")
        content = stream.read(size + 1)
    if len(content) != size:
        raise ValueError(f"{member} has {len(content)} bytes, not {size}")
    flat = np.frombuffer(content, dtype).copy()  # writable, as numpy's own
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type of an array."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0,
               (2, 0): np.lib.format.read_array_header_2_0}  # fmt: skip
    shape, fortran, dtype = readers[version](stream)
    return shape, fortran, dtype
