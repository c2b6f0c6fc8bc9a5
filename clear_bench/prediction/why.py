"""Where a network looked in a crop, as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.prediction.sources import Crop
from clear_bench.training.trained_model import TrainedModel
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import written_whole

SIDE = 256  # pixels of a panel's height, at least
GAP = 4
SHARE = 0.55
"""Of the colour in a panel; the rest is the picture in grey."""


def require_looking(opened: TrainedModel) -> None:
    """Raise a `UserError` unless a recognition run has a cross-transformer, whose attention shows.

    Args:
        opened: The run.
    """
    from clear_bench.models.cross_transformer import CrossTransformer

    record = opened.record
    if not opened.trains:
        raise UserError(f"{record.run_id}: {record.method} learns nothing and looks nowhere")
    if not isinstance(getattr(opened.model, "trunk", None), CrossTransformer):
        raise UserError(f"{record.run_id}: {record.method} has no cross-transformer")


class Pictures:
    """Writes a picture a crop: itself, and the map of each branch over it in grey.

    Each map is scaled to its own greatest value: bright is much looked at.

    Args:
        opened: The run.
        folder: Where to.
    """

    def __init__(self, opened: TrainedModel, folder: Path) -> None:
        require_looking(opened)
        self.opened, self.folder = opened, folder
        self.taken: dict[str, int] = {}

    def write(self, crops: list[Crop], pixels: NDArray[np.uint8]) -> list[Path]:
        """Write the pictures of some crops ``(N, H, W, 3)`` and return their files."""
        from PIL import Image

        from clear_bench.models.attention_maps import look

        maps = look(self.opened.model, pixels)
        files = []
        for number, crop in enumerate(crops):
            panels = [pixels[number], *(over(pixels[number], m[number]) for m in maps.values())]
            file = self.folder / self._name(crop)
            with written_whole(file) as unfinished:
                Image.fromarray(side_by_side(panels)).save(unfinished, "png")
            files.append(file)
        return files

    def _name(self, crop: Crop) -> str:
        """Return a file name of its own for a crop: no two of a command share one."""
        stem = Path(crop.name).stem + ("" if crop.frame is None else f"-frame{crop.frame}")
        self.taken[stem] = self.taken.get(stem, 0) + 1
        more = "" if self.taken[stem] == 1 else f"-{self.taken[stem]}"
        return f"{stem}{more}.why.png"


def over(pixels: NDArray[np.uint8], weights: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return a map ``(h, w)`` in colour over a picture ``(H, W, 3)`` in grey."""
    import cv2

    height, width = pixels.shape[:2]
    scaled = (255 * weights / weights.max()).round().astype(np.uint8)
    large = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_NEAREST)
    colour = cv2.applyColorMap(large, cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    grey = pixels.mean(axis=2, keepdims=True)
    return ((1 - SHARE) * grey + SHARE * colour).round().astype(np.uint8)


def side_by_side(panels: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return panels of equal size in a row on white, pixels enlarged a whole number of times."""
    times = max(1, -(-SIDE // panels[0].shape[0]))
    large = [panel.repeat(times, axis=0).repeat(times, axis=1) for panel in panels]
    white = np.full((large[0].shape[0], GAP, 3), 255, np.uint8)
    row = [part for panel in large for part in (panel, white)][:-1]
    return np.concatenate(row, axis=1)
