"""Market-1501 with its attribute annotations: 27 fields an identity, 1,501 identities.

Files, as in the official release: ``bounding_box_train/``, ``bounding_box_test/`` and ``query/``
with pictures like ``0002_c1s1_000451_03.jpg`` (identity, camera, sequence, frame, box) side by
side, and ``market_attribute.mat``, both wherever they lie below the root.

- *Labels* are per identity; see `clear_bench.data.sets.market1501_labels` for the label sets
  ``30``, ``27`` and ``39``.  A binary field is 1 where the file has code 2, so columns agree with
  published work that subtracts one.  The train and the test struct order their fields differently;
  columns are therefore found by name and put in the order of the schema.
- *Splits*: test is ``bounding_box_test`` and ``query`` together.  The release has no validation
  part: ``ids6`` holds out a sixth of the training identities, see `held_out_sixth`.
- *Dropped pictures* are those of the identities in `DROPPED`, and no others.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.release_files import Tree, look_through, pick
from clear_bench.data.reading.split_rules import by_hash
from clear_bench.data.sets.market1501_annotation import read_attributes
from clear_bench.data.sets.market1501_labels import SCHEMAS, relabel, schema_of
from clear_bench.utils.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

FOLDERS = {"bounding_box_train": "train", "bounding_box_test": "test", "query": "test"}
"""Picture folder to the struct of the annotation file that labels it."""

DROPPED = {"-1": "junk: a box that shows too little of a person", "0000": "distractor: no person"}
"""Identities without attributes, whose pictures never enter the manifest, and why."""

PICTURE = re.compile(r"(-1|\d{4})_c([1-6])s\d_\d{6}_\d{2}\.(?i:jpg)")


def held_out_sixth(identities: Iterable[str]) -> set[str]:
    """Return the validation identities of split ``ids6``.

    They are the first ``n // 6`` of the identities ordered by the sha256 of their text: the same
    everywhere and for ever, without a random generator.
    """
    ordered = by_hash(identities)
    return set(ordered[: len(ordered) // 6])


SPLITS: dict[str, Callable[[Iterable[str]], set[str]]] = {"ids6": held_out_sixth}
"""Split name to the function from the training identities to those that are validation."""


Labels = dict[str, "pd.DataFrame"]


def find_annotation(tree: Tree) -> tuple[Path, Labels]:
    """Return the ``market_attribute.mat`` of a copy, and the labels of ``train`` and ``test``.

    Raises:
        UserError: If there is none, it is broken, or there are two that differ.
    """
    return pick(
        tree,
        ["market_attribute.mat"],
        read_attributes,
        "put one there, it is that of github.com/vana77/Market-1501_Attribute",
    )


def find_folders(tree: Tree) -> dict[str, str]:
    """Return where the three folders of `FOLDERS` lie: side by side, with pictures in each.

    Raises:
        UserError: If they lie nowhere so, or in two places.
    """
    homes: dict[str, dict[str, str]] = {}
    for name in FOLDERS:
        for folder in tree.ending(name):
            if any(file.lower().endswith(".jpg") for file in tree.folders[folder]):
                homes.setdefault(folder[: -len(name)], {})[name] = folder
    whole = [found for found in homes.values() if len(found) == len(FOLDERS)]
    if len(whole) == 1:
        return whole[0]
    if whole:
        places = " and ".join(found["query"] for found in whole)
        raise UserError(f"{tree}: two copies, {places}; name the one that you mean by --data-root")
    tried = [f"{home or '.'} has {', '.join(found)}" for home, found in homes.items()]
    raise UserError(
        f"{tree}: no folder that holds {', '.join(FOLDERS)} with .jpg in each"
        f" ({'; '.join(tried) or 'none of them has any'}); unpack the official Market-1501 "
        "release again"
    )


def list_pictures(tree: Tree, folder: str) -> list[tuple[str, str, str]]:
    """Return ``(file name, person, camera)`` of every ``.jpg`` in a folder, by file name.

    Raises:
        UserError: If a name is not of the pattern.
    """
    rows = []
    for name in sorted(n for n in tree.folders[folder] if n.lower().endswith(".jpg")):
        match = PICTURE.fullmatch(name)
        if match is None:
            raise UserError(
                f"{tree.root / folder / name}: not named like 0002_c1s1_000451_03.jpg; remove or "
                "rename it"
            )
        rows.append((name, match[1], match[2]))
    return rows


def read_market(root: Path, split_name: str, label_set: str, *, name: str) -> Dataset:
    """Read a folder in the official layout.

    Args:
        root: The folder.
        split_name: Key of `SPLITS`.
        label_set: Key of `SCHEMAS`.
        name: Key of the data set that is being read.

    Raises:
        UserError: If a name is unknown, a file is missing or broken, or a picture shows an
            identity that is neither annotated nor in `DROPPED`.
    """
    import pandas as pd

    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    schema = schema_of(label_set)
    tree = look_through(root)
    annotation, labels = find_annotation(tree)
    folders = find_folders(tree)
    held_out = SPLITS[split_name](labels["train"].index)
    tables = []
    for folder, part in FOLDERS.items():
        wanted = relabel(labels[part], label_set)
        table = _folder_table(tree, folders[folder], wanted, annotation)
        table["split"] = np.where(table["person"].isin(held_out) & (part == "train"), "val", part)
        tables.append(table)
    manifest = pd.concat(tables, ignore_index=True)[[*COLUMNS, *schema.names]]
    return Dataset(
        name, split_name, label_set, root, schema, manifest, query_folder=folders["query"]
    )


def read_annotation(root: Path, split_name: str, label_set: str) -> Dataset:
    """Read ``market_attribute.mat`` alone: one row an identity, whose path is no picture.

    Args:
        root: Its folder.
        split_name: Key of `SPLITS`.
        label_set: Key of `SCHEMAS`.

    Raises:
        UserError: If a name is unknown or the file is missing or broken.
    """
    import pandas as pd

    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    schema = schema_of(label_set)
    tables = []
    for part, labels in find_annotation(look_through(root))[1].items():
        held_out = SPLITS[split_name](labels.index) if part == "train" else set()
        split = np.where(labels.index.isin(held_out), "val", part)
        head = {"path": part + "/" + labels.index, "split": split, "person": labels.index}
        table = pd.DataFrame({**head, "camera": ""}, index=labels.index)
        tables.append(pd.concat([table, relabel(labels, label_set)], axis=1))
    manifest = pd.concat(tables, ignore_index=True)
    return Dataset("market1501", split_name, label_set, root, schema, manifest)


def _folder_table(
    tree: Tree, folder: str, labels: "pd.DataFrame", annotation: Path
) -> "pd.DataFrame":
    """Return path, person, camera and labels of the pictures of one folder that are not dropped."""
    import pandas as pd

    rows = [row for row in list_pictures(tree, folder) if row[1] not in DROPPED]
    for file, person, _ in rows:
        if person not in labels.index:
            raise UserError(
                f"{tree.root / folder / file}: identity {person} is not annotated in {annotation}; "
                "get both from the official releases again"
            )
    table = pd.DataFrame(rows, columns=["path", "person", "camera"], dtype=str)
    table["path"] = folder + "/" + table["path"]
    return table.join(labels, on="person")


COUNTS = {
    "images": 29419,
    "images train+val": 12936,
    "images test": 16483,
    "images test, person in train+val": 0,
    "persons train+val": 751,
    "persons test": 750,
}
CATEGORIES = {
    "categories": 823,
    "categories train+val": 508,
    "categories test": 484,
    "categories test, not in train+val": 315,
}

SOURCE = Source(
    title="Market-1501",
    read=partial(read_market, name="market1501"),
    annotation=read_annotation,
    partial=partial(read_market, name="market1501"),
    splits=tuple(SPLITS),
    label_sets=tuple(SCHEMAS),
    obtain=(
        "pictures: Market-1501-v15.09.15, from the project page of Zheng et al., for research "
        "only; labels: market_attribute.mat of github.com/vana77/Market-1501_Attribute"
    ),
    cite="Zheng et al., ICCV 2015; attributes: Lin et al., Pattern Recognition 2019",
    papers=[
        {
            "authors": "Zheng, Liang and Shen, Liyue and Tian, Lu and Wang, Shengjin and Wang, "
            "Jingdong and Tian, Qi",
            "title": "Scalable Person Re-identification: A Benchmark",
            "venue": "ICCV",
            "year": 2015,
            "read": "BibTeX that the project page asks for, in repositories that cite it",
        },
        {
            "authors": "Lin, Yutian and Zheng, Liang and Zheng, Zhedong and Wu, Yu and Hu, "
            "Zhilan and Yan, Chenggang and Yang, Yi",
            "title": "Improving Person Re-identification by Attribute and Identity Learning",
            "venue": "PR",
            "year": 2019,
            "arxiv": "1703.07220",
            "doi": "10.1016/j.patcog.2019.06.006",
            "read": "README of vana77/Market-1501_Attribute",
        },
    ],
    official={
        "ids6/30": {**COUNTS, **CATEGORIES},
        "ids6/27": COUNTS,
        "ids6/39": {**COUNTS, **CATEGORIES},
    },
    files={
        "market_attribute.mat": "d9fdbdd2e33ed2c4e3a073b77b1d16ac9fae5d93dd597ccd4e38bf75b2efaa95"
    },
    digests={
        "ids6/30": "561e6aea94b6d02b",
        "ids6/27": "21e814e620c521b7",
        "ids6/39": "b293c96a52a4b3b3",
    },
)
