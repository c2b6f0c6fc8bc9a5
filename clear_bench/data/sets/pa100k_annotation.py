"""PA-100K's names, labels and parts, from whichever annotation a copy has.

``annotation.mat`` is the official one.  Without it there may be ``dataset_all.pkl`` of the field's
code, the three tables ``train.csv``, ``val.csv`` and ``test.csv`` (a column ``Image`` and one a
label), or the lists ``train_val.txt`` and ``test.txt`` of ALM's code.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from clear_bench.data.dataset import COLUMNS
from clear_bench.data.reading.field_pickles import FILE, read_field_pickle
from clear_bench.data.reading.matfile import check_labels, load_variables, texts
from clear_bench.data.reading.release_files import Tree, pick
from clear_bench.data.reading.text_lists import read_list, read_table
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

AGAIN = "get the official PA-100K release again"
PARTS = ("train", "val", "test")
CSVS = tuple(f"{part}.csv" for part in PARTS)
LISTS = ("train_val.txt", "test.txt")

Found = dict[str, tuple[list[str], np.ndarray]]
"""Part to the names and the labels ``(N, 26)`` of its pictures."""


def read_annotation(
    tree: Tree, names: Sequence[str], sizes: Mapping[str, int] | None
) -> "pd.DataFrame":
    """Return the manifest, whose paths are the names of the pictures.

    Args:
        tree: The copy.
        names: The labels, in official order.
        sizes: Part to how many pictures it must have; None for any number.

    Raises:
        UserError: If there is no annotation, or it is broken, of another size or another's.
    """
    import pandas as pd

    forms: list[tuple[Sequence[str], Callable[[], tuple[Path, Found]]]] = [
        (["annotation.mat"], lambda: _one(tree, "annotation.mat", _from_mat, names)),
        ([FILE], lambda: _one(tree, FILE, _from_pickle, names)),
        (CSVS, lambda: _from_tables(tree, names)),
        (LISTS, lambda: _from_lists(tree, names, sizes)),
    ]
    there = [read for files, read in forms if all(tree.named(file) for file in files)]
    path, found = (there or [forms[0][1]])[0]()
    tables = [_part(found, part, path, names, sizes) for part in PARTS]
    return pd.concat(tables, ignore_index=True)


def _one(
    tree: Tree, file: str, read: Callable[[Path, Sequence[str]], Found], names: Sequence[str]
) -> tuple[Path, Found]:
    """Return the annotation that is one file."""
    return pick(tree, [file], lambda path: read(path, names), AGAIN)


def _from_mat(path: Path, names: Sequence[str]) -> Found:
    """Return what ``annotation.mat`` says."""
    variables = [f"{part}_{kind}" for part in PARTS for kind in ("images_name", "label")]
    content = load_variables(path, ["attributes", *variables])
    attributes = texts(content["attributes"], f"{path}: attributes")
    if attributes != list(names):
        raise UserError(
            f"{path}: attributes are {', '.join(attributes[:3])}.., not PA-100K's; {AGAIN}"
        )
    return {
        part: (
            texts(content[f"{part}_images_name"], f"{path}: {part}_images_name"),
            content[f"{part}_label"],
        )
        for part in PARTS
    }


def _from_pickle(path: Path, names: Sequence[str]) -> Found:
    """Return what the field's pickle says."""
    content = read_field_pickle(path)
    labels = content.columns(names, 1)
    found: Found = {}
    for part, rows in content.parts(PARTS, 0).items():
        if len(rows) and (rows.min() < 0 or rows.max() >= len(labels)):
            raise UserError(f"{path}: {part} names an image that is not there; {AGAIN}")
        found[part] = [content.names[row] for row in rows], labels[rows]
    return found


def _from_tables(tree: Tree, names: Sequence[str]) -> tuple[Path, Found]:
    """Return what the three tables say."""
    found: Found = {}
    for part in PARTS:
        path, found[part] = pick(tree, [f"{part}.csv"], partial(_table, names=names), AGAIN)
    return path.parent, found


def _table(path: Path, names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return pictures and labels of a table; its columns are found by name."""
    table = read_table(path, AGAIN)
    missing = [name for name in ("Image", *names) if name not in table.columns]
    if missing:
        raise UserError(
            f"{path}: no column '{missing[0]}'; it has {', '.join(table.columns[:4])}..; {AGAIN}"
        )
    labels = table[list(names)]
    bad = np.argwhere(~labels.isin(["0", "1"]).to_numpy())
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{path}: line {row + 2}: {names[column]} is '{labels.iloc[row, column]}', must be 0 "
            f"or 1; {AGAIN}"
        )
    return table["Image"].tolist(), (labels == "1").to_numpy(np.uint8)


def _from_lists(
    tree: Tree, names: Sequence[str], sizes: Mapping[str, int] | None
) -> tuple[Path, Found]:
    """Return what ALM's lists say; the first ``train`` names of ``train_val.txt`` train."""
    read = partial(read_list, names=names)
    path, (both, labels) = pick(tree, ["train_val.txt"], read, AGAIN)
    order = np.argsort(np.array([PurePosixPath(name).stem for name in both]), kind="stable")
    if sizes is None:
        raise UserError(f"{path}: does not say which pictures are val, so not read in part")
    ends = {"train": order[: sizes["train"]], "val": order[sizes["train"] :]}
    found: Found = {p: ([both[k] for k in rows], labels[rows]) for p, rows in ends.items()}
    found["test"] = pick(tree, ["test.txt"], read, AGAIN)[1]
    return path, found


def _part(
    found: Found, part: str, path: Path, names: Sequence[str], sizes: Mapping[str, int] | None
) -> "pd.DataFrame":
    """Return the manifest of one part; pictures are not looked for."""
    import pandas as pd

    pictures, labels = found[part]
    labels = labels if pictures else np.zeros((0, len(names)), np.uint8)
    count = len(pictures) if sizes is None else sizes[part]
    if len(pictures) != count or labels.shape != (count, len(names)):
        raise UserError(
            f"{path}: {len(pictures)} names and labels of {labels.shape} for {part}, must be "
            f"{count} of {len(names)}; {AGAIN}, or read what is there with --set data.partial=true"
        )
    check_labels(labels, names, 1, f"{path}: {part}")
    stems = [PurePosixPath(name).stem for name in pictures]
    head = pd.DataFrame({"path": pictures, "split": part, "person": stems, "camera": ""})
    columns = pd.DataFrame(labels.astype(np.uint8), columns=list(names))
    return pd.concat([head[list(COLUMNS)], columns], axis=1)
