"""ALM: each attribute looks for its own region, at each level of a feature pyramid.

Tang, Sheng, Zhang, Hu: "Improving Pedestrian Attribute Recognition With Weakly-Supervised
Multi-Scale Attribute-Specific Localization", ICCV 2019; after the released code.

The last three stages go through 1x1 laterals and are joined from the top: ``P3 = L3(C3)``,
``P2 = [L2(C2) ; up(P3)]``, ``P1 = [L1(C1) ; up(P2)]``.  At each level each attribute has

- channel attention with a residual: ``X' = X + s X``, ``s = sigmoid(V relu(U GAP(X)))``;
- a spatial transformer of four numbers ``(W GAP(X') + b)``: a region of size ``sigmoid`` and
  centre ``tanh``, in units of half the map, which bilinear sampling cuts out of ``X'``;
- the mean of that region and one linear unit.

With a global branch on the last stage there are four outputs.  The loss is the sum of their
`weighted_bce`; the prediction is the largest of the four logits.

A region without rotation is the outer product of a row and a column weighting, and its mean is
linear in the map.  So the mean of a sampled region is computed as one weighted sum, without
sampling it (equal to the slow way, see the tests), and all attributes at once.

Inferred: a transformer starts with a region of 0.88 of the map at its middle, whatever the image;
corners of the grid are not pixel centres (``align_corners=False``); the pyramid's upsampling is
nearest.

Departures from the common budget: the paper's BN-Inception is taken as one of the family that runs
on the residual networks here.

Learning rate 8e-3 in ``default``, from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.3 M parameters and 140 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.losses import weighted_bce
from clear_bench.models.residual import RESNET50, SMALL, ResidualNetwork, pooled

START = 2.0  # sigmoid(2) = 0.88 of the map


def axis_weights(scale: Tensor, shift: Tensor, size: int) -> Tensor:
    """Return how much each pixel of an axis counts in the mean of a sampled interval.

    The interval has ``size`` sample points ``scale * x + shift``, x the pixel centres in [-1, 1];
    each takes its two neighbours linearly, and nothing outside the axis.

    Args:
        scale: Half length of the interval, any shape S.
        shift: Its centre, S.
        size: Pixels n of the axis.

    Returns:
        ``(*S, n)``; sums to 1 where the interval lies inside.
    """
    pixel = torch.arange(size, device=scale.device, dtype=scale.dtype)
    centre = (2 * pixel + 1) / size - 1
    point = ((scale[..., None] * centre + shift[..., None] + 1) * size - 1) / 2  # in pixels
    return F.relu(1 - (point[..., None] - pixel).abs()).mean(dim=-2)


class Localization(nn.Module):
    """Channel attention, spatial transformer and classifier of every attribute at one level.

    Args:
        attributes: A.
        channels: C of the level's maps.
        reduction: The channel attention's hidden layer has C / reduction units.
    """

    def __init__(self, attributes: int, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Parameter(torch.randn(attributes, channels, hidden) / channels**0.5)
        self.excite = nn.Parameter(torch.randn(attributes, hidden, channels) / hidden**0.5)
        self.locate = nn.Parameter(torch.zeros(attributes, channels, 4))
        start = torch.tensor([START, START, 0.0, 0.0])
        self.locate_bias = nn.Parameter(start.repeat(attributes, 1))
        self.weight = nn.Parameter(torch.randn(attributes, channels) / channels**0.5)
        self.bias = nn.Parameter(torch.zeros(attributes))

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` to logits ``(B, A)``."""
        mean = pooled(maps)
        gate = self.gate(mean)  # (B, A, C): 1 + channel attention
        scale, shift = self.region(gate * mean[:, None])
        rows = axis_weights(scale[..., 1], shift[..., 1], maps.shape[2])
        columns = axis_weights(scale[..., 0], shift[..., 0], maps.shape[3])
        region = (rows[..., :, None] * columns[..., None, :]).flatten(2)  # (B, A, hw)
        local = gate * (region @ maps.flatten(2).transpose(1, 2))
        return (local * self.weight).sum(dim=2) + self.bias

    def gate(self, mean: Tensor) -> Tensor:
        """Map pooled maps ``(B, C)`` to each attribute's factor on the channels ``(B, A, C)``."""
        hidden = F.relu(torch.einsum("bc,ach->bah", mean, self.squeeze))
        return 1 + torch.sigmoid(torch.einsum("bah,ahc->bac", hidden, self.excite))

    def region(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, A, C)`` to the regions' half sizes and centres, each ``(B, A, 2)``, x first."""
        numbers = torch.einsum("bac,ack->bak", mean, self.locate) + self.locate_bias
        return torch.sigmoid(numbers[..., :2]), torch.tanh(numbers[..., 2:])


@MODELS.register_module()
class Alm(PerAttributeModel):
    """A feature pyramid with an attribute localization module at each of its three levels.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        lateral: Channels of each lateral.
        reduction: See `Localization`.
        common: See `RecognitionModel`.
    """

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        lateral: int,
        reduction: int,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.trunk = ResidualNetwork(self.image_size, pretrained, levels=3, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        self.laterals = nn.ModuleList(nn.Conv2d(w, lateral, 1) for w in self.trunk.widths)
        self.levels = nn.ModuleList(
            Localization(self.attributes, joined * lateral, reduction) for joined in (3, 2, 1)
        )
        self.head = nn.Linear(self.summary_dim, self.attributes)

    def outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the summary ``(B, D)`` and the four outputs' logits ``(4, B, A)``."""
        stages = self.trunk(images)
        summary = pooled(stages[-1])
        levels = zip(self.levels, self.pyramid(stages), strict=True)
        logits = [level(maps) for level, maps in levels]
        return summary, torch.stack([*logits, self.head(summary)])

    def pyramid(self, stages: list[Tensor]) -> list[Tensor]:
        """Join the stages' laterals from the top; the finest level comes first."""
        levels: list[Tensor] = []
        for lateral, maps in zip(reversed(self.laterals), reversed(stages), strict=True):
            level = lateral(maps)
            if levels:
                level = torch.cat([level, F.interpolate(levels[0], size=level.shape[2:])], dim=1)
            levels.insert(0, level)
        return levels

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the global feature ``(B, D)`` and the largest logits ``(B, A)``."""
        summary, logits = self.outputs(images)
        return summary, logits.amax(dim=0)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the loss of each of the four outputs."""
        _, logits = self.outputs(images)
        names = ("loss_fine", "loss_middle", "loss_coarse", "loss_global")
        return {
            name: weighted_bce(output, labels, self.positive_ratio)
            for name, output in zip(names, logits, strict=True)
        }


METHOD = Method(
    title="ALM",
    cite="Tang et al., ICCV 2019",
    recognition={
        "model": {
            "type": "Alm",
            "resnet": SMALL,
            "pretrained": False,
            "lateral": 32,
            "reduction": 16,
        },
        "train": {"lr": 8e-3},
    },
    profiles={
        "paper": {
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "lateral": 256},
                "train": {
                    "epochs": 60,
                    "batch_size": 32,
                    "optimizer": "Adam",
                    "lr": 1e-4,
                    "weight_decay": 5e-4,
                    "schedule": "step",
                    "milestones": [20, 40],
                    "warmup_epochs": 0,
                    "clip_norm": 0.0,
                    "precision": "fp32",
                },
                "augment": {"pad": 0},
            }
        }
    },
)
