"""Image files to one memory-mapped array of pixels, decoded once per data set and size."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.numbers import VERSIONS
from clear_bench.data.dataset import Dataset
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import empty_array, made_once, write_text
from clear_bench.utils.progress import track

RESAMPLING = "pil-bilinear"
"""Pillow's bilinear filter, which widens with the scale, so that shrinking does not alias."""

BLOCK = 256
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


def read_image(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return one image as ``(H, W, 3)`` uint8 RGB.

    Args:
        path: A file of any format that Pillow reads.
        size: (height, width) in pixels to resize to, by `RESAMPLING`.

    Raises:
        UserError: If the file is missing, is no image or is truncated.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)  # as phones mean it
            small = upright.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise UserError(f"{path}: no such image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a readable image ({_cause(error)})") from None
    return np.asarray(small)


class PictureFiles:
    """Pictures that are decoded each time they are asked for; reads like an array of pixels.

    Args:
        file: JSON file with ``paths`` and ``size``, and ``readable.npy`` beside it.
    """

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_text(encoding="utf-8"))
        self.paths = [Path(path) for path in content["paths"]]
        self.size: tuple[int, int] = (content["size"][0], content["size"][1])
        self.readable = np.load(file.with_name("readable.npy"), allow_pickle=False)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Return ``(R, H, W, 3)`` uint8 pixels of some rows."""
        pixels = np.zeros((len(rows), *self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            if self.readable[row]:
                pixels[place] = read_image(self.paths[row], self.size)
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
) -> Images:
    """Return all images of a data set at one size, decoding them if that was never done.

    Args:
        dataset: The data.
        size: (height, width) in pixels.
        folder: Where decoded data sets are kept.
        skip_unreadable: Mark broken files in ``readable`` instead of raising.
        keep: Keep the decoded pixels; else only which files can be read.

    Raises:
        UserError: If files cannot be read; all of them are listed in ``unreadable.txt`` of
            ``folder``, the first ones in the message.
    """
    identity = [dataset.fingerprint, size, RESAMPLING, VERSIONS["images"], skip_unreadable]
    if not keep:
        identity.append(str(dataset.root.resolve()))  # the pictures are read from there again
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]

    def make(target: Path) -> None:
        causes = _decode(dataset, size, target, keep=keep)
        if causes and not skip_unreadable:
            listing = folder / f"{dataset.name}-unreadable.txt"
            write_text(listing, "\n".join(causes) + "\n")
            raise UserError(
                f"{len(causes)} image files of {dataset.name} cannot be read, listed in {listing}: "
                f"{'; '.join(causes[:3])}; {BROKEN}"
            )

    done = made_once(folder / key, make)
    file = done / ("pixels.npy" if keep else "pictures.json")
    return Images(open_array(file), np.load(done / "readable.npy", allow_pickle=False), file)


def _decode(dataset: Dataset, size: tuple[int, int], target: Path, *, keep: bool) -> list[str]:
    """Write ``readable.npy`` and the pixels or where they are; return what could not be read."""
    count = len(dataset.manifest)
    file, shape = target / "pixels.npy", (count, *size, 3)
    pixels = empty_array(file, np.uint8, shape) if keep else None
    readable = np.ones(count, bool)
    paths = [dataset.root / path for path in dataset.manifest["path"]]
    causes: list[str] = []

    def one(row: int) -> str:
        try:
            image = read_image(paths[row], size)
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
        where = {"paths": [str(path.resolve()) for path in paths], "size": size}
        (target / "pictures.json").write_text(json.dumps(where), encoding="utf-8")
    np.save(target / "readable.npy", readable)
    return causes


def _cause(error: Exception) -> str:
    """Return the reason of a decoder's error in a few words."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "unknown format or empty file" if "cannot identify" in text else text[:80]
