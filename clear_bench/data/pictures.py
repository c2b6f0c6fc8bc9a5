"""The one way to open a picture: a fixed list of formats, regular files, bounded in all.

A picture is data.  Pillow's other formats include programs (PostScript, for which it starts
Ghostscript) and formats nobody keeps people in; none of them is ever tried.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image as PictureOfPillow

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
LARGEST = 256 << 20
"""Bytes of a file."""

PIXELS = 64_000_000
"""Of a picture: 200 MB as RGB.  Telephones make some of 50 million."""

SIDE = 65_535
"""Pixels of a side: as many as JPEG can have."""

BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError,
          OverflowError, ZeroDivisionError, AttributeError, RuntimeError, MemoryError,
          NotImplementedError, struct.error)  # fmt: skip
"""What Pillow's decoders raise for a file that is damaged; only Pillow's own code runs under it."""

ADVICE = "save it as PNG or JPEG again"


@contextmanager
def opened(
    path: Path, *, draft: tuple[int, int] | None = None, content: bytes | None = None
) -> Iterator["PictureOfPillow"]:
    """Yield a decoded picture as the file has it, see `upright`.

    Args:
        path: The file.
        draft: (width, height) from which on a smaller copy is enough; a large JPEG is then decoded
            at a fraction of its size.
        content: Its bytes, where they are at hand; then ``path`` is what messages call it.

    Raises:
        UserError: If the file is missing, none of `FORMATS`, damaged, or larger than the bounds.
    """
    with _recognised(path) if content is None else recognised(content, path) as picture:
        width, height = picture.size
        if width * height > PIXELS or max(width, height) > SIDE:
            raise UserError(
                f"{path}: has {width} x {height} pixels, more than {PIXELS} or than {SIDE} in a "
                "row; make it smaller"
            )
        try:
            if draft:
                picture.draft("RGB", draft)
            picture.load()
        except BROKEN as error:
            raise _unreadable(path, error) from None
        yield picture


def upright(picture: "PictureOfPillow", path: Path) -> "PictureOfPillow":
    """Return a picture turned as its EXIF data say.

    Raises:
        UserError: If those are damaged.
    """
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except BROKEN as error:
        raise _unreadable(path, error) from None


def size_of(path: Path) -> tuple[int, int]:
    """Return (width, height) of a picture without decoding it.

    Raises:
        UserError: As of `opened`.
    """
    with _recognised(path) as picture:
        return picture.size


def _recognised(path: Path) -> "PictureOfPillow":
    """Return a picture of a known format, not decoded yet."""
    return recognised(read_bytes(path, ADVICE, largest=LARGEST), path)


def recognised(content: bytes, path: Path) -> "PictureOfPillow":
    """Return the picture that bytes are, of a known format and not decoded yet.

    Args:
        content: The bytes.
        path: Where they are from, for the message.

    Raises:
        UserError: If they are no such picture.
    """
    try:
        return _pillow().open(BytesIO(content), formats=FORMATS)
    except (*BROKEN, _pillow().DecompressionBombError) as error:
        raise _unreadable(path, error) from None


@cache
def _pillow() -> Any:
    """Return Pillow's module, which keeps to itself what it finds odd in a file it can read."""
    from PIL import Image

    warnings.filterwarnings("ignore", module=r"PIL\..*")
    return Image


def _unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a picture that Pillow refused."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "cannot identify" in text:
        text = f"unknown format or empty file; known are {', '.join(FORMATS)}"
    return UserError(f"{path}: not a readable image ({text[:120]})")
