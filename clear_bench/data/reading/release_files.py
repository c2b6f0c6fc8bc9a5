"""What lies below the root of a release: one walk, one rule for junk, no rule for letter case.

Copies of a release differ in the folders around it, in letter case and in what a computer added to
it.  A reader therefore asks for a file by name or by content and takes it wherever it lies.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from unicodedata import normalize

from clear_bench.utils.errors import UserError

Content = TypeVar("Content")

JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin",
        "system volume information"}  # fmt: skip
"""What Windows, a Mac or a network disk leaves in a folder, in lower case."""


def is_junk(name: str) -> bool:
    """Return whether a file or folder is none of the release: hidden, or in `JUNK`.

    A Mac's ``._0002_c1s1_000451_03.jpg`` is hidden too: it holds no picture.
    """
    return name.startswith(".") or name.lower() in JUNK


def plain(name: str) -> str:
    """Return a name without what file systems change: letter case, and how accents are written."""
    return normalize("NFC", name).casefold()


@dataclass(frozen=True)
class Tree:
    """The files below a folder, junk left out.

    Args:
        root: The folder.
        folders: Folder below the root ("" is the root itself; posix) to the names of its files,
            in the order of their bytes.
    """

    root: Path
    folders: dict[str, list[str]]

    def named(self, *names: str) -> list[Path]:
        """Return every file of one of some names, in any letter case; the highest come first."""
        wanted = {plain(name) for name in names}
        found = [
            f"{folder}/{file}".removeprefix("/")
            for folder, files in self.folders.items()
            for file in files
            if plain(file) in wanted
        ]
        return [self.root / path for path in sorted(found, key=lambda p: (p.count("/"), p))]

    def files_ending(self, tail: str) -> list[Path]:
        """Return the files whose path is, or ends with, some names; the highest come first."""
        folder, _, name = tail.rpartition("/")
        places = self.ending(folder) if folder else list(self.folders)
        return [p for p in self.named(name) if self._place(p) in places]

    def _place(self, path: Path) -> str:
        """Return the folder of a file, as `folders` has it."""
        return path.parent.relative_to(self.root).as_posix().removeprefix(".")

    def ending(self, tail: str) -> list[str]:
        """Return the folders whose path is, or ends with, some names; the highest come first."""
        want = f"/{plain(tail)}"
        found = [folder for folder in self.folders if f"/{plain(folder)}".endswith(want)]
        return sorted(found, key=lambda folder: (folder.count("/"), folder))

    def below(self, tops: Sequence[str]) -> "Tree":
        """Return the part of the tree that lies in some of its folders."""
        inside = {
            folder: files
            for folder, files in self.folders.items()
            if any(f"{folder}/".startswith(f"{top}/") for top in tops)
        }
        return Tree(self.root, inside)

    def __str__(self) -> str:
        return str(self.root)


def look_through(root: Path) -> Tree:
    """Return what lies below a folder; links are followed, each folder is entered once.

    Raises:
        UserError: If there is no such folder, or one below it cannot be listed.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; unpack the release there, or name another")
    folders: dict[str, list[str]] = {}
    entered: set[str] = set()
    for folder, below, files in os.walk(root, onerror=_stop, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            below.clear()
            continue
        entered.add(real)
        below[:] = sorted(name for name in below if not is_junk(name))
        place = os.path.relpath(folder, root).replace(os.sep, "/")
        kept = (name for name in files if not is_junk(name))
        folders["" if place == "." else place] = sorted(kept, key=os.fsencode)
    return Tree(root, folders)


def pick(
    tree: Tree, names: Sequence[str], read: Callable[[Path], Content], advice: str
) -> tuple[Path, Content]:
    """Return the one file of some names that can be read, and its content.

    Several are told apart by what they hold: those that ``read`` refuses are left, and copies of
    one file are one.

    Args:
        tree: Where to look.
        names: File names that would be right.
        read: Gives the content of a file, or raises `UserError` if it is another one.
        advice: What to do if there is none.

    Raises:
        UserError: If there is none, none can be read, or two that can are not the same.
    """
    found = tree.named(*names)
    if not found:
        raise UserError(
            f"{tree.root / names[0]}: no such file, nor {' or '.join(names)} in any folder below; "
            f"{advice}"
        )
    return pick_of(found, read)


def pick_of(found: Sequence[Path], read: Callable[[Path], Content]) -> tuple[Path, Content]:
    """Do what `pick` does, of some files."""
    good, causes = [], []
    for path in found:
        try:
            good.append((path, read(path)))
        except UserError as error:
            causes.append(str(error))
    if not good:
        raise UserError("; ".join(causes))
    first, *others = [path for path, _ in good]
    for other in others:
        if _digest(other) != _digest(first):
            raise UserError(f"{other}: is another file than {first}; keep the one that you mean")
    return good[0]


def _digest(path: Path) -> bytes:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _stop(error: OSError) -> None:
    """Say which folder cannot be listed, where `os.walk` would go on without it."""
    raise UserError(f"{error.filename}: cannot be listed ({error.strerror}); change its rights")
