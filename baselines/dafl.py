"""DAFL: a feature of its own for each attribute, found by learned semantic queries in a cascade.

Jia, Gao, He, Chen, Huang: "Learning Disentangled Attribute Representations for Robust Pedestrian
Attribute Recognition", AAAI 2022.  The paper was not read and no code was found: the idea is
recalled, and what is marked so below is inferred.

Semantic queries ``Q_0`` ``(A, d)`` are learned, one an attribute.  Layer l of the cascade looks at
the image's positions X: ``M_l = softmax(Q_l K_l(X)' / sqrt(d))``,
``Q_{l+1} = FFN(LN(Q_l + O_l M_l V_l(X)))``; a query meets no other attribute's, so the features are
disentangled.  The logit is a dot product, ``w_j Q_L,j + b_j``.

Group attention merging: attributes of one group look at the same part of a person.  For each image
the maps of a group's attributes that are present, of all layers, are averaged into the group's map
``G``, and each of these maps is pulled to it:
``merge * mean over (i, l, y_ij = 1) of sum_p (M_lij(p) - G_i,g(j)(p))^2``; no gradient through G.
An attribute that stands alone has its own group, whose map then merges the layers.

Inferred: one head, layer norm and a feed-forward net, the squared distance, the weight, and that
the groups are the schema's exclusive ones (all upper colours, say); others can be given by
``recognition.model.groups``, one number an attribute.

Departures from the common budget: none in ``default`` but the rate; in ``paper`` the recipe of
the same authors' "Rethinking", since its own was not found.

Learning rate 4e-3 in ``default``, from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.5 M parameters and 156 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.losses import weighted_bce
from clear_bench.models.residual import RESNET50, RETHINKING, SMALL, ResidualNetwork, pooled
from clear_bench.utils.errors import UserError


class SemanticAttention(nn.Module):
    """One layer of the cascade: queries look at positions, each for itself.

    Args:
        dim: Width d of queries and positions.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.feed = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def forward(self, queries: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map queries ``(B, A, d)`` and positions ``(B, N, d)`` to queries and maps ``(B, A, N)``.

        A map sums to 1 over the positions.
        """
        scores = queries @ self.key(image).transpose(1, 2) / queries.shape[2] ** 0.5
        maps = scores.softmax(dim=2)
        seen = self.norm(queries + self.out(maps @ self.value(image)))
        return seen + self.feed(seen), maps


def merging_loss(maps: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
    """Return the mean squared distance of present attributes' maps to their group's merged map.

    Args:
        maps: ``(L, B, A, N)``, of L layers.
        labels: ``(B, A)`` of 0 and 1.
        groups: ``(A,)`` int64, the group of each attribute, 0 to G - 1.

    Returns:
        A scalar; 0 if nothing is present.
    """
    member = torch.nn.functional.one_hot(groups).to(labels.dtype)  # (A, G)
    present = labels[..., None] * member  # (B, A, G)
    total = torch.einsum("bag,lban->bgn", present, maps.detach())
    merged = total / (len(maps) * present.sum(dim=1)).clamp(min=1)[..., None]
    apart = (maps - merged[:, groups]).square().sum(dim=3) * labels
    return apart.sum() / (len(maps) * labels.sum()).clamp(min=1)


@MODELS.register_module()
class Dafl(PerAttributeModel):
    """A cascade of semantic queries over a residual network.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dim: Width of the queries.
        layers: Layers of the cascade.
        merge: Weight of the group attention merging.
        groups: Group of each attribute; a run fills an empty list from the schema.
        common: See `RecognitionModel`.

    Raises:
        UserError: If there is not one group an attribute.
    """

    groups: Tensor

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        dim: int,
        layers: int,
        merge: float,
        groups: Sequence[int],
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if len(groups) != self.attributes or min(groups) < 0:
            raise UserError(
                f"recognition.model.groups: {len(groups)} values, must be {self.attributes} "
                "numbers from 0, one an attribute"
            )
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        height, width = self.trunk.grid
        self.project = nn.Linear(self.summary_dim, dim)
        self.position = nn.Parameter(0.02 * torch.randn(height * width, dim))
        self.queries = nn.Parameter(torch.randn(self.attributes, dim))
        self.cascade = nn.ModuleList(SemanticAttention(dim) for _ in range(layers))
        self.weight = nn.Parameter(torch.randn(self.attributes, dim) / dim**0.5)
        self.bias = nn.Parameter(torch.zeros(self.attributes))
        self.merge = merge
        self.register_buffer("groups", torch.tensor(list(groups)), persistent=False)

    def attend(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images to summary ``(B, D)``, logits ``(B, A)`` and maps ``(L, B, A, N)``."""
        x = self.trunk(images)[-1]
        image = self.project(x.flatten(2).transpose(1, 2)) + self.position
        queries = self.queries.expand(len(images), -1, -1)
        maps = []
        for layer in self.cascade:
            queries, seen = layer(queries, image)
            maps.append(seen)
        logits = (queries * self.weight).sum(dim=2) + self.bias
        return pooled(x), logits, torch.stack(maps)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)`` and logits ``(B, A)``."""
        summary, logits, _ = self.attend(images)
        return summary, logits

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy and the merging of attention."""
        _, logits, maps = self.attend(images)
        return {
            "loss": weighted_bce(logits, labels, self.positive_ratio),
            "loss_merging": self.merge * merging_loss(maps, labels, self.groups),
        }


METHOD = Method(
    title="DAFL",
    cite="Jia et al., AAAI 2022",
    recognition={
        "model": {
            "type": "Dafl",
            "resnet": SMALL,
            "pretrained": False,
            "dim": 128,
            "layers": 2,
            "merge": 1.0,
            "groups": [],
        },
        "train": {"lr": 4e-3},
    },
    profiles={
        "paper": {
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "dim": 512, "layers": 3},
                "train": RETHINKING,
            }
        }
    },
)
