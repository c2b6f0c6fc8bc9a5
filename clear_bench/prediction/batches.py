"""Crops decoded ahead of the network, in threads, no more of them at once than a few batches."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.images import fitted
from clear_bench.prediction.sources import Bad, Crop
from clear_bench.utils.errors import UserError

TOGETHER = 32  # crops that a thread decodes before it hands them over
AHEAD = 3  # batches that are decoded before the network asks
Pixels = NDArray[np.uint8]


@dataclass
class Batch:
    """Crops that go through the network together, and what could not be read among them.

    Args:
        crops: ``N`` that were read.
        pixels: ``N`` arrays ``(H, W, 3)`` uint8.
        bad: What was not read.
    """

    crops: list[Crop] = field(default_factory=list)
    pixels: list[Pixels] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def batches(
    crops: Iterable[Crop | Bad], read: Callable[[Crop], Pixels], size: int
) -> Iterator[Batch]:
    """Yield crops in batches, in their order, while the next ones are being decoded.

    Args:
        crops: What is asked for; what is bad is handed on.
        read: Gives the pixels of a crop, or raises a `UserError`.
        size: Crops a batch; the last has less.
    """
    source = iter(crops)
    pending: deque[Future[list[tuple[Crop | Bad, Pixels | None]]]] = deque()
    batch = Batch()
    # Pillow decodes outside Python's lock; one processor is left to the network, which waits for
    # each of its steps otherwise
    pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1))
    try:
        while True:
            while len(pending) * TOGETHER < AHEAD * size:
                some = list(islice(source, TOGETHER))
                if not some:
                    break
                pending.append(pool.submit(_decode, some, read))
            if not pending:
                break
            for crop, pixels in pending.popleft().result():
                if isinstance(crop, Bad):
                    batch.bad.append(crop)
                elif pixels is not None:
                    batch.crops.append(crop)
                    batch.pixels.append(pixels)
                if len(batch.crops) == size:
                    yield batch
                    batch = Batch()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nobody waits for what is ahead
    if batch.crops or batch.bad:
        yield batch


def reader(image_size: tuple[int, int], *, letterbox: bool, read: Any) -> Callable[[Crop], Pixels]:
    """Return what gives a crop's pixels.

    Args:
        image_size: (height, width) in pixels that the network reads.
        letterbox: See `read_image`.
        read: Gives those of a file and a box.
    """

    def one(crop: Crop) -> Pixels:
        if isinstance(crop.picture, Path):
            pixels: Pixels = read(crop.picture, crop.box)
            return pixels
        return fitted(crop.picture, image_size, letterbox=letterbox, box=crop.box, name=crop.words)

    return one


def _decode(
    some: list[Crop | Bad], read: Callable[[Crop], Pixels]
) -> list[tuple[Crop | Bad, Pixels | None]]:
    """Return crops with their pixels, and what is bad as it is or as it turns out to be."""
    found: list[tuple[Crop | Bad, Pixels | None]] = []
    for crop in some:
        try:
            found.append((crop, None if isinstance(crop, Bad) else read(crop)))
        except UserError as error:
            found.append((Bad(str(error)), None))
    return found
