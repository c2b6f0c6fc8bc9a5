"""ALM: each attribute looks for its own region, at each level of a feature pyramid.

Tang, Sheng, Zhang, Hu: "Improving Pedestrian Attribute Recognition With Weakly-Supervised
Multi-Scale Attribute-Specific Localization", ICCV 2019; after the released code
(chufengt/ALM-pedestrian-attribute @ 800b969).

The last three stages go through 1x1 laterals and are joined from the top, bilinearly upsampled:
``P3 = L3(C3)``, ``P2 = [up(P3) ; L2(C2)]``, ``P1 = [up(P2) ; L1(C1)]``.  At each level each
attribute has

- channel attention with a residual: ``X' = X + s X``, ``s = sigmoid(V relu(U GAP(X) + u) + v)``;
- a spatial transformer of four numbers ``(W GAP(X') + b)``: a region of size ``sigmoid`` and
  centre ``tanh``, in units of half the map, which bilinear sampling cuts out of ``X'``; beyond
  the map its border is repeated;
- the mean of that region and one linear unit.

All linear layers start as PyTorch's do, so a region starts at about half the map, at its middle.
With a global branch on the last stage there are four outputs.  The loss is the sum of their
`cell_mean_bce`; the prediction is the largest of the four logits.

A region without rotation is the outer product of a row and a column weighting, and its mean is
linear in the map.  So the mean of a sampled region is computed as one weighted sum, without
sampling it (equal to the slow way, see the tests), and all attributes at once.

Two readings, each a switch:

- ``loss_weighting``: ``positives``, which the released code computes (the weight of negatives is
  lost to operator precedence), or ``both`` as its text has it (DeepMAR's weights);
- ``align_corners``: true, as the sampling functions of the PyTorch that the code names (0.4, until
  1.2) worked; false, as the same code works under PyTorch 1.3 and later.

Departures from the common budget: the paper's BN-Inception is taken as one of the family that runs
on the residual networks here.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.4 M parameters and 140 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import WIDTH, Declared, Switch, below
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.layers import AttributeLinear
from clear_bench.models.losses import cell_mean_bce, check_loss_weighting
from clear_bench.models.options import CELL_WEIGHTING, RESNET
from clear_bench.models.residual import RESNET50, SMALL, ResidualNetwork, pooled


def axis_weights(scale: Tensor, shift: Tensor, size: int, *, align_corners: bool) -> Tensor:
    """Return how much each pixel of an axis counts in the mean of a sampled interval.

    The interval has ``size`` sample points ``scale * x + shift``, x evenly spaced in [-1, 1]; each
    takes its two neighbours linearly, and beyond the axis its first or last pixel.

    Args:
        scale: Half length of the interval, any shape S.
        shift: Its centre, S.
        size: Pixels n of the axis.
        align_corners: Whether -1 and 1 are the centres of the outer pixels, or their outer edges.

    Returns:
        ``(*S, n)``; sums to 1.
    """
    pixel = torch.arange(size, device=scale.device, dtype=scale.dtype)
    reach = (size - 1) / 2 if align_corners else size / 2  # of [0, 1] in pixels
    place = (pixel - (size - 1) / 2) / max(reach, 0.5)  # 0 on an axis of one pixel
    point = (scale[..., None] * place + shift[..., None]) * reach + (size - 1) / 2
    point = point.clamp(0, size - 1)
    return F.relu(1 - (point[..., None] - pixel).abs()).mean(dim=-2)


class Localization(nn.Module):
    """Channel attention, spatial transformer and classifier of every attribute at one level.

    Args:
        attributes: A.
        channels: C of the level's maps.
        reduction: The channel attention's hidden layer has C / reduction units.
        align_corners: See `axis_weights`.
    """

    def __init__(
        self, attributes: int, channels: int, reduction: int, *, align_corners: bool
    ) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = AttributeLinear(attributes, channels, hidden)
        self.excite = AttributeLinear(attributes, hidden, channels)
        self.locate = AttributeLinear(attributes, channels, 4)
        self.classify = AttributeLinear(attributes, channels)
        self.align_corners = align_corners

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` to logits ``(B, A)``."""
        mean = pooled(maps)[:, None]  # (B, 1, C)
        gate = 1 + torch.sigmoid(self.excite(F.relu(self.squeeze(mean))))  # (B, A, C)
        scale, shift = self.locate(gate * mean).split(2, dim=2)  # (B, A, 2) each, x first
        scale, shift = torch.sigmoid(scale), torch.tanh(shift)
        rows, columns = (
            axis_weights(scale[..., k], shift[..., k], size, align_corners=self.align_corners)
            for k, size in ((1, maps.shape[2]), (0, maps.shape[3]))
        )
        region = (rows[..., :, None] * columns[..., None, :]).flatten(2)  # (B, A, hw)
        local = gate * (region @ maps.flatten(2).transpose(1, 2))
        return self.classify(local).squeeze(2)


@MODELS.register_module()
class Alm(PerAttributeModel):
    """A feature pyramid with an attribute localization module at each of its three levels.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        lateral: Channels of each lateral.
        reduction: See `Localization`.
        align_corners: See `axis_weights`.
        loss_weighting: Which cells have a weight, ``positives`` or ``both``.
        common: See `RecognitionModel`.

    Raises:
        UserError: If ``loss_weighting`` is neither.
    """

    masks_unknown = True

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        lateral: int,
        reduction: int,
        align_corners: bool,
        loss_weighting: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.positives_only = check_loss_weighting(loss_weighting) == "positives"
        self.trunk = ResidualNetwork(self.image_size, pretrained, levels=3, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        self.laterals = nn.ModuleList(nn.Conv2d(w, lateral, 1) for w in self.trunk.widths)
        self.levels = nn.ModuleList(
            Localization(self.attributes, joined * lateral, reduction, align_corners=align_corners)
            for joined in (3, 2, 1)
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
                above = F.interpolate(levels[0], size=level.shape[2:], mode="bilinear")
                level = torch.cat([above, level], dim=1)
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
            name: cell_mean_bce(
                output, labels, self.positive_ratio, positives_only=self.positives_only
            )
            for name, output in zip(names, logits, strict=True)
        }


METHOD = Method(
    title="ALM",
    cite="Tang et al., ICCV 2019",
    family="convolutional",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Tang, Chufeng and Sheng, Lu and Zhang, Zhaoxiang and Hu, Xiaolin",
            "title": "Improving Pedestrian Attribute Recognition With Weakly-Supervised "
            "Multi-Scale Attribute-Specific Localization",
            "venue": "ICCV",
            "year": 2019,
            "pages": "4997-5006",
            "url": "https://github.com/chufengt/ALM-pedestrian-attribute",
            "read": "README of chufengt/ALM-pedestrian-attribute",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "lateral": WIDTH,
                "reduction": WIDTH,
                "align_corners": Switch(),
                "loss_weighting": CELL_WEIGHTING,
            }
        )
    },
    recognition={
        "model": {
            "type": "Alm",
            "resnet": SMALL,
            "pretrained": False,
            "lateral": 32,
            "reduction": 16,
            "align_corners": True,
            "loss_weighting": "positives",
        },
        "train": {"lr": 8e-3},
    },
    numbers={"recognition": 2},
    profiles={
        "base": {"recognition": {"train": {"milestones": [7, 13]}}},
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
        },
    },
)
