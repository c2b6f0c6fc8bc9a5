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
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.picture_files import is_picture
from clear_bench.data.reading.release_files import Tree, plain
from clear_bench.data.sets.peta_labels import NAMES
from clear_bench.utils.errors import UserError, require_file
from clear_bench.utils.foreign import read_bytes

SOURCES = ("3DPeS", "CAVIAR4REID", "CUHK", "GRID", "i-LID", "MIT", "PRID", "SARC3D", "TownCentre",
           "VIPeR")  # fmt: skip
DROPPED = {"accessoryFaceMask", "lowerBodyLogo", "accessoryShawl", "lowerBodyThickStripes"}
"""Labels that PETA's ReadMe takes out of the final set: fewer than ten images have them."""

SPELLINGS = {"footwearSneakers": "footwearSneaker"}
"""How ``Label.txt`` of the real release spells a label to how ``PETA.mat`` does."""

AGAIN = "unpack the official PETA release again"


@dataclass(frozen=True)
class Picture:
    """One picture: path relative to the release, folder of `SOURCES`, number of the person."""

    path: str
    source: str
    person: int


def find_sources(tree: Tree) -> dict[str, str]:
    """Return the folder of each source that is there: the one of its name with most pictures.

    It is called ``3DPeS/archive``, in any letter case, wherever it lies.
    """
    homes = {}
    for source in SOURCES:
        places = tree.ending(f"{source}/archive")
        counts = [sum(map(is_picture, tree.folders[place])) for place in places]
        if any(counts):
            homes[source] = places[counts.index(max(counts))]  # of equal ones the highest
    return homes


def list_pictures(tree: Tree, homes: dict[str, str]) -> list[Picture]:
    """Return all pictures in the order of the numbered release.

    Raises:
        UserError: If a picture's name begins with no number.
    """
    return [
        Picture(f"{place}/{name}", source, _number(name, tree.root / place / name))
        for source, place in homes.items()
        for name in tree.folders[place]
        if is_picture(name)
    ]


def missing_sources(homes: dict[str, str]) -> str:
    """Return what an error says of the sources that are not there."""
    missing = [source for source in SOURCES if source not in homes]
    return f", no pictures in {', '.join(f'{s}/archive' for s in missing)}" if missing else ""


def person_numbers(pictures: list[Picture]) -> list[str]:
    """Return the person of each picture, numbered from 1 as in ``PETA.mat``, as text."""
    pairs = sorted({(SOURCES.index(p.source), p.person) for p in pictures})
    number = {pair: str(k) for k, pair in enumerate(pairs, start=1)}
    return [number[SOURCES.index(p.source), p.person] for p in pictures]


def read_labels(tree: Tree, homes: dict[str, str], pictures: list[Picture]) -> NDArray[np.uint8]:
    """Return the labels of each picture ``(N, 105)`` in the order of `NAMES`, from ``Label.txt``.

    Raises:
        UserError: If a file is missing, a label is unknown, or a picture's person has no line.
    """
    column = {name: k for k, name in enumerate(NAMES)}
    lines: dict[tuple[str, int], list[int]] = {}
    for source, home in homes.items():
        path = next(
            (tree.root / home / n for n in tree.folders[home] if plain(n) == "label.txt"),
            tree.root / home / "Label.txt",
        )
        for place, line in enumerate(_lines(require_file(path, AGAIN)), start=1):
            person, *words = line.split()
            labels = [SPELLINGS.get(word, word) for word in words]
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
    text = read_bytes(path, AGAIN).decode("utf-8-sig", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _number(name: str, path: Path) -> int:
    """Return the number that a name begins with."""
    match = re.match(r"(\d+)(?:[_.]|$)", name)
    if match is None:
        raise UserError(f"{path}: '{name}' does not begin with the number of a person; {AGAIN}")
    return int(match[1])


def picture_of(name: str, listing: Path) -> Picture:
    """Return the picture that a list names by a path such as ``../CUHK/archive/3122.png``."""
    source = PurePosixPath(name).parent.parent.name
    known = {plain(s): s for s in SOURCES}
    if plain(source) not in known:
        raise UserError(f"{listing}: '{name}' lies in none of PETA's ten folders; {AGAIN}")
    return Picture(name, known[plain(source)], _number(PurePosixPath(name).name, listing))


def place_of(picture: Picture) -> tuple[int, bytes]:
    """Return what orders pictures as the numbered release does."""
    return SOURCES.index(picture.source), os.fsencode(PurePosixPath(picture.path).name)
