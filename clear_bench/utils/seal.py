"""A list of what a finished folder holds, by which damage is seen when it is used again."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

SEAL = ".seal.json"
ENDS = 64 << 10
"""Bytes at the beginning and end of a file that are compared: a header, and what a truncation
takes.  A whole file of gigabytes is not read to use a part of it."""


def seal(folder: Path) -> None:
    """Write the list of a folder's files into it."""
    listed = {name: _state(folder / name) for name in _names(folder)}
    (folder / SEAL).write_text(json.dumps(listed), encoding="utf-8")


def damage(folder: Path) -> str:
    """Return what of a sealed folder is not as it was; "" if all is, or nobody sealed it."""
    try:
        listed = json.loads((folder / SEAL).read_bytes())
        if not isinstance(listed, dict):
            return SEAL
    except FileNotFoundError:
        return ""
    except (ValueError, RecursionError):
        return SEAL
    try:
        changed = (name for name in listed if _state(folder / name) != listed[name])
        return next(changed, "")
    except (OSError, ValueError) as error:
        return str(getattr(error, "filename", None) or SEAL)


def _names(folder: Path) -> list[str]:
    """Return the files of a folder and all below, but for the seal."""
    found = [
        os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118 - of os.walk
        for place, _, files in os.walk(folder)
        for name in files
    ]
    return sorted(name for name in found if name != SEAL)


def _state(file: Path) -> list[Any]:
    """Return size and a hash of both ends of a file."""
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.sha256(stream.read(ENDS))
        if size > ENDS:
            stream.seek(max(ENDS, size - ENDS))
            digest.update(stream.read(ENDS))
    return [size, digest.hexdigest()]
