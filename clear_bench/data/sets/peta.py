"""PETA: 19,000 images of 8,699 persons from ten sources; 35 of 105 binary labels are evaluated.

Files, either of two layouts:

- ``PETA.mat`` and ``images/00001.png`` to ``images/19000.png`` (``.jpg`` reads as well), the
  renumbered release that the field uses;
- the original ten folders with ``Label.txt``, see `clear_bench.data.sets.peta_folders`; with
  ``PETA.mat`` beside them it has every split, without it those that need no official partition.

- *Label sets*: ``35`` are those that the file itself selects, in its order; ``105`` are all.
- *Splits*: ``random0`` to ``random4`` are the file's partitions.  They are random over images, so
  most test persons are in training too.  ``ids0`` is this project's own: nobody is in two parts
  (a tenth of the persons in val, two fifths in test).  ``zs`` is PETA-zs (Jia et al.), from its
  file, see `clear_bench.data.reading.zero_shot_splits`.  ``sal200`` is SAL's for retrieval
  (Cao et al., ECCV 2020).
- *Persons* are the file's second column.  Cameras are not recorded.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.matfile import (
    check_labels,
    load_struct,
    member,
    only_struct,
    texts,
    whole_numbers,
)
from clear_bench.data.reading.picture_files import find_pictures
from clear_bench.data.reading.split_rules import by_hash, from_rows, persons_apart
from clear_bench.data.reading.zero_shot_splits import zero_shot_split
from clear_bench.data.schema import Schema
from clear_bench.data.sets import peta_folders
from clear_bench.data.sets.peta_labels import EVALUATED, NAMES, attribute
from clear_bench.utils.errors import UserError, unknown

IMAGES, ATTRIBUTES = 19000, 105
RANDOM = tuple(f"random{k}" for k in range(5))
LABEL_SETS = ("35", "105")
AGAIN = "get the official release again"


def read_peta(root: Path, split_name: str, label_set: str, *, images: bool = True) -> Dataset:
    """Read a folder of either layout.

    Args:
        root: The folder.
        split_name: Key of `SPLITS`.
        label_set: ``"35"`` or ``"105"``.
        images: Whether the pictures are there; without, the annotation alone is read.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another size.
    """
    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set not in LABEL_SETS:
        raise unknown("label set", label_set, LABEL_SETS)
    table, labels = _table(root, images=images)
    table["split"] = SPLITS[split_name](root, table, labels)
    chosen = _evaluated(root) if label_set == "35" else np.arange(ATTRIBUTES)
    schema = Schema(tuple(attribute(NAMES[k], label_set) for k in chosen))
    columns = pd.DataFrame(labels[:, chosen], columns=schema.names)
    manifest = pd.concat([table[list(COLUMNS)], columns], axis=1)
    manifest = manifest[manifest["split"] != ""].reset_index(drop=True)
    return Dataset("peta", split_name, label_set, root, schema, manifest)


def _table(root: Path, *, images: bool) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Return path, person and camera of each image, in number order, and labels ``(N, 105)``."""
    home = peta_folders.find_sources(root) if images else None
    stems = [f"{number + 1:05d}" for number in range(IMAGES)]
    if home is None:
        paths = (
            find_pictures(root, root / "images", stems, "unpack the numbered PETA images again")
            if images
            else [f"images/{stem}.png" for stem in stems]
        )
        data = _annotation(root)
        return _head(paths, [str(p) for p in data[:, 1]]), data[:, 4:].astype(np.uint8)
    pictures = peta_folders.list_pictures(root, home)
    if len(pictures) != IMAGES:
        raise UserError(f"{home}: {len(pictures)} images, must be {IMAGES}; {peta_folders.AGAIN}")
    labels = peta_folders.read_labels(home, pictures)
    return _head([p.path for p in pictures], peta_folders.person_numbers(pictures)), labels


def _head(paths: list[str], persons: list[str]) -> pd.DataFrame:
    """Return the columns of the manifest that are not labels, but for the split."""
    return pd.DataFrame({"path": paths, "person": persons, "camera": ""})


def _annotation(root: Path) -> NDArray[np.integer]:
    """Return ``data`` ``(19000, 4 + 105)`` of ``PETA.mat``, its columns checked by name."""
    path = root / "PETA.mat"
    content = load_struct(path, "peta")
    data = member(content, "data", path)
    names = texts(member(content, "attribute", path), f"{path}: attribute")
    if data.shape != (IMAGES, 4 + ATTRIBUTES) or len(names) != ATTRIBUTES:
        raise UserError(
            f"{path}: data is {data.shape} with {len(names)} attribute names, must be "
            f"{(IMAGES, 4 + ATTRIBUTES)} with {ATTRIBUTES}; {AGAIN}"
        )
    moved = [(a, b) for a, b in zip(names, NAMES, strict=True) if a != b]
    if moved:
        raise UserError(
            f"{path}: attribute '{moved[0][0]}' stands where the official release has "
            f"'{moved[0][1]}'; {AGAIN}"
        )
    check_labels(data[:, 4:], names, 1, str(path))
    return data


def _evaluated(root: Path) -> NDArray[np.integer]:
    """Return the columns (from 0) of the evaluated attributes, in the file's order."""
    path = root / "PETA.mat"
    if not path.is_file():  # the original layout does not list them
        return np.arange(len(EVALUATED))
    cells = member(load_struct(path, "peta"), "selected_attribute", path)
    chosen = whole_numbers(cells.reshape(-1), f"{path}: selected_attribute")
    if sorted(chosen - 5) != list(range(len(EVALUATED))):
        raise UserError(
            f"{path}: selected_attribute must name the {len(EVALUATED)} evaluated attributes, "
            f"columns 5 to {4 + len(EVALUATED)}; {AGAIN}"
        )
    return chosen - 5


SplitRule = Callable[[Path, pd.DataFrame, NDArray[np.uint8]], NDArray[np.str_]]


def _official(number: int) -> SplitRule:
    """Return the rule of one of the five partitions of the file."""

    def split(root: Path, _: pd.DataFrame, __: NDArray[np.uint8]) -> NDArray[np.str_]:
        path = root / "PETA.mat"
        cells = member(load_struct(path, "peta"), "partion_attribute", path).reshape(-1)
        if len(cells) != len(RANDOM):
            raise UserError(f"{path}: {len(cells)} partitions, must be {len(RANDOM)}; {AGAIN}")
        where = f"{path}: partition {number}"
        parts = only_struct(cells[number], where)
        rows = {
            p: whole_numbers(member(parts, p, path), where) - 1 for p in ("train", "val", "test")
        }
        return from_rows(rows, IMAGES, where)

    return split


def _ids0(_: Path, table: pd.DataFrame, __: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return a split in which nobody is in two parts."""
    return persons_apart(table["person"].to_numpy(dtype=str), val=0.1, test=0.4)


def _zero_shot(root: Path, table: pd.DataFrame, _: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return the split of the supplied file, which counts images as the numbered release does."""
    return zero_shot_split(root, [f"{row + 1:05d}" for row in range(len(table))])


def _sal200(_: Path, __: pd.DataFrame, labels: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return SAL's retrieval split: 200 categories are test, images of lone ones are unused.

    The categories (over all 105 labels, whatever the label set) that have at least two images are
    numbered by their first image; numpy's generator with seed 1 draws those that train, as SAL's
    released code does.  SAL has no val part; here it is a tenth of the training categories.
    """
    vectors, category, count = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    category = category.reshape(-1)
    first = np.full(len(vectors), len(labels))
    np.minimum.at(first, category, np.arange(len(labels)))
    shared = sorted(np.flatnonzero(count > 1), key=first.__getitem__)
    generator = np.random.RandomState(1)  # what this generator draws is the split
    drawn = generator.choice(len(shared), len(shared) - min(200, len(shared) // 2), replace=False)
    train = {shared[k] for k in drawn}
    ordered = by_hash(vectors[k].tobytes().hex() for k in train)
    held = set(ordered[: len(ordered) // 10])
    part = np.full(len(vectors), "", "<U5")
    for k in shared:
        part[k] = "test" if k not in train else "train"
        if k in train and vectors[k].tobytes().hex() in held:
            part[k] = "val"
    return part[category]


SPLITS: dict[str, SplitRule] = {
    **{name: _official(number) for number, name in enumerate(RANDOM)},
    "ids0": _ids0,
    "zs": _zero_shot,
    "sal200": _sal200,
}
"""Split name to the rule ``(root, table, labels of all 105) -> (N,)``; "" leaves an image out."""

ZS = {"images train": 11241, "images val": 3826, "images test": 3933}
SAL = {"images train+val": 11886, "categories train+val": 1890, "images test": 1435}
IDS = {"images": IMAGES, "persons": 8699, "images test, person in train+val": 0}

SOURCE = Source(
    title="PETA",
    read=read_peta,
    annotation=partial(read_peta, images=False),
    splits=tuple(SPLITS),
    label_sets=LABEL_SETS,
    obtain=(
        "from the PETA project page of Deng et al. (mmlab.ie.cuhk.edu.hk/projects/PETA.html), "
        "research use only; PETA.mat and numbered images as used by the field's code"
    ),
    cite="Deng et al., Pedestrian Attribute Recognition At Far Distance, ACM Multimedia 2014",
    official={
        **{
            f"{split}/35": {
                "images": IMAGES,
                "images train": 9500,
                "images val": 1900,
                "images test": 7600,
                "persons": 8699,
                "categories train+val": train,
                "categories test": test,
            }
            for split, train, test in zip(
                RANDOM, (2847, 2827, 2828, 2827, 2860), (2242, 2245, 2232, 2249, 2226), strict=True
            )
        },
        "random0/105": {"images": IMAGES, "persons": 8699, "categories": 7769},
        "ids0/35": IDS,
        "zs/35": {**ZS, "images test, person in train+val": 0},
        "sal200/105": {**SAL, "categories test": 200, "categories test, not in train+val": 200},
    },
)
