"""Files and folders that are whole or not there, whoever asks and however often it is killed.

What is being written has a hidden name that ends in the mark of its process (`MARKED`), so that the
next command can tell what a dead one left from what a live one is at, see `sweep`.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.disk import reserve, room, to_disk
from clear_bench.utils.locks import forget_lock, locked
from clear_bench.utils.processes import is_dead, mark
from clear_bench.utils.seal import damage, seal

MARKED = re.compile(r"\..*\.(?P<mark>[0-9A-Za-z_]+-\d+-\d+)\.tmp(-journal|-wal|-shm)?")
OLD = re.compile(r"\.(import-\d+|making-.*|.*\.tmp(\.npz)?)")
"""What versions before such marks left."""

LONG = 24 * 3600.0
"""Seconds without a change after which what cannot be asked about is taken for left behind."""

SCRATCH = ".clear-bench"


def temporary(path: Path) -> Path:
    """Return the name under which this process writes what will be called ``path``."""
    return path.with_name(f".{path.name.lstrip('.')}.{mark()}.tmp")


@contextmanager
def written_whole(
    path: Path, *, wanted: int | None = None, durable: bool = False
) -> Iterator[Path]:
    """Yield a temporary name; what the body leaves there takes the place of ``path``.

    Args:
        path: The file or folder; a folder takes no other's place.
        wanted: Bytes that it will have, for the message where there is no space.
        durable: Whether it reaches the disk before it takes the place of what was there.

    Raises:
        DiskFull: If there is no space; nothing half-written stays.
    """
    unfinished = temporary(path)
    try:
        with room(path.parent, wanted):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield unfinished
            if durable:
                to_disk(unfinished)
            unfinished.replace(path)
            if durable:
                _names_to_disk(path.parent)
    finally:
        _remove(unfinished)


def made_once(target: Path, make: Callable[[Path], None], *, derived: bool = True) -> Path:
    """Return ``target``; ``make`` fills it, under another name, if it is not there.

    Several processes may ask at once; one makes, the others wait.

    Args:
        target: The folder.
        make: Fills it.
        derived: Whether it is made again where it turns out to be damaged, see `seal`.

    Raises:
        DiskFull: If there is no space for it.
    """
    lock = target.with_name(f".{target.name}.lock")
    if target.is_dir() and not (derived and damage(target)):
        if lock.exists():  # its holder may have been killed just before it removed it
            forget_lock(lock)
        return target
    with room(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock):
            wrong = damage(target) if derived and target.is_dir() else ""
            if wrong:
                print(f"{target}: damaged ({wrong}); it is made again", file=sys.stderr)
                gone = temporary(target)
                target.rename(gone)  # at once: nobody takes half of it for an older, unsealed one
                shutil.rmtree(gone)
            if not target.is_dir():
                with written_whole(target, durable=True) as unfinished:
                    unfinished.mkdir()
                    make(unfinished)
                    if derived:
                        seal(unfinished)
    return target


def write_text(path: Path, text: str, *, durable: bool = False) -> Path:
    """Write a text file, whole or not at all, see `written_whole`."""
    content = text.encode("utf-8")
    with written_whole(path, wanted=len(content), durable=durable) as unfinished:
        unfinished.write_bytes(content)
    return path


def write_bytes(path: Path, content: bytes | memoryview, *, durable: bool = False) -> Path:
    """Write a file, whole or not at all, see `written_whole`."""
    with written_whole(path, wanted=len(content), durable=durable) as unfinished:
        unfinished.write_bytes(content)
    return path


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` file, whole or not at all."""
    wanted = sum(np.asarray(values).nbytes for values in arrays.values())
    with (
        written_whole(path, wanted=wanted, durable=True) as unfinished,
        unfinished.open("wb") as stream,
    ):
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def empty_array(file: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Return an ``.npy`` file of zeros, mapped for writing; its space is reserved before.

    Raises:
        DiskFull: If there is no space for it.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False}
    with room(file.parent), file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {**header, "shape": shape})
        start = stream.tell()
    head = file.read_bytes()
    reserve(file, start + np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64)))
    with file.open("r+b") as stream:
        stream.write(head)
    return np.lib.format.open_memmap(file, "r+")


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder of the system's for temporary files that goes with the body, or is swept."""
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}.", suffix=f".{mark()}.tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def sweep(*roots: Path) -> None:
    """Remove what processes that are no more left half-written or locked below some folders."""
    for entry in Path(tempfile.gettempdir()).glob(f"{SCRATCH}.*"):
        if _left_behind(entry):
            _remove(entry)
    for root in roots:
        for folder, below, _ in os.walk(root):
            sweep_folder(Path(folder))
            below[:] = [name for name in below if not name.startswith(".")]


def sweep_folder(folder: Path) -> None:
    """Remove what lies in one folder of what `sweep` removes."""
    for entry in list(os.scandir(folder)):
        path = Path(entry.path)
        with suppress(PermissionError):  # of somebody else, who sweeps it some day
            if entry.name.endswith(".lock"):
                if _is_empty(path):
                    forget_lock(path)
            elif entry.name.startswith(".") and _left_behind(path):
                _remove(path)


def _left_behind(path: Path) -> bool:
    """Return whether a file or folder is half-written and nobody's any more."""
    marked, old = MARKED.fullmatch(path.name), OLD.fullmatch(path.name)
    dead = is_dead(marked["mark"]) if marked else None
    if dead is not None:
        return dead
    if not (marked or old):
        return False
    try:
        return time.time() - path.stat().st_mtime > LONG
    except FileNotFoundError:  # another process sweeps too
        return False


def _is_empty(file: Path) -> bool:
    """Return whether a file is there and holds nothing, as locks do."""
    try:
        return file.is_file() and file.stat().st_size == 0
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _names_to_disk(folder: Path) -> None:
    """Return once the names of a folder would outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
