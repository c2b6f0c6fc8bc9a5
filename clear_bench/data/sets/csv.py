"""One's own pictures: a folder with ``labels.csv``, and with ``attributes.yaml`` if one likes.

``labels.csv`` has a column ``path`` (relative to the folder, ``/`` between names), if one likes
``split`` (train, val, test), ``person`` and ``camera``, and one column an attribute: 1, 0, or empty
where nobody knows.  ``python -m clear_bench.data new DIR`` writes both files to be filled in.

- *Split*: ``seed0`` .. ``seed4``.  What the file says stays; pictures without a split get one:
  a fifth of the persons is test, a tenth val, drawn by that seed, and nobody is in two parts.  A
  picture without a person is one of its own.
- *Label set*: ``all`` columns.

Nothing in the files runs, and no picture outside the folder is read, through links either.
"""

import os
import stat
from collections.abc import Sequence
from functools import cache
from functools import partial as with_
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import COLUMNS, SPLITS, Dataset, Source
from clear_bench.data.reading.csv_table import read_table
from clear_bench.data.reading.split_rules import persons_apart
from clear_bench.data.sets.csv_attributes import LONGEST, read_attributes
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.utils.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

FILE = "labels.csv"
SEEDS = tuple(f"seed{number}" for number in range(5))
VAL, TEST = 0.1, 0.2
"""Shares of the persons."""

LABELS = {"1": 1, "0": 0, "": UNKNOWN}
ALONE = "/"
"""Before the path of a picture whose person is not known, where a person should be."""

MEANINGFUL = ",=|\"'`\\"
"""Letters that no attribute has in its name, since queries, settings or signatures read them."""


def read_csv(
    root: Path, split_name: str, label_set: str, *, images: bool = True, partial: bool = False
) -> Dataset:
    """Read a folder.

    Args:
        root: The folder.
        split_name: One of `SEEDS`.
        label_set: ``"all"``.
        images: Whether the pictures are there; without, the files alone are read.
        partial: Whether some may be missing.

    Raises:
        UserError: If a name is unknown, or a file is missing or broken; line and cause are said.
    """
    import pandas as pd

    if split_name not in SEEDS:
        raise unknown("split", split_name, SEEDS)
    if label_set != "all":
        raise unknown("label set", label_set, ["all"])
    path = root / FILE
    header, rows = read_table(path)
    attributes = _attributes(header, path)
    schema = read_attributes(root, attributes)
    lines = [line for line, _ in rows]
    table = pd.DataFrame([cells for _, cells in rows], columns=header, dtype=object)
    for column in COLUMNS:
        if column not in header:
            table[column] = ""
    _check_words(table, lines, path)
    labels = _labels(table, attributes, lines, path)
    table["person"] = table["person"].where(table["person"] != "", ALONE + table["path"])
    table["split"], how = _split(table, split_name, path)
    if images:
        missing = missing_pictures(root, table["path"].tolist(), lines)
        if len(missing) and not (partial and len(missing) < len(table)):
            first, more = missing[0], len(missing) - 1
            raise UserError(
                f"{path}: line {lines[first]}: {table['path'][first]}: no such picture"
                + (f", nor are {more} others" if more else "")
                + "; take the line out, or read what is there with --set data.partial=true"
            )
        table.loc[missing, "path"] = ""
    columns = pd.DataFrame(labels, columns=attributes)
    manifest = pd.concat([table[list(COLUMNS)].astype(str), columns], axis=1)
    return Dataset.of("csv", split_name, label_set, root, schema, manifest, signed=(how,))


def _attributes(header: Sequence[str], path: Path) -> list[str]:
    """Return the columns that are attributes."""
    if "path" not in header:
        raise UserError(f"{path}: no column 'path'; it has {', '.join(header[:4])[:120]}")
    names = [name for name in header if name not in COLUMNS]
    if not names:
        raise UserError(
            f"{path}: no attribute: besides path, split, person, camera it has no column"
        )
    for name in names:
        check_name(name, path)
    return names


def check_name(name: str, path: Path) -> None:
    """Raise a `UserError` for a name that no attribute can have."""
    if name.lower() in COLUMNS:
        raise UserError(f"{path}: column '{name}': write '{name.lower()}', in small letters")
    if len(name) > LONGEST or not name.isprintable() or set(name) & set(MEANINGFUL):
        raise UserError(
            f"{path}: column '{name[:60]}': an attribute's name has at most {LONGEST} "
            f"printable letters, and none of {MEANINGFUL}"
        )


def _check_words(table: "pd.DataFrame", lines: Sequence[int], path: Path) -> None:
    """Raise for a path, split, person or camera that is none."""
    first_of: dict[str, int] = {}
    for row, (name, split, person, camera) in enumerate(table[list(COLUMNS)].to_numpy()):
        where = f"{path}: line {lines[row]}: "
        if not inside(name):
            raise UserError(
                f"{where}path '{name[:120]}' must be relative to {path.parent}, with / between "
                "names and no . or .. among them"
            )
        if name in first_of:
            raise UserError(f"{where}{name} is in line {first_of[name]} already; keep one")
        first_of[name] = lines[row]
        if split not in ("", *SPLITS):
            raise UserError(f"{where}{unknown('split', split[:60], SPLITS)}")
        if person.startswith(ALONE) or max(len(person), len(camera)) > LONGEST:
            raise UserError(
                f"{where}a person or camera has at most {LONGEST} letters, and no / first"
            )


def inside(name: str) -> bool:
    """Return whether a text is the plain relative path of a file, wherever it is read."""
    plain = PurePosixPath(name)
    return (
        plain.as_posix() == name
        and not plain.is_absolute()
        and ".." not in plain.parts
        and name != "."
        and "\\" not in name
        and ":" not in plain.parts[0]
    )


def _labels(
    table: "pd.DataFrame", names: Sequence[str], lines: Sequence[int], path: Path
) -> NDArray[np.uint8]:
    """Return the labels ``(N, A)``: 1, 0 and `UNKNOWN`."""
    labels = np.full((len(table), len(names)), UNKNOWN, np.uint8)
    for column, name in enumerate(names):
        found = table[name].map(LABELS)
        bad = np.flatnonzero(found.isna())
        if len(bad):
            row = bad[0]
            raise UserError(
                f"{path}: line {lines[row]}: {name} is '{str(table[name][row])[:60]}', must be 1, "
                "0 or empty (unknown)"
            )
        labels[:, column] = found.to_numpy(np.uint8)
        if (labels[:, column] == UNKNOWN).all():
            raise UserError(f"{path}: column '{name}' is empty; fill it in or take it out")
    return labels


def _split(table: "pd.DataFrame", name: str, path: Path) -> "tuple[pd.Series, str]":
    """Return the split of each row, and what the signature says of it."""
    given = table["split"] != ""
    if given.all():
        if name != SEEDS[0]:
            raise UserError(f"{path}: says every split, so {name} draws none; leave data.split out")
        return table["split"], "split:given"
    person = table["person"]
    parts = table[given].groupby("person")["split"].agg(set)
    known = person.map({p: next(iter(s)) for p, s in parts.items() if len(s) == 1}).fillna("")
    torn = ~given & person.isin(parts.index) & (known == "")
    if torn.any():
        raise UserError(
            f"{path}: person {person[torn].iloc[0]} is in several splits already, and has pictures "
            "without one; write it there"
        )
    drawn = given | (known != "")
    made = table["split"].where(given, known)
    seeded = np.array([f"{name} {p}" for p in person[~drawn]])
    if len(seeded):
        made[~drawn] = persons_apart(seeded, VAL, TEST)
    how = "by-picture" if person[~given].str.startswith(ALONE).all() else "by-person"
    return made, f"split:{'given+' if given.any() else ''}{how}"


def missing_pictures(root: Path, paths: Sequence[str], lines: Sequence[int]) -> NDArray[np.intp]:
    """Return the rows whose picture is not there.

    Raises:
        UserError: If a path leads out of the folder through a link, or to what is no file.
    """
    home = os.path.realpath(root)
    real = cache(os.path.realpath)

    def leaves(path: str) -> bool:
        return os.path.commonpath([home, path]) != home

    missing = []
    for row, name in enumerate(paths):
        folder, _, file = name.rpartition("/")
        place = os.path.join(real(os.path.join(home, folder)), file)  # noqa: PTH118 - many of them
        try:
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                place = os.path.realpath(place)
                status = os.lstat(place)
        except OSError:
            missing.append(row)
            continue
        if leaves(place):
            raise UserError(
                f"{root / FILE}: line {lines[row]}: {name} leads out of {root} through a link; "
                "copy the pictures there, or name the folder that holds them by --data-root"
            )
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{root / FILE}: line {lines[row]}: {name} is no file")
    return np.array(missing, np.intp)


SOURCE = Source(
    title="own data (labels.csv)",
    read=read_csv,
    annotation=with_(read_csv, images=False),
    partial=with_(read_csv, partial=True),
    splits=SEEDS,
    label_sets=("all",),
    obtain="your own pictures; to begin: python -m clear_bench.data new DIR",
    cite="whoever made the pictures and labels",
    own=True,
)
