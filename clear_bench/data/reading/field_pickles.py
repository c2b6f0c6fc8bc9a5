"""``dataset_all.pkl``, the form in which the field's code passes PETA, PA-100K and RAP around.

It is made from the official annotation by ``format_*.py`` of Rethinking of PAR (Jia et al.):
``image_name``, ``label``, ``attr_name`` and ``partition`` with ``train``, ``val``, ``trainval`` and
``test``, each an array of image numbers from 0 or a list of five.  What it says is read by name,
so a file whose labels are in another order reads alike.  It has no persons.  Written from that
code; no copy of the files themselves was at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.matfile import check_labels
from clear_bench.data.reading.plain_pickle import read_data_pickle
from clear_bench.data.reading.split_rules import whole
from clear_bench.utils.errors import UserError

FILE = "dataset_all.pkl"
AGAIN = "get the file again, or the official annotation"


@dataclass(frozen=True)
class FieldPickle:
    """One such file.

    Args:
        path: The file.
        names: ``N`` file names of pictures.
        attributes: ``A`` names of labels.
        labels: ``(N, A)`` as the file has them.
        partition: Part to its partitions, each ``(n,)`` image numbers from 0.
    """

    path: Path
    names: list[str]
    attributes: list[str]
    labels: NDArray[Any]
    partition: dict[str, list[NDArray[np.intp]]]

    def columns(self, wanted: Sequence[str], highest: int) -> NDArray[Any]:
        """Return the labels of some names ``(N, len(wanted))``, checked to be 0 to ``highest``.

        Raises:
            UserError: If a name is missing, so that it is another data set's, or a label is wrong.
        """
        missing = [name for name in wanted if name not in self.attributes]
        if missing:
            raise UserError(
                f"{self.path}: no label '{missing[0]}'; it has {', '.join(self.attributes[:3])}..: "
                f"another data set's? {AGAIN}"
            )
        chosen = self.labels[:, [self.attributes.index(name) for name in wanted]]
        check_labels(chosen, wanted, highest, str(self.path))
        return chosen

    def parts(self, names: Sequence[str], number: int) -> dict[str, NDArray[np.intp]]:
        """Return the rows of some parts under one partition.

        Raises:
            UserError: If the file has no such part or partition.
        """
        for name in names:
            if len(self.partition.get(name, ())) <= number:
                raise UserError(f"{self.path}: no partition {number} for '{name}'; {AGAIN}")
        return {name: self.partition[name][number] for name in names}


def read_field_pickle(path: Path) -> FieldPickle:
    """Return the content of ``dataset_all.pkl``; nothing in it is run.

    Raises:
        UserError: If the file is missing, damaged or of another form.
    """
    content = read_data_pickle(path)
    try:
        names = [str(name) for name in content["image_name"]]
        attributes = [str(name) for name in content["attr_name"]]
        labels = np.asarray(content["label"])
        partition = {
            str(part): _partitions(rows, f"{path}: {part}: not image numbers; {AGAIN}")
            for part, rows in content["partition"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path}: not the annotation of a data set ({error!r}); {AGAIN}") from None
    if labels.shape != (len(names), len(attributes)) or len(set(attributes)) < len(attributes):
        raise UserError(
            f"{path}: labels of {labels.shape} for {len(names)} images and {len(set(attributes))} "
            f"names; {AGAIN}"
        )
    return FieldPickle(path, names, attributes, labels, partition)


def _partitions(rows: Any, message: str) -> list[NDArray[np.intp]]:
    """Return the partitions of a part: a list of them, or the only one."""
    several = isinstance(rows, list) and len(rows) > 0 and np.ndim(rows[0]) > 0
    return [whole(one, message).reshape(-1) for one in (rows if several else [rows])]
