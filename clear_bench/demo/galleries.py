"""The pictures that a page ranks: a data set's test split, or a folder of one's own."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.dataset_name import in_files
from clear_bench.data.load import find_source
from clear_bench.data.schema import Schema
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.demo.at_hand import Shown
from clear_bench.search.images import Gallery, gallery_of, scan
from clear_bench.search.query import Said
from clear_bench.training.plan import reopen


@dataclass(frozen=True)
class PictureGallery:
    """Pictures, and their labels where they are known.

    Args:
        files: ``N`` pictures.
        labels: ``(N, A)`` of 0, 1 and `UNKNOWN`; None where there are none.
        names: Of the ``A`` attributes.
    """

    files: Gallery
    labels: NDArray[np.uint8] | None = None
    names: tuple[str, ...] = ()

    def right(self, schema: Schema, said: Said) -> list[bool] | None:
        """Return which pictures have all that was said; None if the labels do not tell."""
        if self.labels is None or tuple(schema.names) != self.names or not said:
            return None
        labels = self.labels[:, list(said)]
        if (labels == UNKNOWN).any():
            return None
        return [bool(each) for each in (labels == np.array(list(said.values()))).all(axis=1)]


@dataclass(frozen=True)
class Galleries:
    """Gives the gallery of a run.

    Args:
        runs_root: Folder of runs.
        data_root: Folder of the official release of data sets that are not embedded.
        folder: Pictures that are taken for all runs instead.
    """

    runs_root: Path
    data_root: Path | None
    folder: Path | None

    def of(self, shown: Shown) -> PictureGallery:
        """Return the gallery of a retrieval run.

        Raises:
            UserError: If its data are not there.
        """
        if self.folder:
            return _of_folder(self.folder)
        embedded = find_source(shown.record.dataset).generate is not None
        return _of_test_split(shown.folder, self.runs_root, None if embedded else self.data_root)

    def key(self, shown: Shown) -> str:
        """Return what two runs share that rank the same pictures by the same attributes."""
        return f"{in_files(shown.record.dataset)}-{shown.record.data.get('fingerprint', '')}"


@lru_cache(8)
def _of_test_split(folder: Path, root: Path, data_root: Path | None) -> PictureGallery:
    """Return the test split of a run's data set; a picture that has several rows counts once."""
    dataset = reopen(folder, root, data_root).dataset
    rows = dataset.rows("test")
    paths = dataset.manifest["path"].iloc[rows]
    once = ~paths.duplicated().to_numpy()
    files = gallery_of(dataset.root, paths[once].tolist())
    return PictureGallery(files, dataset.labels[rows[once]], tuple(dataset.schema.names))


@lru_cache(1)
def _of_folder(folder: Path) -> PictureGallery:
    """Return the pictures below a folder."""
    return PictureGallery(scan(folder))
