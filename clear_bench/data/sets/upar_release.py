"""UPAR's first release: pictures, labels and nine partitions in one file, ``dataset_all.pkl``.

The file is a pickle and is read by `clear_bench.data.reading.plain_pickle`, which runs nothing of
it.  What its parts are called was taken from the class that the release ships to read it
(``UPAR.py``); no copy was at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clear_bench.data.reading.matfile import check_labels
from clear_bench.data.reading.plain_pickle import read_data_pickle
from clear_bench.data.reading.split_rules import from_rows
from clear_bench.data.sets.upar_labels import SCHEMA
from clear_bench.utils.errors import UserError

PLACES = ("dataset_all.pkl", "UPAR/dataset_all.pkl", "annotations/dataset_all.pkl")
PARTITIONS = tuple(f"partition{k}" for k in range(9))
AGAIN = "get dataset_all.pkl of github.com/speckean/upar_dataset again"


def read_partition(root: Path, name: str) -> pd.DataFrame:
    """Return ``path``, ``split`` ("" if unused) and the labels of each picture.

    Args:
        root: Folder that holds the file at one of `PLACES`.
        name: One of `PARTITIONS`.

    Raises:
        UserError: If the file is missing or is not what it should be.
    """
    path = next((root / p for p in PLACES if (root / p).is_file()), root / PLACES[0])
    content = read_data_pickle(path)
    try:
        paths = [str(p) for p in content["image_name"]]
        names = [str(n) for n in content["attr_name"]]
        labels, partition = np.asarray(content["label"]), content["partition"]
        parts = {p: _rows(partition, p, PARTITIONS.index(name)) for p in ("train", "val", "test")}
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


def _rows(partition: Any, part: str, number: int) -> NDArray[np.int64]:
    """Return the pictures of a part of a partition, which may be a list of one array a domain."""
    if part == "val" and part not in partition:
        return np.zeros(0, np.int64)
    rows = partition[part][number]
    arrays = rows if isinstance(rows, list) and len(rows) and np.ndim(rows[0]) else [rows]
    return np.concatenate([np.asarray(a, np.int64).reshape(-1) for a in arrays])
