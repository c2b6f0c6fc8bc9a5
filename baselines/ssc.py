"""SSC: what an attribute's images look at, and find there, is pulled to what the surest ones did.

Jia, Chen, Huang: "Spatial and Semantic Consistency Regularizations for Pedestrian Attribute
Recognition", ICCV 2021.  Of the paper only the beginning was readable, and no code of its authors
was found; the rest is after the unofficial re-implementation Geonu-Lee/Reimplementation_SSC
@ c071973, which reached 83.9 mA on PETA where the paper has 86.5.

The network is a plain one: ``logits = W max_p X(p) + b``.  Training looks further, at each
attribute's class activation map ``M_ij(p) = w_j X_i(p)`` and at the feature that it weighs out,
``f_ij = mean_p M_ij(p) X_i(p)``.  Of either, for each attribute in each batch:

- all: the mean over the images that have the attribute, at unit length;
- sure: the same over those of them with a logit above ``confidence``;
- target: ``fresh * sure + (1 - fresh) * memory``, both at unit length (``sure`` alone the first
  time), which becomes the memory.

A regulariser is the mean squared difference of all and target, over the vector's numbers and over
all attributes; one without a sure image adds 0.  Loss: `cell_mean_bce` plus ``spatial`` times that
of the maps plus ``semantic`` times that of the features, both from the epoch ``start`` on (counted
from 0).  Nothing of this is there at inference.  As in the code, gradients pass through the target
too, but not into the memory, and ``confidence`` is compared with the logit, not the probability.

Decided here: both classes are weighted in the cross-entropy, as in the same authors' "Rethinking";
the re-implementation repeats an expression of ALM's code that loses the weight of negatives
(``loss_weighting=positives``).  Its mean over all cells is kept, since the weights of the
regularisers are made for it.

Departures: ``start`` is 2 of 12 epochs in ``default``, about the share of 4 of 30.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.2 M parameters and 137 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.logging import MessageHub
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import COUNT, SHARE, WEIGHT, Declared, Range, Switch, below
from clear_bench.models.base import RecognitionModel
from clear_bench.models.losses import cell_mean_bce, check_loss_weighting, told_apart
from clear_bench.models.options import CELL_WEIGHTING, RESNET
from clear_bench.models.residual import RESNET50, RETHINKING, SMALL, ResidualNetwork


def mean_of(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return each attribute's mean over chosen images: ``(B, A, D)``, ``(B, A)`` to ``(A, D)``.

    0 where none is chosen.
    """
    total = torch.einsum("ba,bad->ad", chosen, vectors)
    return total / chosen.sum(dim=0).clamp(min=1)[:, None]


class Memory(nn.Module):
    """What the surest images of each attribute gave so far, one unit vector an attribute.

    Args:
        attributes: A.
        dim: D of the vectors.
        fresh: Share of the batch in the new memory.
    """

    mean: Tensor
    met: Tensor

    def __init__(self, attributes: int, dim: int, fresh: float) -> None:
        super().__init__()
        self.fresh = fresh
        self.register_buffer("mean", torch.zeros(attributes, dim))
        self.register_buffer("met", torch.zeros(attributes, dtype=torch.bool))

    def forward(self, vectors: Tensor, present: Tensor, sure: Tensor) -> Tensor:
        """Return the regulariser of a batch, a scalar, and take the batch into the memory.

        Args:
            vectors: ``(B, A, D)``.
            present: ``(B, A)`` of 0 and 1: which attributes each image has.
            sure: The same, of those that are predicted with confidence.
        """
        found = sure.any(dim=0)
        apart = F.normalize(mean_of(vectors, present)) - self.target(mean_of(vectors, sure))
        self.update(vectors.detach(), sure)
        return (apart.square().mean(dim=1) * found).mean()

    def target(self, sure: Tensor) -> Tensor:
        """Join the mean of a batch's sure images ``(A, D)`` with the memory."""
        sure = F.normalize(sure)
        joined = self.fresh * sure + (1 - self.fresh) * F.normalize(self.mean)
        return torch.where(self.met[:, None], joined, sure)

    @torch.no_grad()
    def update(self, vectors: Tensor, sure: Tensor) -> None:
        """Put the target in place of the memory, where there is a sure image.

        The batch is that of all processes of a run: they share one memory.
        """
        total, count = torch.einsum("ba,bad->ad", sure, vectors), sure.sum(dim=0)
        for part in (total, count):
            all_reduce(part)
        found = count > 0
        # A mean and its sum have one direction, and only that counts.
        self.mean = torch.where(found[:, None], self.target(total), self.mean)
        self.met = self.met | found


@MODELS.register_module()
class Ssc(RecognitionModel):
    """A residual network and one linear layer, with both regularisers in training.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        confidence: Logit above which an image counts as sure.
        fresh: See `Memory`.
        start: First epoch with the regularisers, from 0.
        spatial: Weight of the regulariser of the maps.
        semantic: Weight of the regulariser of the features.
        loss_weighting: Which cells have a weight, ``positives`` or ``both``.
        common: See `RecognitionModel`.

    Raises:
        UserError: If ``loss_weighting`` is neither.
    """

    masks_unknown = True
    whole_batch = True

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        confidence: float,
        fresh: float,
        start: int,
        spatial: float,
        semantic: float,
        loss_weighting: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.positives_only = check_loss_weighting(loss_weighting) == "positives"
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.feature_dim = self.trunk.widths[-1]
        self.head = nn.Linear(self.feature_dim, self.attributes)
        height, width = self.trunk.grid
        self.maps = Memory(self.attributes, height * width, fresh)
        self.vectors = Memory(self.attributes, self.feature_dim, fresh)
        self.confidence, self.start = confidence, start
        self.spatial, self.semantic = spatial, semantic
        self.epoch = start  # until mmengine says which it is

    def forward(self, images: Tensor, labels: Tensor, rows: Tensor, mode: str = "tensor") -> Any:
        """Take the epoch from mmengine's runtime facts, then as every model."""
        if mode == "loss":
            self.epoch = MessageHub.get_current_instance().get_info("epoch")
        return super().forward(images, labels, rows, mode)

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to the largest value of each map, ``(B, feature_dim)``."""
        return self.trunk(images)[-1].amax(dim=(2, 3))

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        return self.head(features)

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map positions ``(B, N, D)`` to maps ``(B, A, N)`` and features ``(B, A, D)``."""
        maps = self.head.weight @ x.transpose(1, 2)
        return maps, maps @ x / x.shape[1]

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy and, from their epoch on, both regularisers."""
        x = self.trunk(images)[-1].flatten(2).transpose(1, 2)
        logits = self.classify(x.amax(dim=1))
        ratio, positives_only = self.positive_ratio, self.positives_only
        losses = {"loss": cell_mean_bce(logits, labels, ratio, positives_only=positives_only)}
        if self.epoch >= self.start:
            maps, vectors = self.attend(x)
            present, _ = told_apart(labels)
            sure = present * (logits > self.confidence)
            losses["loss_spatial"] = self.spatial * self.maps(maps, present, sure)
            losses["loss_semantic"] = self.semantic * self.vectors(vectors, present, sure)
        return losses


METHOD = Method(
    title="SSC",
    cite="Jia et al., ICCV 2021",
    family="convolutional",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Jia, Jian and Chen, Xiaotang and Huang, Kaiqi",
            "title": "Spatial and Semantic Consistency Regularizations for Pedestrian "
            "Attribute Recognition",
            "venue": "ICCV",
            "year": 2021,
            "arxiv": "2109.05686",
            "read": "pages of arXiv 2109.05686 (ar5iv, paperswithcode)",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "confidence": Range(),
                "fresh": SHARE,
                "start": COUNT,
                "spatial": WEIGHT,
                "semantic": WEIGHT,
                "loss_weighting": CELL_WEIGHTING,
            }
        )
    },
    recognition={
        "model": {
            "type": "Ssc",
            "resnet": SMALL,
            "pretrained": False,
            "confidence": 0.9,
            "fresh": 0.9,
            "start": 2,
            "spatial": 1.0,
            "semantic": 0.1,
            "loss_weighting": "both",
        },
        "train": {"lr": 1.6e-2},
    },
    numbers={"recognition": 2},
    profiles={
        "paper": {
            "data": {"image_size": [224, 224]},
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "start": 4},
                "train": {**RETHINKING, "optimizer": "AdamW", "clip_norm": 0.0},
            },
        }
    },
)
