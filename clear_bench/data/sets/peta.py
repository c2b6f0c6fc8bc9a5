"""PETA: 19,000 images of 8,699 persons from ten sources; 35 of 105 binary labels are evaluated.

Files, either of two layouts, told apart by which of them has all pictures:

- ``PETA.mat`` and ``images/00001.png`` to ``images/19000.png`` (``.jpg`` reads as well), the
  renumbered release that the field uses;
- the original ten folders with ``Label.txt``, see `clear_bench.data.sets.peta_folders`; with
  ``PETA.mat`` beside them it has every split, without it those that need no official partition.
  A copy that has both layouts whole is read from the ten folders, which are the originals.

What stands in for ``PETA.mat`` is in `clear_bench.data.sets.peta_annotation`.

- *Label sets*: ``35`` are those that the file itself selects, in its order; ``105`` are all.
- *Splits*: ``random0`` to ``random4`` are the file's partitions.  They are random over images, so
  most test persons are in training too.  ``ids0`` is this project's own: nobody is in two parts
  (a tenth of the persons in val, two fifths in test).  ``zs`` is PETA-zs (Jia et al.), from its
  file, see `clear_bench.data.reading.zero_shot_splits`.  ``sal200`` is SAL's for retrieval
  (Cao et al., ECCV 2020).  ``alm`` is that of ALM's lists, none of the five; its val part is a
  tenth of the persons of its train part.
- *Persons* are the file's second column, or follow from the names in the ten folders; the field's
  pickle has none.  Cameras are not recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as with_
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.picture_files import PARTIAL, find_pictures
from clear_bench.data.reading.release_files import Tree, look_through
from clear_bench.data.reading.split_rules import by_hash, from_rows, hold_out, persons_apart
from clear_bench.data.reading.zero_shot_splits import zero_shot_split
from clear_bench.data.schema import Schema
from clear_bench.data.sets import peta_folders
from clear_bench.data.sets.peta_annotation import (
    ATTRIBUTES,
    Annotation,
    alm_partition,
    find_annotation,
)
from clear_bench.data.sets.peta_labels import EVALUATED, NAMES, attribute
from clear_bench.data.sets.peta_official import DIGESTS, FILES, OFFICIAL
from clear_bench.utils.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

IMAGES = 19000
RANDOM = tuple(f"random{k}" for k in range(5))
LABEL_SETS = ("35", "105")


@dataclass(frozen=True)
class Copy:
    """One copy of the release.

    Args:
        tree: Its files.
        table: ``path`` ("" where the picture is missing), ``person`` and ``camera`` of each image.
        labels: ``(N, 105)``.
        annotation: Where the labels are from; None if they are from ``Label.txt``.
        count: How many images there must be; None for any number.
    """

    tree: Tree
    table: "pd.DataFrame"
    labels: NDArray[np.uint8]
    annotation: Annotation | None
    count: int | None

    def numbered(self, split: str) -> None:
        """Raise unless the rows are those of the numbered release, which a split counts."""
        if self.annotation is None and len(self.table) != IMAGES:
            raise UserError(
                f"{self.tree}: split {split} counts through all {IMAGES} images, here are "
                f"{len(self.table)}; use split ids0"
            )

    def official(self) -> Annotation:
        """Return the annotation that has the official partitions."""
        return self.annotation or find_annotation(self.tree, self.count)


def read_peta(
    root: Path, split_name: str, label_set: str, *, images: bool = True, partial: bool = False
) -> Dataset:
    """Read a folder of either layout.

    Args:
        root: The folder.
        split_name: Key of `SPLITS`.
        label_set: ``"35"`` or ``"105"``.
        images: Whether the pictures are there; without, the annotation alone is read.
        partial: Whether some may be missing, from the annotation too.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another size.
    """
    import pandas as pd

    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set not in LABEL_SETS:
        raise unknown("label set", label_set, LABEL_SETS)
    copy = _open(look_through(root), images=images, partial=partial)
    table, tree = copy.table, copy.tree
    table["split"] = SPLITS[split_name](copy)
    if label_set == "35":
        has_mat = copy.annotation is not None or tree.named("PETA.mat")
        chosen = copy.official().evaluated() if has_mat else np.arange(len(EVALUATED))
    else:
        chosen = np.arange(ATTRIBUTES)
        if copy.annotation and copy.annotation.known < ATTRIBUTES:
            raise UserError(f"{copy.annotation.path}: has the evaluated labels alone, not all 105")
    schema = Schema(tuple(attribute(NAMES[k], label_set) for k in chosen))
    columns = pd.DataFrame(copy.labels[:, chosen], columns=schema.names)
    manifest = pd.concat([table[list(COLUMNS)], columns], axis=1)
    return Dataset.of(
        "peta", split_name, label_set, root, schema, manifest[manifest["split"] != ""]
    )


def _open(tree: Tree, *, images: bool, partial: bool) -> Copy:
    """Return the images of a copy, in number order, and where their labels are from."""
    count = None if partial else IMAGES
    if not images:
        found = find_annotation(tree, count)
        return _numbered(tree, found, [f"images/{s}.png" for s in _stems(found)], count)
    homes = peta_folders.find_sources(tree)
    pictures = peta_folders.list_pictures(tree, homes)
    if len(pictures) != IMAGES:
        missing = peta_folders.missing_sources(homes)
        folders = f"{len(pictures)} images in the ten folders, must be {IMAGES}{missing}"
        try:
            found = find_annotation(tree, count)
            paths = find_pictures(
                tree, _stems(found), "unpack the PETA images again", usual=["images"],
                partial=partial,
            )  # fmt: skip
        except UserError as error:
            if not pictures:
                raise
            if not partial:
                raise UserError(f"{tree}: {folders}, {PARTIAL}; as numbered: {error}") from None
        else:
            if not partial or sum(map(bool, paths)) >= len(pictures):
                return _numbered(tree, found, paths, count)
    persons = peta_folders.person_numbers(pictures)
    labels = peta_folders.read_labels(tree, homes, pictures)
    return Copy(tree, _head([p.path for p in pictures], persons), labels, None, count)


def _stems(annotation: Annotation) -> list[str]:
    """Return the names of the numbered images, without suffix."""
    return [f"{number + 1:05d}" for number in range(len(annotation.labels))]


def _numbered(tree: Tree, found: Annotation, paths: list[str], count: int | None) -> Copy:
    """Return a copy whose labels are from an annotation."""
    return Copy(tree, _head(paths, found.persons or _stems(found)), found.labels, found, count)


def _head(paths: list[str], persons: list[str]) -> "pd.DataFrame":
    """Return the columns of the manifest that are not labels, but for the split."""
    import pandas as pd

    return pd.DataFrame({"path": paths, "person": persons, "camera": ""})


SplitRule = Callable[[Copy], NDArray[np.str_]]


def _official(number: int) -> SplitRule:
    """Return the rule of one of the five partitions of the file."""

    def split(copy: Copy) -> NDArray[np.str_]:
        copy.numbered(f"random{number}")
        found = copy.official()
        where = f"{found.path}: partition {number}"
        return from_rows(found.partition(number), len(copy.table), where)

    return split


def _ids0(copy: Copy) -> NDArray[np.str_]:
    """Return a split in which nobody is in two parts."""
    if copy.annotation and copy.annotation.persons is None:
        raise UserError(f"{copy.annotation.path}: has no persons, which split ids0 keeps apart")
    return persons_apart(copy.table["person"].to_numpy(dtype=str), val=0.1, test=0.4)


def _zero_shot(copy: Copy) -> NDArray[np.str_]:
    """Return the split of the supplied file, which counts images as the numbered release does."""
    copy.numbered("zs")
    return zero_shot_split(copy.tree, [f"{row + 1:05d}" for row in range(len(copy.table))])


def _alm(copy: Copy) -> NDArray[np.str_]:
    """Return the split of ALM's lists, a tenth of the persons of its train part held out."""
    copy.numbered("alm")
    split = alm_partition(copy.tree)
    if len(split) != len(copy.table):
        raise UserError(f"{copy.tree}: ALM's lists name {len(split)} of {len(copy.table)} images")
    return hold_out(split, copy.table["person"].to_numpy(dtype=str), 10)


def _sal200(copy: Copy) -> NDArray[np.str_]:
    """Return SAL's retrieval split: 200 categories are test, images of lone ones are unused.

    The categories (over all 105 labels, whatever the label set) that have at least two images are
    numbered by their first image; numpy's generator with seed 1 draws those that train, as SAL's
    released code does.  SAL has no val part; here it is a tenth of the training categories.
    """
    copy.numbered("sal200")
    labels = copy.labels
    if copy.annotation and copy.annotation.known < ATTRIBUTES:
        raise UserError(f"{copy.annotation.path}: has no 105 labels, which split sal200 goes by")
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
    "alm": _alm,
}
"""Split name to the rule ``(copy) -> (N,)``; "" leaves an image out."""

SOURCE = Source(
    title="PETA",
    read=read_peta,
    annotation=with_(read_peta, images=False),
    partial=with_(read_peta, partial=True),
    splits=tuple(SPLITS),
    label_sets=LABEL_SETS,
    obtain=(
        "from the PETA project page of Deng et al. (mmlab.ie.cuhk.edu.hk/projects/PETA.html), "
        "research use only; PETA.mat and numbered images as used by the field's code"
    ),
    cite="Deng et al., Pedestrian Attribute Recognition At Far Distance, ACM Multimedia 2014",
    papers=[
        {
            "authors": "Deng, Y. and Luo, P. and Loy, C. C. and Tang, X.",
            "title": "Pedestrian Attribute Recognition At Far Distance",
            "venue": "ACM MM",
            "year": 2014,
            "pages": "789-792",
            "url": "http://mmlab.ie.cuhk.edu.hk/projects/PETA.html",
            "read": "README of the release; reference lists",
        },
    ],
    official=OFFICIAL,
    files=FILES,
    digests=DIGESTS,
)
