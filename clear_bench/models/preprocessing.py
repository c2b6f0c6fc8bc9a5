"""Images as a network reads them: normalised, and augmented while it trains."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from clear_bench.config.sections import DEVIATION, MEAN


@MODELS.register_module()
class PersonPreprocessor(BaseDataPreprocessor):
    """Uint8 batches to normalised floats on the model's device, augmented while training.

    One pass over the whole batch instead of one per image, so the loader only copies bytes.
    Augmentation is Pad + RandomCrop + horizontal flip, as in C2T-Net's released recipe.

    Args:
        pad: Pixels of zero padding on each side before the crop.
        flip: Whether images are mirrored with probability 1/2.
        mean: Red, green and blue of what is subtracted, of values in 0..1.
        deviation: The same of what is divided by.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        pad: int,
        flip: bool,
        mean: Sequence[float] = MEAN,
        deviation: Sequence[float] = DEVIATION,
    ) -> None:
        super().__init__()
        self.pad = pad
        self.flip = flip
        for name, colour in (("mean", mean), ("deviation", deviation)):
            column = torch.tensor(list(colour)).view(1, 3, 1, 1) * 255
            self.register_buffer(name, column, persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Map ``images`` from ``(B, H, W, 3)`` uint8 to ``(B, 3, H, W)`` float32, normalised."""
        data = self.cast_data(dict(data))
        images = data["images"].permute(0, 3, 1, 2)
        if training:
            images = self.augment(images)
        data["images"] = (images.float() - self.mean) / self.deviation
        return data

    def augment(self, images: Tensor) -> Tensor:
        """Return randomly shifted and mirrored copies of ``(B, 3, H, W)`` uint8 images.

        The draws come from the CPU generator, so that a seed means the same on every device.
        """
        batch, _, height, width = images.shape
        padded = F.pad(images, (self.pad,) * 4)
        top, left = torch.randint(0, 2 * self.pad + 1, (2, batch, 1))
        rows = top + torch.arange(height)
        columns = left + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(batch, 1) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        index = torch.arange(batch)[:, None, None]
        # Advanced indices around the channel axis put it last: (B, H, W, 3), then back.
        picked = padded[index, :, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)
