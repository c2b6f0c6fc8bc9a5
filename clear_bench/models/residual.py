"""The residual networks of the methods that their papers build on a ResNet-50 or a relative.

All of them share one small network in ``default`` and ResNet-50 in ``paper``, so that a
difference between two methods is not one between two backbones.
"""

from typing import Any

from torch import Tensor, nn

from clear_bench.models.branches import backbone

SMALL: dict[str, Any] = {
    "name": "resnet18",
    "layers": [1, 1, 1, 1],
    "channels": [32, 64, 128, 256],
    "stem_type": "deep",
    "stem_width": 16,
    "output_stride": 16,  # the last stage keeps its size: 64x32 pixels still have 4x2 positions
}
"""1.2 M parameters; at 128x64 pixels 137 MFLOPs, as many as CLEAR's nano model."""

RESNET50: dict[str, Any] = {"name": "resnet50.tv_in1k", "output_stride": 32}
"""23.5 M parameters, ImageNet weights of torchvision."""

RETHINKING: dict[str, Any] = {
    "epochs": 30,
    "optimizer": "Adam",
    "lr": 1e-4,
    "weight_decay": 5e-4,
    "schedule": "plateau",
    "watch": "loss",
    "warmup_epochs": 0,
    "clip_norm": 10.0,
    "precision": "fp32",
}
"""Training recipe of the code of "Rethinking of PAR" (Jia et al. 2021), for its own method and for
those whose recipe was not found.  Its plateau watched the loss on test, ours that on val."""


class ResidualNetwork(nn.Module):
    """A timm residual network that gives the maps of its last stages.

    Args:
        image_size: (height, width) in pixels.
        pretrained: Whether timm's published weights are loaded.
        levels: How many stages to give, the last ones.
        resnet: timm's name and arguments.
    """

    kind = "resnet"

    def __init__(
        self, image_size: tuple[int, int], pretrained: bool, levels: int = 1, **resnet: Any
    ) -> None:
        super().__init__()
        trunk: Any = backbone(image_size=image_size, pretrained=pretrained, **resnet)
        stages = trunk.feature_info[-levels:]
        self.trunk: Any = trunk
        self.levels = levels
        self.widths: list[int] = [stage["num_chs"] for stage in stages]
        step = int(stages[-1]["reduction"])
        self.grid: tuple[int, int] = (-(-image_size[0] // step), -(-image_size[1] // step))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map ``(B, 3, H, W)`` to ``levels`` maps ``(B, C, h, w)``, the deepest last."""
        return self.trunk.forward_intermediates(
            images, indices=self.levels, intermediates_only=True
        )


def pooled(maps: Tensor) -> Tensor:
    """Map ``(B, C, h, w)`` to its mean over positions, ``(B, C)``."""
    return maps.mean(dim=(2, 3))
