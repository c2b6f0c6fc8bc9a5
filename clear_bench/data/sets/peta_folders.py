"""PETA's original layout: ten folders, each with ``archive/`` and its ``Label.txt``.

``Label.txt`` has a line a person: its number, then the names of its labels.  A picture belongs to
the person whose number its name begins with (``0059_018.jpg``, ``100_3_FRAME_26_RGB.bmp``,
``0002.png``), as PETA's ReadMe says.

The numbered release counts pictures through the folders in the order of `SOURCES` and, inside one,
in the order of the bytes of their names; the mapping file of the UPAR challenge says the same.  Its
person numbers count (folder, number) pairs in that order.  So both layouts give equal rows.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.picture_files import SUFFIXES
from clear_bench.data.sets.peta_labels import NAMES
from clear_bench.utils.errors import UserError, require_file

SOURCES = ("3DPeS", "CAVIAR4REID", "CUHK", "GRID", "i-LID", "MIT", "PRID", "SARC3D", "TownCentre",
           "VIPeR")  # fmt: skip
PARENTS = ("", "PETA dataset")
DROPPED = {"accessoryFaceMask", "lowerBodyLogo", "accessoryShawl", "lowerBodyThickStripes"}
"""Labels that PETA's ReadMe takes out of the final set: fewer than ten images have them."""

AGAIN = "unpack the official PETA release again"


@dataclass(frozen=True)
class Picture:
    """One picture: path relative to the release, folder of `SOURCES`, number of the person."""

    path: str
    source: str
    person: int


def find_sources(root: Path) -> Path | None:
    """Return the folder that holds the ten folders, or None if this is not that layout."""
    for parent in PARENTS:
        if (root / parent / SOURCES[0] / "archive").is_dir():
            return root / parent
    return None


def list_pictures(root: Path, home: Path) -> list[Picture]:
    """Return all pictures in the order of the numbered release.

    Raises:
        UserError: If a folder is missing or a picture's name begins with no number.
    """
    listed = []
    for source in SOURCES:
        folder = home / source / "archive"
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; {AGAIN}")
        place = folder.relative_to(root).as_posix()
        for name in sorted(os.listdir(folder), key=os.fsencode):  # noqa: PTH208 - fast
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                continue
            listed.append(Picture(f"{place}/{name}", source, _number(name, folder / name)))
    return listed


def person_numbers(pictures: list[Picture]) -> list[str]:
    """Return the person of each picture, numbered from 1 as in ``PETA.mat``, as text."""
    pairs = sorted({(SOURCES.index(p.source), p.person) for p in pictures})
    number = {pair: str(k) for k, pair in enumerate(pairs, start=1)}
    return [number[SOURCES.index(p.source), p.person] for p in pictures]


def read_labels(home: Path, pictures: list[Picture]) -> NDArray[np.uint8]:
    """Return the labels of each picture ``(N, 105)`` in the order of `NAMES`, from ``Label.txt``.

    Raises:
        UserError: If a file is missing, a label is unknown, or a picture's person has no line.
    """
    column = {name: k for k, name in enumerate(NAMES)}
    lines: dict[tuple[str, int], list[int]] = {}
    for source in SOURCES:
        path = require_file(home / source / "archive" / "Label.txt", AGAIN)
        for place, line in enumerate(_lines(path), start=1):
            person, *labels = line.split()
            unknown = [n for n in labels if n not in column and n not in DROPPED]
            if unknown:
                raise UserError(f"{path}: line {place}: label '{unknown[0]}' is none of PETA's")
            key = source, _number(person, path)
            if key in lines:
                raise UserError(f"{path}: line {place}: person {person} is there twice; {AGAIN}")
            lines[key] = [column[n] for n in labels if n in column]
    table = np.zeros((len(pictures), len(NAMES)), np.uint8)
    for row, picture in enumerate(pictures):
        if (picture.source, picture.person) not in lines:
            raise UserError(f"{picture.path}: no line for its person in Label.txt; {AGAIN}")
        table[row, lines[picture.source, picture.person]] = 1
    return table


def _lines(path: Path) -> list[str]:
    """Return the lines that are not empty."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _number(name: str, path: Path) -> int:
    """Return the number that a name begins with."""
    match = re.match(r"(\d+)(?:[_.]|$)", name)
    if match is None:
        raise UserError(f"{path}: '{name}' does not begin with the number of a person; {AGAIN}")
    return int(match[1])
