"""Image files to one memory-mapped array of pixels, decoded once per data set and size."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.dataset_name import in_files
from clear_bench.config.numbers import VERSIONS
from clear_bench.data.dataset import Dataset
from clear_bench.data.pictures import opened, upright
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import empty_array, made_once, write_text
from clear_bench.utils.progress import track

if TYPE_CHECKING:
    from PIL.Image import Image as PictureOfPillow

RESAMPLING = "pil-bilinear"
"""Pillow's bilinear filter, which widens with the scale, so that shrinking does not alias."""

BACKGROUND = (255, 255, 255)
"""What shows where a picture is transparent: white, as on paper."""

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a tag of TIFF, and its value for negatives
BLOCK = 256
Box = tuple[float, float, float, float]
"""Left, top, width and height of a part of a picture, in pixels."""

BROKEN = "get it again, or leave it out with --set data.skip_unreadable=true"


@dataclass(frozen=True)
class Images:
    """Decoded images of a data set.

    Args:
        pixels: ``(N, H, W, 3)`` uint8 RGB in manifest order, memory-mapped or decoded on demand;
            zeros if unreadable.
        readable: ``(N,)`` bool.
        file: The file of the pixels, see `open_array`.  Its folder is named after all that
            determines it.
    """

    pixels: "NDArray[np.uint8] | PictureFiles"
    readable: NDArray[np.bool_]
    file: Path


def read_image(
    path: Path, size: tuple[int, int], *, letterbox: bool = False, box: Box | None = None
) -> NDArray[np.uint8]:
    """Return one image as ``(H, W, 3)`` uint8 RGB, see `colours_of`.

    Args:
        path: A file of one of `clear_bench.data.pictures.FORMATS`.
        size: (height, width) in pixels to resize to, by `RESAMPLING`.
        letterbox: Keep the shape and fill the rest with black, instead of stretching.
        box: Part of the upright picture to take, see `fitted`; None takes all of it.

    Raises:
        UserError: As of `colours_of`; if the box lies outside.
    """
    return fitted(colours_of(path), size, letterbox=letterbox, box=box, name=str(path))


def colours_of(path: Path, content: bytes | None = None) -> "PictureOfPillow":
    """Return a picture in its own size, of mode RGB.

    It is turned upright as its EXIF data say.  What is transparent shows `BACKGROUND`.  16-bit grey
    is scaled so that 65535 is white, as PNG and TIFF define it; 32-bit and float pixels are
    refused, since nothing says what of them is white.

    Args:
        path: A file of one of `clear_bench.data.pictures.FORMATS`.
        content: Its bytes, where they are at hand; then ``path`` is what messages call it.

    Raises:
        UserError: If the file is missing, is no image, is truncated, is larger than the bounds of
            `clear_bench.data.pictures`, or has 32-bit pixels.
    """
    with opened(path, content=content) as image:
        return rgb(image, path)


def rgb(picture: "PictureOfPillow", name: Path) -> "PictureOfPillow":
    """Return a picture of any mode as upright 8-bit RGB, see `read_image`.

    Args:
        picture: Decoded.
        name: For messages.

    Raises:
        UserError: If it has 32-bit pixels, or its EXIF data are damaged.
    """
    if picture.mode in ("I", "F"):
        kind = "32-bit float" if picture.mode == "F" else "32-bit"
        raise UserError(
            f"{name}: has {kind} pixels, of which nothing says what is white; save it with "
            "8 or 16 bits"
        )
    negative = getattr(picture, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
    return _rgb(upright(picture, name), negative)  # as phones mean it


def fitted(
    picture: "PictureOfPillow",
    size: tuple[int, int],
    *,
    letterbox: bool = False,
    box: Box | None = None,
    name: str = "",
) -> NDArray[np.uint8]:
    """Return a picture as a network reads it, ``(H, W, 3)`` uint8 RGB, see `read_image`.

    Args:
        picture: Of mode RGB.
        size: (height, width) in pixels.
        letterbox: See `read_image`.
        box: Part to take; what of it lies outside the picture is left out, as detectors often
            give a little more than there is.
        name: For messages.

    Raises:
        UserError: If nothing of the box lies in the picture.
    """
    from PIL import Image, ImageOps

    if box is not None:
        left, top, width, height = box
        edges = (
            max(0, round(left)),
            max(0, round(top)),
            min(picture.width, round(left + width)),
            min(picture.height, round(top + height)),
        )
        if edges[0] >= edges[2] or edges[1] >= edges[3]:
            raise UserError(
                f"{name}: box {left:g},{top:g},{width:g},{height:g} has nothing of the picture, "
                f"which is {picture.width}x{picture.height}"
            )
        picture = picture.crop(edges)
    if letterbox:
        small = ImageOps.pad(picture, size[::-1], Image.Resampling.BILINEAR, color=0)
    else:
        small = picture.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(small)


def _rgb(image: "PictureOfPillow", negative: bool) -> "PictureOfPillow":
    """Return an image of any mode but 32-bit ones as 8-bit RGB."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        wide = 65535 - wide if negative else wide  # Pillow turns those of 8 bits alone
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*BACKGROUND, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


class PictureFiles:
    """Pictures that are decoded each time they are asked for; reads like an array of pixels.

    Args:
        file: JSON file with ``paths``, ``size`` and ``letterbox``, and ``readable.npy`` beside it.
    """

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_text(encoding="utf-8"))
        self.paths = [Path(path) for path in content["paths"]]
        self.size: tuple[int, int] = (content["size"][0], content["size"][1])
        self.letterbox = bool(content.get("letterbox"))
        self.readable = np.load(file.with_name("readable.npy"), allow_pickle=False)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Return ``(R, H, W, 3)`` uint8 pixels of some rows."""
        pixels = np.zeros((len(rows), *self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            if self.readable[row]:
                pixels[place] = read_image(self.paths[row], self.size, letterbox=self.letterbox)
        return pixels


def open_array(file: str | Path) -> Any:
    """Return the rows of a file: a memory-mapped ``.npy``, or pictures that a ``.json`` lists."""
    if Path(file).suffix == ".json":
        return PictureFiles(Path(file))
    return np.load(file, mmap_mode="r", allow_pickle=False)


def image_store(
    dataset: Dataset,
    size: tuple[int, int],
    folder: Path,
    *,
    skip_unreadable: bool = False,
    keep: bool = True,
    letterbox: bool = False,
) -> Images:
    """Return all images of a data set at one size, decoding them if that was never done.

    Args:
        dataset: The data.
        size: (height, width) in pixels.
        folder: Where decoded data sets are kept.
        skip_unreadable: Mark broken files in ``readable`` instead of raising.
        keep: Keep the decoded pixels; else only which files can be read.
        letterbox: See `read_image`.

    Raises:
        UserError: If files cannot be read; all of them are listed in ``unreadable.txt`` of
            ``folder``, the first ones in the message.
    """
    identity = [dataset.fingerprint, size, RESAMPLING, VERSIONS["images"], skip_unreadable]
    if letterbox:
        identity.append("letterbox")
    if not keep:
        identity.append(str(dataset.root.resolve()))  # the pictures are read from there again
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]

    def make(target: Path) -> None:
        causes = _decode(dataset, size, target, keep=keep, letterbox=letterbox)
        if causes and not skip_unreadable:
            listing = folder / f"{in_files(dataset.name)}-unreadable.txt"
            write_text(listing, "\n".join(causes) + "\n")
            raise UserError(
                f"{len(causes)} image files of {dataset.name} cannot be read, listed in {listing}: "
                f"{'; '.join(causes[:3])}; {BROKEN}"
            )

    done = made_once(folder / key, make)
    file = done / ("pixels.npy" if keep else "pictures.json")
    return Images(open_array(file), np.load(done / "readable.npy", allow_pickle=False), file)


def _decode(
    dataset: Dataset, size: tuple[int, int], target: Path, *, keep: bool, letterbox: bool
) -> list[str]:
    """Write ``readable.npy`` and the pixels or where they are; return what could not be read."""
    count = len(dataset.manifest)
    file, shape = target / "pixels.npy", (count, *size, 3)
    pixels = empty_array(file, np.uint8, shape) if keep else None
    readable = np.ones(count, bool)
    paths = [dataset.root / path for path in dataset.manifest["path"]]
    causes: list[str] = []

    def one(row: int) -> str:
        try:
            image = read_image(paths[row], size, letterbox=letterbox)
            if pixels is not None:
                pixels[row] = image
        except UserError as error:
            readable[row] = False
            return str(error)
        return ""

    blocks: Sequence[range] = [
        range(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)
    ]
    pool = ThreadPoolExecutor(os.cpu_count())  # Pillow decodes outside Python's lock
    try:
        for block in track(blocks, f"decode {dataset.name}"):
            causes += [cause for cause in pool.map(one, block) if cause]
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nobody waits for a whole block
    if pixels is not None:
        pixels.flush()
    else:
        where: dict[str, Any] = {"paths": [str(path.resolve()) for path in paths], "size": size}
        where |= {"letterbox": True} if letterbox else {}
        (target / "pictures.json").write_text(json.dumps(where), encoding="utf-8")
    np.save(target / "readable.npy", readable)
    return causes
