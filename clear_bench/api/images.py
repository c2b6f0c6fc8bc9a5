"""Images as a program has them, to crops: paths, pictures of Pillow, arrays of numpy and torch."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.images import rgb
from clear_bench.data.pictures import BROKEN
from clear_bench.prediction.sources import Crop, files_named
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from torch import Tensor

    One = str | Path | Picture | NDArray[Any] | Tensor
    Images = One | Iterable[One]

KINDS = (
    "images are paths, pictures of Pillow, numpy arrays (H, W, 3) or (N, H, W, 3), torch tensors "
    "(3, H, W) or (N, 3, H, W), or lists of them"
)


def crops_of(images: "Images", names: list[Any]) -> Iterator[Crop]:
    """Yield images as crops.

    Args:
        images: See `clear_bench.api.model.Model.predict`.
        names: Gets each one's name, in order: its path, or its number.

    Raises:
        UserError: If something is no image, see `KINDS`, or of another type or range.
    """
    for image in _each(images):
        if isinstance(image, str | Path):
            files = files_named(str(image))
            if not files:
                raise UserError(f"{image}: no such image")
            names += files
            yield from (Crop(file, Path(file)) for file in files)
        else:
            number = len(names)
            names.append(number)
            name = f"image {number}"
            yield Crop(name, _picture(image, Path(name)))


def _each(images: Any) -> Iterator[Any]:
    """Yield single images."""
    if _is_array(images):
        if images.ndim not in (3, 4):
            raise UserError(f"an array {tuple(images.shape)}: {KINDS}")
        yield from images if images.ndim == 4 else [images]
    elif isinstance(images, str | Path) or _is_picture(images):
        yield images
    elif isinstance(images, Iterable) and not isinstance(images, bytes | dict):
        for image in images:
            if _is_array(image) and image.ndim == 4:
                raise UserError(f"a batch {tuple(image.shape)} in a list: {KINDS}")
            yield image
    else:
        raise UserError(f"a {type(images).__name__}: {KINDS}")


def _picture(image: Any, name: Path) -> "Picture":
    """Return an image that is no path as upright 8-bit RGB."""
    from PIL import Image

    if _is_picture(image):
        try:
            image.load()
        except BROKEN as error:
            cause = " ".join(str(error).split())[:120]
            raise UserError(f"{name}: not a readable image ({cause})") from None
        return rgb(image, name)
    if not _is_array(image):
        raise UserError(f"{name}: a {type(image).__name__}: {KINDS}")
    return Image.fromarray(_pixels(image, name))


def _pixels(image: Any, name: Path) -> NDArray[np.uint8]:
    """Return an array or tensor as ``(H, W, 3)`` uint8."""
    shape = tuple(image.shape)
    colours = -1
    if not isinstance(image, np.ndarray):
        image, colours = image.detach().cpu().numpy(), 0
    if image.ndim != 3 or image.shape[colours] != 3 or 0 in shape:
        raise UserError(f"{name}: an array {shape}: {KINDS}")
    if image.dtype.kind == "f":
        low, high = float(image.min()), float(image.max())
        if not 0 <= low <= high <= 1:  # false for NaN, too
            raise UserError(
                f"{name}: {image.dtype} from {low:g} to {high:g}; floats go from 0 to 1, whole "
                "numbers from 0 to 255 are uint8"
            )
        image = np.rint(image * 255).astype(np.uint8)
    if image.dtype != np.uint8:
        raise UserError(f"{name}: {image.dtype}; arrays are uint8, 0 to 255, or float, 0 to 1")
    return np.ascontiguousarray(np.moveaxis(image, colours, -1))


def _is_picture(image: Any) -> bool:
    """Return whether something is a picture of Pillow."""
    from PIL import Image

    return isinstance(image, Image.Image)


def _is_array(image: Any) -> bool:
    """Return whether something is an array of numpy or a tensor of torch."""
    if isinstance(image, np.ndarray):
        return True
    import torch

    return isinstance(image, torch.Tensor)
