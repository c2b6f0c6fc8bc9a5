"""UPAR's first release: pictures, labels and nine partitions in one file, ``dataset_all.pkl``.

The file is a pickle and is read by `clear_bench.data.reading.plain_pickle`, which runs nothing of
it.  What its parts are called was taken from the class that the release ships to read it
(``UPAR.py``); no copy was at hand.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.field_pickles import FILE
from clear_bench.data.reading.matfile import check_labels
from clear_bench.data.reading.plain_pickle import read_data_pickle
from clear_bench.data.reading.release_files import Tree, pick
from clear_bench.data.reading.split_rules import from_rows, whole
from clear_bench.data.sets.upar_labels import SCHEMA
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

PARTITIONS = tuple(f"partition{k}" for k in range(9))
AGAIN = "get dataset_all.pkl of github.com/speckean/upar_dataset again"


def read_partition(tree: Tree, name: str) -> "pd.DataFrame":
    """Return ``path``, ``split`` ("" if unused) and the labels of each picture.

    Args:
        tree: Holds the file; that of a sub-data set of the same name is left.
        name: One of `PARTITIONS`.

    Raises:
        UserError: If the file is missing or is not what it should be.
    """
    return pick(tree, [FILE], partial(_read, name=name), AGAIN)[1]


def _read(path: Path, name: str) -> "pd.DataFrame":
    """Return what one file says."""
    import pandas as pd

    content = read_data_pickle(path)
    try:
        paths = [str(p) for p in content["image_name"]]
        names = [str(n) for n in content["attr_name"]]
        labels, partition = np.asarray(content["label"]), content["partition"]
        number, where = PARTITIONS.index(name), f"{path}: {name}: not image numbers; {AGAIN}"
        parts = {p: _rows(partition, p, number, where) for p in ("train", "val", "test")}
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise UserError(f"{path}: not UPAR's annotation ({error!r}); {AGAIN}") from None
    if sorted(names) != sorted(SCHEMA.names) or labels.shape != (len(paths), len(names)):
        raise UserError(
            f"{path}: labels of {labels.shape} for {len(paths)} pictures and {len(names)} names "
            f"({', '.join(names[:2])}..), must be UPAR's {len(SCHEMA)}; {AGAIN}"
        )
    check_labels(labels, names, 1, str(path))
    table = pd.DataFrame(labels.astype(np.uint8), columns=names)[SCHEMA.names]
    table.insert(0, "path", paths)
    table["split"] = from_rows(parts, len(paths), f"{path}: {name}", partial=True)
    return table


def _rows(partition: Any, part: str, number: int, where: str) -> NDArray[np.intp]:
    """Return the pictures of a part of a partition, which may be a list of one array a domain."""
    if part == "val" and part not in partition:
        return np.zeros(0, np.intp)
    rows = partition[part][number]
    arrays = rows if isinstance(rows, list) and len(rows) and np.ndim(rows[0]) else [rows]
    return np.concatenate([whole(a, where).reshape(-1) for a in arrays])
