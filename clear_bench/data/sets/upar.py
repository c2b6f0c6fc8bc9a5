"""UPAR: one set of 40 labels over PA-100K, PETA, Market-1501 and RAPv2, to measure generalisation.

Files: the release's label tables ``train.csv`` and ``val.csv`` (also ``gt.csv`` in ``task1/train``
and ``task1/val``, or ``phase1/train/train.csv``; told by their header), and the sub-data sets as
their own releases unpack, all wherever they lie.  A row of a table is a picture such as
``Market1501/query/0001_c1s1_001051_00.jpg`` and 40 labels; the folder that holds the pictures of
``Market1501/query`` is taken, looked for in the folders called as in `FOLDERS` if there are any.
PETA's pictures may be the renumbered ones or the original ten folders.

- *Label set*: ``40``, in the official order.
- *Splits*; the domain of a picture is the sub-data set that it comes from:

  - ``all``: train on every domain of ``train.csv``, test on every picture of ``val.csv``;
  - ``cv-D``: train on domain D alone, test on the others (four-fold cross-validation);
  - ``loo-D``: train on all domains but D, test on D (leave one out);
  - ``upar2024``: train on ``train.csv``, select on ``val.csv``, test on ``test.csv``, whose domain
    must be a new one (in the challenge MEVID).

  - ``partition0`` to ``partition8``: those of the first release, from its ``dataset_all.pkl``, see
    `clear_bench.data.sets.upar_release`; 0 is all data, 1, 3, 5, 7 cross-validation, the others
    leave one out.

  What ``cv`` and ``loo`` train and test on follows the description of the protocols (inferred).
  Where a split brings no val part, it is a tenth of the persons of the train part.
- *Persons* are known for Market-1501 and, where ``PETA.mat`` is there, for PETA.  Every other
  picture counts as a person of its own.
"""

import re
from functools import partial as with_
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.picture_files import find_pictures
from clear_bench.data.reading.release_files import Tree, look_through, pick, pick_of
from clear_bench.data.reading.split_rules import hold_out
from clear_bench.data.reading.text_lists import read_table
from clear_bench.data.sets import peta, peta_folders
from clear_bench.data.sets.peta_annotation import persons_of as peta_persons
from clear_bench.data.sets.upar_labels import SCHEMA
from clear_bench.data.sets.upar_release import PARTITIONS, read_partition
from clear_bench.utils.errors import UserError, unknown
from clear_bench.utils.foreign import read_text

if TYPE_CHECKING:
    import pandas as pd

DOMAINS = {"market1501": "Market1501", "pa100k": "PA100k", "peta": "PETA", "rapv2": "RAP2"}
"""Name of a domain in a split to the folder that the tables name."""

FOLDERS = {
    "Market1501": ("Market1501", "Market-1501", "Market-1501-v15.09.15"),
    "PA100k": ("PA100k", "PA-100K"),
    "PETA": ("PETA", "PETA dataset"),
    "RAP2": ("RAP2", "RAPv2", "RAP", "RAP_datasets", "RAP_dataset"),
    "MEVID": ("MEVID",),
}
"""Folder that the tables name to the names under which a copy may have it, in any letter case."""

INSIDE = {"PA100k": ("release_data/release_data", "release_data", "data")}
TABLES = ("task1/{0}/gt.csv", "phase1/{0}/{0}.csv", "{0}/gt.csv", "annotations/{0}.csv", "{0}.csv")
OURS = ("all", *(f"{kind}-{d}" for kind in ("cv", "loo") for d in DOMAINS), "upar2024")
SPLITS = (*OURS, *PARTITIONS)
AGAIN = "get the UPAR release (github.com/speckean) and its sub-data sets again"


def read_upar(
    root: Path, split_name: str, label_set: str, *, images: bool = True, partial: bool = False
) -> Dataset:
    """Read a folder that holds the tables and the sub-data sets.

    Args:
        root: The folder.
        split_name: One of `SPLITS`.
        label_set: ``"40"``.
        images: Whether the pictures are there; without, the tables alone are read.
        partial: Whether some may be missing.

    Raises:
        UserError: If a name is unknown, a file is missing or broken, or a split has no pictures.
    """
    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set != "40":
        raise unknown("label set", label_set, ["40"])
    tree = look_through(root)
    release = split_name in PARTITIONS
    table = read_partition(tree, split_name) if release else _labelled(tree, split_name)
    table["domain"] = table["path"].str.split("/").str[0]
    if not release:
        table["split"] = _split(table, split_name, root)
    table = table[table["split"] != ""].reset_index(drop=True)
    table["person"], table["camera"] = _persons(table, tree)
    split = table["split"].to_numpy(str)
    if "val" not in split:
        table["split"] = hold_out(split, table["person"].to_numpy(str), 10)
    if images:
        table["path"] = _find(table["path"].tolist(), tree, partial=partial)
    columns = table[[*COLUMNS, *SCHEMA.names]]
    return Dataset.of("upar", split_name, "40", root, SCHEMA, columns)


def _labelled(tree: Tree, split_name: str) -> "pd.DataFrame":
    """Return part, path and labels of each row of the tables that a split needs."""
    import pandas as pd

    parts = ("train", "val", "test") if split_name == "upar2024" else ("train", "val")
    tables = {part: _read_table(tree, part) for part in parts}
    return pd.concat(tables, names=["part", "row"]).reset_index(level="part")


def _read_table(tree: Tree, part: str) -> "pd.DataFrame":
    """Return path and labels of each row of the table of a part."""
    names = [name.format(part) for name in TABLES]
    places = {p for name in names for p in tree.files_ending(name)}
    if not places:
        raise UserError(
            f"{tree}: no table of {part}: none of {', '.join(names)} in any folder; {AGAIN}"
        )
    return pick_of(sorted(places, key=lambda p: (len(p.parts), str(p))), _table)[1]


def _table(path: Path) -> "pd.DataFrame":
    """Return path and labels of each row of a table."""
    text = read_table(path, AGAIN, header=None, skiprows=1)
    head = read_text(path, AGAIN).partition("\n")[0].lstrip("# ").rstrip("\r").split(",")
    if head[-len(SCHEMA) :] != SCHEMA.names or text.shape[1] != len(SCHEMA) + 1:
        raise UserError(
            f"{path}: {text.shape[1]} columns and header {', '.join(head[:3])}.., must be a "
            f"picture and UPAR's {len(SCHEMA)} labels in official order; {AGAIN}"
        )
    labels = text.iloc[:, 1:]
    bad = np.argwhere(~labels.isin(["0", "1"]).to_numpy())
    if len(bad):
        row, column = bad[0]
        value = str(labels.iloc[row, column])
        raise UserError(
            f"{path}: line {row + 2}: {SCHEMA.names[column]} is '{value}', must be 0 or 1; {AGAIN}"
        )
    rows = (labels == "1").astype(np.uint8).set_axis(SCHEMA.names, axis=1)
    rows.insert(0, "path", text[0])
    return rows


def _split(table: "pd.DataFrame", name: str, root: Path) -> np.ndarray:
    """Return the split of each row before a val part is held out, "" for an unused row."""
    part, domain = table["part"].to_numpy(str), table["domain"]
    if name == "upar2024":
        repeated = set(domain[part == "train"]) & set(domain[part == "test"])
        if repeated:
            raise UserError(f"{root}: test.csv has {', '.join(sorted(repeated))}, as train.csv has")
        return part
    split = np.where(part == "val", "test", part)
    if name != "all":
        kind, key = name.split("-")
        of_domain = (domain == DOMAINS[key]).to_numpy()
        trained = of_domain if kind == "cv" else ~of_domain
        split = np.where((split == "train") == trained, split, "")
    for wanted in ("train", "test"):
        if wanted not in split:
            raise UserError(f"{root}: split {name} has no {wanted} pictures in these tables")
    return split


def _persons(table: "pd.DataFrame", tree: Tree) -> tuple[list[str], list[str]]:
    """Return person and camera of each row."""
    known = "PETA" in set(table["domain"]) and tree.named("PETA.mat")
    numbers = pick(tree, ["PETA.mat"], peta_persons, AGAIN)[1] if known else []
    persons, cameras = [], []
    for path, domain in zip(table["path"], table["domain"], strict=True):
        stem, person, camera = PurePosixPath(path).stem, path, ""
        market = re.match(r"(\d{4})_c(\d)", stem) if domain == "Market1501" else None
        if market:
            person, camera = f"Market1501/{market[1]}", f"Market1501/{market[2]}"
        elif domain == "PETA" and numbers and stem.isdigit() and 0 < int(stem) <= len(numbers):
            person = f"PETA/{numbers[int(stem) - 1]}"
        persons.append(person)
        cameras.append(camera)
    return persons, cameras


def _find(paths: list[str], tree: Tree, *, partial: bool) -> list[str]:
    """Return where the pictures lie, relative to the root; "" where one is missing."""
    rows_of: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        folder, slash, _ = path.rpartition("/")
        if not slash:
            raise UserError(f"{tree}: a table names the image '{path}' without a folder; {AGAIN}")
        rows_of.setdefault(folder, []).append(row)
    located = [""] * len(paths)
    for folder, rows in rows_of.items():
        stems = [PurePosixPath(paths[row]).stem for row in rows]
        for row, place in zip(rows, _place(folder, stems, tree, partial=partial), strict=True):
            located[row] = place
    missing = [path for path, place in zip(paths, located, strict=True) if not place]
    if missing and not (partial and any(located)):
        raise UserError(
            f"{tree}: {len(missing)} of {len(paths)} images missing, the first is {missing[0]}; "
            f"{AGAIN}"
        )
    return located


def _place(folder: str, stems: list[str], tree: Tree, *, partial: bool) -> list[str]:
    """Return where the pictures of one folder that the tables name lie."""
    domain, _, rest = folder.partition("/")
    homes = [home for name in FOLDERS.get(domain, (domain,)) for home in tree.ending(name)]
    inside = tree.below(homes) if homes else tree
    again = f"the tables name them in {folder}; {AGAIN}"
    if domain == "PETA":
        listed = peta_folders.list_pictures(inside, peta_folders.find_sources(inside))
        if len(listed) == peta.IMAGES:
            path_of = {f"{number:05d}": p.path for number, p in enumerate(listed, start=1)}
            return [path_of.get(stem, "") for stem in stems]
        again = f"PETA's ten folders hold {len(listed)} of {peta.IMAGES}; {again}"
    usual = [name for name in (rest, *INSIDE.get(domain, ())) if name]
    return find_pictures(inside, stems, again, usual=usual, partial=partial, none=True)


SOURCE = Source(
    title="UPAR",
    read=read_upar,
    annotation=with_(read_upar, images=False),
    partial=with_(read_upar, partial=True),
    splits=SPLITS,
    label_sets=("40",),
    obtain=(
        "tables from github.com/speckean (upar_challenge, UPAR-Challenge-2027), under CC BY-NC-SA "
        "3.0 DE; pictures from PA-100K, PETA, Market-1501 and RAPv2, each under its own terms"
    ),
    cite=(
        "Specker et al., UPAR: Unified Pedestrian Attribute Recognition and Person Retrieval, "
        "WACV 2023"
    ),
    papers=[
        {
            "authors": "Specker, Andreas and Cormier, Mickael and Beyerer, Jürgen",
            "title": "UPAR: Unified Pedestrian Attribute Recognition and Person Retrieval",
            "venue": "WACV",
            "year": 2023,
            "pages": "981-990",
            "arxiv": "2209.02522",
            "url": "https://github.com/speckean/upar_dataset",
            "read": "README of speckean/upar_dataset and upar_challenge",
        },
    ],
    official={
        "all/40": {
            "images": 131076,
            "images train+val": 97669,
            "images test": 33407,
            "categories train+val": 7204,
            "categories test": 3462,
        }
    },
)
