"""Pictures of persons in figures: which may be shown, and how they are read."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import Dataset
from clear_bench.data.images import read_image
from clear_bench.data.load import find_source, load_dataset, usual_place
from clear_bench.report.figures.material import Material
from clear_bench.results.groups import Loaded
from clear_bench.utils.errors import UserError

FLAG = "leave to show them at home: --publish-images"


def check_terms(material: Material, dataset: str) -> None:
    """Raise a `UserError` if the terms of a data set forbid its pictures in a report."""
    if not (material.publish or find_source(dataset).publish_images):
        raise UserError(f"{dataset}: its terms do not allow its pictures in a report; {FLAG}")


def dataset_of(material: Material, run: Loaded) -> Dataset:
    """Return the data that a run was made with, its pictures beside it.

    Raises:
        UserError: If the data are not there, or are not those of the run; nothing is generated.
    """
    record = run.record
    root = usual_place(record.dataset, material.data)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder, so no pictures of {record.dataset} can be shown")
    data = record.config["data"]
    dataset = _read(
        record.dataset, root, data["split"], data["label_set"], data.get("partial", False)
    )
    if dataset.checksum != record.data.get("manifest_checksum"):
        raise UserError(f"{root}: not the data that {record.run_id} was made with")
    return dataset


@lru_cache(maxsize=4)
def _read(name: str, root: Path, split: str, label_set: str, partial: bool) -> Dataset:
    """Return a data set, read once."""
    return load_dataset(name, root, split, label_set, partial=partial)


def read_rows(
    dataset: Dataset, rows: NDArray[np.integer], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return pictures of manifest rows ``(R, *size, 3)``.

    Args:
        dataset: The data.
        rows: ``(R,)``.
        size: (height, width) in pixels.

    Raises:
        UserError: If one cannot be read.
    """
    paths = dataset.manifest["path"].to_numpy()
    return np.stack([read_image(dataset.root / paths[row], size) for row in rows])
