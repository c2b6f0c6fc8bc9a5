"""What the training loop reads: whole batches from memory-mapped arrays, never one image a time."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import DATASETS, FUNCTIONS
from torch.utils.data import Dataset as TorchDataset

from clear_bench.data.images import open_array


@DATASETS.register_module()
class ArrayBatches(TorchDataset[dict[str, torch.Tensor]]):
    """Rows of arrays of equal length, fetched a batch at a time.

    Args:
        arrays: Name to file, see `open_array`; every file has one row an item.
        rows: ``.npy`` file of the row numbers that belong to this split.
    """

    def __init__(self, arrays: dict[str, str], rows: str) -> None:
        self.arrays = {k: open_array(v) for k, v in arrays.items()}
        self.rows = np.load(rows, allow_pickle=False)
        self.metainfo: dict[str, Any] = {}  # mmengine asks for one

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, items: list[int]) -> dict[str, torch.Tensor]:
        """Return one batch: each array's rows, and ``rows``, their numbers."""
        rows = self.rows[items]
        batch = {k: torch.from_numpy(array[rows]) for k, array in self.arrays.items()}
        return {**batch, "rows": torch.from_numpy(rows)}

    def __getitem__(self, item: int) -> dict[str, torch.Tensor]:
        return self.__getitems__([item])


@FUNCTIONS.register_module()
def whole_batch(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Collate nothing: `ArrayBatches` answers with whole batches."""
    return batch


def loader(
    arrays: dict[str, Path], rows: Path, batch_size: int, *, shuffle: bool, seed: int, workers: int
) -> dict[str, Any]:
    """Return the mmengine configuration of a data loader over `ArrayBatches`."""
    return {
        "batch_size": batch_size,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "drop_last": False,
        "sampler": {"type": "DefaultSampler", "shuffle": shuffle, "seed": seed},
        "collate_fn": {"type": "whole_batch"},
        "dataset": {
            "type": "ArrayBatches",
            "arrays": {name: str(path) for name, path in arrays.items()},
            "rows": str(rows),
        },
    }
