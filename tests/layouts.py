"""Small faithful copies of official releases, written by the tests themselves."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from clear_bench.data import peta



def cells(values: list[object]) -> np.ndarray:
    """Return a MATLAB cell column."""
    found = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        found[row, 0] = value
    return found


def peta_names() -> list[str]:
    """Return 105 names that the reader knows; the order of the first 35 is not the official one."""
    colored = [part + color for part in peta.COLORED for color in peta.COLORS]
    special = ["personalMale", "personalFemale", "hairLong", "accessoryNothing", "carryingNothing"]
    return [*peta.AGES, *special, *peta.PHRASES, *colored]


def write_peta(root: Path, count: int, *, suffix: str = ".png", seed: int = 0) -> None:
    """Write ``PETA.mat`` and ``count`` tiny images; the caller sets `peta.IMAGES` to ``count``."""
    rng = np.random.default_rng(seed)
    names = peta_names()
    data = np.zeros((count, 4 + len(names)), np.uint16)
    data[:, 0] = np.arange(1, count + 1)
    data[:, 1] = np.arange(count) // 2 + 1
    data[:, 4:] = rng.integers(0, 2, (count, len(names)))
    data[:2, 4:] = [[0], [1]]
    partitions = []
    for _ in range(5):
        order = rng.permutation(count)[:, None].astype(np.uint16) + 1
        a, b = count // 2, count // 2 + count // 4
        partitions.append({"train": order[:a], "val": order[a:b], "test": order[b:]})
    content = {
        "data": data,
        "attribute": cells(names),
        "selected_attribute": np.arange(5, 40, dtype=np.uint8)[None],
        "partion_attribute": cells(partitions),
    }
    (root / "images").mkdir(parents=True)
    savemat(root / "PETA.mat", {"peta": content})
    for number in range(1, count + 1):
        pixels = rng.integers(0, 256, (24, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number:05d}{suffix}")
