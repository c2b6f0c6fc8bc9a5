"""Splits that come in a file of their own: PETA-zs and RAP-zs (Jia et al., arXiv 2107.03576)."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.plain_pickle import read_data_pickle
from clear_bench.data.reading.release_files import Tree, pick
from clear_bench.data.reading.split_rules import from_rows, whole
from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_json

FILES = ("zs.json", "dataset_zs_run0.pkl")
PARTS = ("train", "val", "test")
FORM = (
    "zs.json is {'train': [..], 'val': [..], 'test': [..]}, image numbers counted from 0; "
    "dataset_zs_run0.pkl is the field's own file and is read as it is"
)


def zero_shot_split(tree: Tree, stems: Sequence[str]) -> NDArray[np.str_]:
    """Return the split of each image under the supplied zero-shot split, "" for an unused image.

    Args:
        tree: The release, in which the file lies.
        stems: Image file names without suffix, in the order that the numbers of the file count.

    Raises:
        UserError: If the file is not there, is of another form or names other images.
    """

    def read(path: Path) -> NDArray[np.str_]:
        content = _load(path)
        names = content.get("image_name")
        if names is not None and [PurePath(str(n)).stem for n in names] != list(stems):
            raise UserError(
                f"{path}: lists other images than the release; it is for another data set"
            )
        return from_rows(_parts(content, path), len(stems), str(path), partial=True)

    return pick(tree, FILES, read, FORM)[1]


def _load(path: Path) -> dict[str, Any]:
    """Return the content of a split file."""
    if path.suffix == ".pkl":
        content = read_data_pickle(path)
    else:
        content = read_json(path, FORM, pairs=_once)
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a mapping; {FORM}")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a key that is there twice is no JSON that one could trust."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"'{key}' is there twice")
        content[key] = value
    return content


def _parts(content: dict[str, Any], path: Path) -> dict[str, NDArray[np.intp]]:
    """Return the row numbers of each part, from either of the two forms that go round."""
    source = content.get("partition", content)
    parts = {}
    for part in PARTS:
        value = source.get(part, source.get(f"{part}_idx")) if isinstance(source, dict) else None
        if isinstance(value, list) and len(value) == 1 and np.ndim(value[0]):
            value = value[0]  # a list of partitions, of which there is one
        message = f"{path}: no list of image numbers for '{part}'; {FORM}"
        if isinstance(value, list) and any(isinstance(number, float) for number in value):
            raise UserError(message)  # 1e1 in JSON: numbers of images are written as numbers
        rows = whole([] if value is None else value, message)
        if rows.ndim != 1 or not len(rows):
            raise UserError(message)
        parts[part] = rows
    return parts
