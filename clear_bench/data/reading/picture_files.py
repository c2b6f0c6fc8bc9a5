"""Picture files of a release, found by name whatever their suffix: copies differ in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from clear_bench.utils.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def pictures(folder: Path, advice: str) -> dict[str, str]:
    """Return stem -> file name of every picture in a folder.

    Raises:
        UserError: If there is no such folder, or two pictures have one stem.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {advice}")
    file_of: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - ten times faster than iterdir
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() not in SUFFIXES or stem.startswith("."):
            continue
        if stem in file_of:
            raise UserError(f"{folder}: {file_of[stem]} and {name} are one image; remove either")
        file_of[stem] = name
    return file_of


def find_pictures(root: Path, folder: Path, stems: Sequence[str], advice: str) -> list[str]:
    """Return the path of each picture, relative to the root of the release.

    Args:
        root: The release.
        folder: Where below it the pictures lie.
        stems: File names without suffix, in the order of the manifest.
        advice: What to do if some are missing.

    Raises:
        UserError: As `pictures`, or if a picture is missing.
    """
    file_of = pictures(folder, advice)
    missing = [stem for stem in stems if stem not in file_of]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(stems)} images missing, the first is {missing[0]}; "
            f"{advice}"
        )
    place = folder.relative_to(root).as_posix()
    return [f"{place}/{file_of[stem]}" for stem in stems]


def first_folder(root: Path, names: Sequence[str], advice: str) -> Path:
    """Return the first of some folders that is there.

    Raises:
        UserError: If none is.
    """
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise UserError(f"{root}: none of the folders {', '.join(names)} is there; {advice}")
