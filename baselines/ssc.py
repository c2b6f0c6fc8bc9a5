"""SSC: each attribute's attention and feature are pulled to what other people's images gave.

Jia, Chen, Huang: "Spatial and Semantic Consistency Regularizations for Pedestrian Attribute
Recognition", ICCV 2021.  The paper was not read: the idea is recalled, and what is marked so below
is inferred from it.

Attribute j has a map ``M_j = sigmoid(w_j X + c_j)`` over the positions and a feature
``f_j = mean_p M_j(p) X(p)``; its logit is ``v_j f_j + b_j``.  A memory keeps a mean map ``S_j`` and
a mean feature ``T_j`` of the images that have the attribute and are predicted so: after each batch
``S_j <- m S_j + (1 - m) sum_i a_ij M_ij / sum_i a_ij`` and likewise T, with ``a_ij = y_ij p_ij``
(``soft``; 0 where p_ij is at most 1/2).  Without ``soft`` all images that count weigh alike.

- SPAC, spatial consistency: ``mean over y_ij = 1 of sum_p (M_ij(p) - S_j(p))^2``;
- SEMC, semantic consistency: ``mean over y_ij = 1 of sum_d (f_ij(d) - T_j(d))^2``.

The loss is `weighted_bce` plus ``spatial`` SPAC plus ``semantic`` SEMC.  Gradients do not enter the
memory, and an attribute that the memory has not met yet is not regularised.  Inferred: sigmoid
maps, squared distances, the 1/2, the momentum 0.9 and both weights.

Departures from the common budget: none in ``default`` but the rate; in ``paper`` the recipe of
the unofficial re-implementation, since the authors' was not found.

Learning rate 8e-3 in ``default``, from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.2 M parameters and 138 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.losses import weighted_bce
from clear_bench.models.residual import RESNET50, RETHINKING, SMALL, ResidualNetwork, pooled


class Memory(nn.Module):
    """A running mean of one vector an attribute, over confident positives.

    Args:
        attributes: A.
        dim: D of the vectors.
        momentum: What stays of the old mean; the first mean is taken whole.
    """

    mean: Tensor
    met: Tensor

    def __init__(self, attributes: int, dim: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(attributes, dim))
        self.register_buffer("met", torch.zeros(attributes, dtype=torch.bool))

    def distance(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance of the positives' vectors ``(B, A, D)`` to theirs."""
        counts = labels * self.met
        apart = (vectors - self.mean).square().sum(dim=2)
        return (apart * counts).sum() / counts.sum().clamp(min=1)

    @torch.no_grad()
    def update(self, vectors: Tensor, weight: Tensor) -> None:
        """Take up vectors ``(B, A, D)``, each with its weight ``(B, A)``; 0 leaves it out.

        The batch is that of all processes of a run: they share one memory.
        """
        total, batch = weight.sum(dim=0), torch.einsum("ba,bad->ad", weight, vectors)
        for part in (total, batch):
            all_reduce(part)
        new = total > 0
        batch = batch / total.clamp(min=1e-12)[:, None]
        keep = torch.where(self.met, self.momentum, 0.0)[:, None]
        self.mean = torch.where(new[:, None], keep * self.mean + (1 - keep) * batch, self.mean)
        self.met = self.met | new


@MODELS.register_module()
class Ssc(PerAttributeModel):
    """Attention maps of attributes on a residual network, with both regularisers.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        momentum: Of the memories.
        soft: Whether a positive enters a memory with its probability as weight.
        spatial: Weight of SPAC.
        semantic: Weight of SEMC.
        common: See `RecognitionModel`.
    """

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        momentum: float,
        soft: bool,
        spatial: float,
        semantic: float,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        self.attention = nn.Conv2d(self.summary_dim, self.attributes, 1)
        self.weight = nn.Parameter(
            torch.randn(self.attributes, self.summary_dim) / self.summary_dim**0.5
        )
        self.bias = nn.Parameter(torch.zeros(self.attributes))
        height, width = self.trunk.grid
        self.maps = Memory(self.attributes, height * width, momentum)
        self.vectors = Memory(self.attributes, self.summary_dim, momentum)
        self.soft, self.spatial, self.semantic = soft, spatial, semantic

    def attend(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images to summary ``(B, D)``, maps ``(B, A, N)`` and features ``(B, A, D)``."""
        x = self.trunk(images)[-1]
        maps = torch.sigmoid(self.attention(x)).flatten(2)
        return pooled(x), maps, maps @ x.flatten(2).transpose(1, 2) / maps.shape[2]

    def score(self, vectors: Tensor) -> Tensor:
        """Map the attributes' features ``(B, A, D)`` to logits ``(B, A)``."""
        return (vectors * self.weight).sum(dim=2) + self.bias

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)`` and logits ``(B, A)``."""
        summary, _, vectors = self.attend(images)
        return summary, self.score(vectors)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy and both regularisers, and take the batch into memory."""
        _, maps, vectors = self.attend(images)
        logits = self.score(vectors)
        losses = {
            "loss": weighted_bce(logits, labels, self.positive_ratio),
            "loss_spatial": self.spatial * self.maps.distance(maps, labels),
            "loss_semantic": self.semantic * self.vectors.distance(vectors, labels),
        }
        weight = self.confidence(logits.detach(), labels)
        self.maps.update(maps.detach(), weight)
        self.vectors.update(vectors.detach(), weight)
        return losses

    def confidence(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return how much each image counts for each attribute's memory, ``(B, A)``."""
        probability = torch.sigmoid(logits)
        counts = labels * (probability > 0.5)
        return counts * probability if self.soft else counts


METHOD = Method(
    title="SSC",
    cite="Jia et al., ICCV 2021",
    recognition={
        "model": {
            "type": "Ssc",
            "resnet": SMALL,
            "pretrained": False,
            "momentum": 0.9,
            "soft": True,
            "spatial": 0.1,
            "semantic": 0.1,
        },
        "train": {"lr": 8e-3},
    },
    profiles={
        "paper": {
            "data": {"image_size": [224, 224]},
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True},
                "train": {**RETHINKING, "optimizer": "AdamW", "clip_norm": 0.0},
            },
        }
    },
)
