"""A folder of one's own images, and their features under a recognition run, each computed once."""

import hashlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.folders import SUFFIXES, pictures_below
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import digest
from clear_bench.utils.progress import track
from clear_bench.utils.vector_store import VectorStore, open_store

Reader = Callable[[Path], NDArray[np.uint8]]
BLOCK = 256  # images between two commits: what a kill costs at most


@dataclass(frozen=True)
class Gallery:
    """Picture files below a folder, without junk, see `is_junk`.

    Args:
        root: The folder.
        names: ``N`` paths below it, sorted.
        keys: ``N`` hashes that change when a file does: of its path, size and times.
        others: How many files are no pictures by their suffix.
    """

    root: Path
    names: list[str]
    keys: list[str]
    others: int

    @cached_property
    def digest(self) -> str:
        """Hash of all keys."""
        return digest(self.keys)[:24]


@dataclass(frozen=True)
class Encoded:
    """What a recognition run says of the readable images of a gallery.

    Args:
        features: ``(M, D)`` float32.
        probabilities: ``(M, A)`` float32.
        rows: ``(M,)`` their places in the gallery.
        causes: One line an unreadable file.
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    rows: NDArray[np.intp]
    causes: list[str]


def scan(root: Path) -> Gallery:
    """Return the pictures below a folder.

    Raises:
        UserError: If there is no such folder or no picture in it.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; --gallery takes a folder of images")
    names, others = pictures_below(root)
    if not names:
        raise UserError(f"{root}: no pictures in it; known are {', '.join(SUFFIXES)}")
    return gallery_of(root, names, others)


def gallery_of(root: Path, names: list[str], others: int = 0) -> Gallery:
    """Return some files of a folder as a gallery.

    Args:
        root: The folder.
        names: Paths below it.
        others: See `Gallery`.
    """
    full = str(root.resolve())
    return Gallery(root, names, [_key(f"{full}/{name}") for name in names], others)


def encode_gallery(
    gallery: Gallery,
    file: Path,
    read: Reader,
    load: Callable[[], Any],
    *,
    skip_unreadable: bool,
) -> Encoded:
    """Return features and probabilities of a gallery; only images new to the file are encoded.

    Args:
        gallery: The images.
        file: SQLite file for one trained model, image size and code.
        read: Gives a file's pixels as the model reads them.
        load: Gives the `RecognitionModel`; called if an image is new.
        skip_unreadable: Leave out files that cannot be read instead of raising.

    Raises:
        UserError: If files cannot be read; each gets a line on stderr.
    """
    causes: list[str] = []
    with open_store(file, "image", "key", ("feature", "share")) as store:
        stored = store.stored(gallery.keys)
        todo = [row for row, key in enumerate(gallery.keys) if key not in stored]
        model = load() if todo else None
        blocks = [todo[start : start + BLOCK] for start in range(0, len(todo), BLOCK)]
        for block in track(blocks, f"encode {gallery.root.name}"):
            causes += _encode_block(store, gallery, block, read, model)
        if causes and not skip_unreadable:
            for cause in causes:
                print(cause, file=sys.stderr)
            raise UserError(
                f"{gallery.root}: {len(causes)} of {len(gallery.names)} images cannot be read, see "
                "above; take them out, or leave them out with --skip-unreadable"
            )
        vectors = store.read(gallery.keys)
    rows = [row for row, key in enumerate(gallery.keys) if key in vectors]
    if not rows:
        raise UserError(f"{gallery.root}: none of its {len(gallery.names)} images can be read")
    columns = [np.stack([vectors[gallery.keys[row]][k] for row in rows]) for k in (0, 1)]
    return Encoded(columns[0], columns[1], np.array(rows), causes)


def _key(path: str) -> str:
    """Return what changes when a file does; the change time also tells of new permissions."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - 100,000 of them
        state = f"{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    except FileNotFoundError:  # a link to nothing, which decoding will name
        state = "nothing"
    return hashlib.sha256(os.fsencode(f"{path}|{state}")).hexdigest()


def _encode_block(
    store: VectorStore, gallery: Gallery, rows: list[int], read: Reader, model: Any
) -> list[str]:
    """Decode and encode some images and store what comes out; return why others cannot be read."""
    from clear_bench.engine.inference import encode

    def one(row: int) -> NDArray[np.uint8] | str:
        try:
            return read(gallery.root / gallery.names[row])
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = list(pool.map(one, rows))
    good = [(row, d) for row, d in zip(rows, decoded, strict=True) if not isinstance(d, str)]
    if good:
        pixels = np.stack([image for _, image in good])
        features, probabilities = encode(model, pixels, np.arange(len(pixels)))
        store.add([gallery.keys[row] for row, _ in good], features, probabilities)
    return [d for d in decoded if isinstance(d, str)]
