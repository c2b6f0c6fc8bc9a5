"""The folder that holds the pictures which an annotation names, wherever it lies."""

import os
from collections.abc import Sequence

from clear_bench.data.reading.release_files import Tree, plain
from clear_bench.utils.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
TOLD = 20  # folders that an error names
PARTIAL = "or read what is there with --set data.partial=true"


def find_pictures(
    tree: Tree,
    stems: Sequence[str],
    advice: str,
    *,
    usual: Sequence[str] = (),
    partial: bool = False,
    none: bool = False,
) -> list[str]:
    """Return the path of each picture, relative to the root; copies differ in suffix and case.

    The folder that holds them all is taken.  Where several do, one that is called as the release
    calls it is; where none does, several are if they share no picture.

    Args:
        tree: What lies below the root.
        stems: File names without suffix, in the order of the manifest.
        advice: What to do if some are missing.
        usual: What the folder is called in the official release, the best first.
        partial: Whether pictures may be missing; each is "" then.
        none: With ``partial``: whether all of them may.

    Raises:
        UserError: If pictures are missing that must not, two folders are as good, or two files in
            one folder are one picture.
    """
    wanted = {plain(stem) for stem in stems}
    held = {folder: _wanted(files, wanted) for folder, files in tree.folders.items()}
    order = sorted(
        (folder for folder in held if held[folder]),
        key=lambda f: (-len(held[f]), _rank(f, usual), f.count("/"), f),
    )
    chosen = order[:1]
    if chosen and len(held[chosen[0]]) < len(wanted):
        apart = sum(len(held[f]) for f in order) == len({k for f in order for k in held[f]})
        chosen = order if apart else chosen
    elif len(order) > 1:
        _only_one(tree, order, held, usual)
    path_of = {
        key: f"{folder}/{name}".removeprefix("/")
        for folder in chosen
        for key, name in _single(tree, folder, held[folder]).items()
    }
    paths = [path_of.get(plain(stem), "") for stem in stems]
    missing = [stem for stem, path in zip(stems, paths, strict=True) if not path]
    if missing and not (partial and (path_of or none)):
        tried = [f"{folder or '.'} (has {len(held[folder])})" for folder in order]
        tried += [f or "." for f, files in tree.folders.items() if f not in order and files]
        more = f" and {len(tried) - TOLD} more" if len(tried) > TOLD else ""
        raise UserError(
            f"{tree}: {len(missing)} of {len(stems)} images missing, the first is {missing[0]}; "
            f"looked in {', '.join(tried[:TOLD]) or 'it, which is empty'}{more}; {advice}"
            + (f", {PARTIAL}" if path_of else "")
        )
    return paths


def is_picture(name: str) -> bool:
    """Return whether a file is a picture by its suffix."""
    return name.lower().endswith(SUFFIXES)


def _wanted(files: list[str], wanted: set[str]) -> dict[str, list[str]]:
    """Return plain stem -> names of the wanted pictures among some files."""
    found: dict[str, list[str]] = {}
    for name in files:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - 100,000 of them
        if suffix.lower() in SUFFIXES and (key := plain(stem)) in wanted:
            found.setdefault(key, []).append(name)
    return found


def _rank(folder: str, usual: Sequence[str]) -> int:
    """Return how good the name of a folder is; 0 is best."""
    ends = [f"/{plain(folder)}".endswith(f"/{plain(name)}") for name in usual]
    return ends.index(True) if True in ends else len(usual)


def _only_one(
    tree: Tree, order: list[str], held: dict[str, dict[str, list[str]]], usual: Sequence[str]
) -> None:
    """Raise if the second-best folder is as good as the best: which one is meant?"""
    first, second = order[:2]
    if len(held[second]) == len(held[first]) and _rank(first, usual) == _rank(second, usual):
        raise UserError(
            f"{tree}: {first or '.'} and {second or '.'} both hold all pictures; name the one that "
            "you mean by --data-root, or move the other out"
        )


def _single(tree: Tree, folder: str, files: dict[str, list[str]]) -> dict[str, str]:
    """Return plain stem -> name; raise if two files are one picture."""
    for names in files.values():
        if len(names) > 1:
            raise UserError(
                f"{tree.root / folder}: {names[0]} and {names[1]} are one image; remove either"
            )
    return {key: names[0] for key, names in files.items()}
