"""DAFL: a feature of its own for each attribute, found by learned semantic queries in a cascade.

Jia, Gao, He, Chen, Huang: "Learning Disentangled Attribute Representations for Robust Pedestrian
Attribute Recognition", AAAI 2022.  Its abstract and the caption of its second figure were readable;
the paper was not and no code was found, so what is marked below is inferred.

Semantic queries ``Q_0`` ``(A, d)`` are learned, one an attribute.  Layer l of the cascade looks at
the image's positions X: ``M_l = softmax(Q_l K_l(X)' / sqrt(d))``,
``Q_{l+1} = FFN(LN(Q_l + O_l M_l V_l(X)))``; what it gives are the next layer's queries.  A query
meets no other attribute's, so the features are disentangled.  The logit is a dot product,
``w_j Q_L,j + b_j``.

Group attention merging: attributes of one group look at the same part of a person.  The last
layer's maps of a group's attributes, in the images where they are present and predicted so, are
merged into a memory G of one map a group, ``G <- fresh * mean + (1 - fresh) * G``, which is the
pseudo-label of all layers' maps of present attributes:
``merge * mean over (i, l, y_ij = 1) of sum_p (M_lij(p) - G_g(j)(p))^2``; no gradient through G.

Inferred: one head, layer norm and a feed-forward net, the squared distance, its weight, ``fresh``,
that "reliable" means a probability above 1/2, that all layers are supervised, and the groups: the
schema's exclusive ones (all upper colours, say), where the abstract groups by place; others can be
given by ``recognition.model.groups``, one number an attribute.  The paper has three losses; the
third one is unknown to us and left out.

Departures from the common budget: none in ``default`` but the rate; in ``paper`` the recipe of
the same authors' "Rethinking", since its own was not found.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.3 M parameters and 143 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import COUNT, SHARE, WEIGHT, WIDTH, Declared, Several, Switch, below
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.losses import told_apart, weighted_bce
from clear_bench.models.options import AT_LEAST_ONE, RESNET
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


class GroupMemory(nn.Module):
    """The merged attention map of each group, kept from batch to batch.

    Args:
        groups: Group of each attribute, from 0.
        positions: N.
        fresh: Share of the batch in the new memory; the first one is taken whole.
    """

    groups: Tensor
    mean: Tensor
    met: Tensor

    def __init__(self, groups: Sequence[int], positions: int, fresh: float) -> None:
        super().__init__()
        self.fresh = fresh
        self.register_buffer("groups", torch.tensor(list(groups)), persistent=False)
        self.register_buffer("mean", torch.zeros(max(groups) + 1, positions))
        self.register_buffer("met", torch.zeros(max(groups) + 1, dtype=torch.bool))

    def forward(self, maps: Tensor, present: Tensor, reliable: Tensor) -> Tensor:
        """Take a batch up and return the mean squared distance of present attributes' maps to it.

        Args:
            maps: ``(L, B, A, N)``, of L layers.
            present: ``(B, A)`` of 0 and 1.
            reliable: The same, of those whose last map is merged.

        Returns:
            A scalar; 0 if no present attribute has a group that was ever met.
        """
        self.update(maps[-1].detach(), reliable)
        counts = present * self.met[self.groups]
        apart = (maps - self.mean[self.groups]).square().sum(dim=3) * counts
        return apart.sum() / (len(maps) * counts.sum()).clamp(min=1)

    @torch.no_grad()
    def update(self, maps: Tensor, reliable: Tensor) -> None:
        """Merge reliable maps ``(B, A, N)`` of all processes of a run into the memory."""
        per_attribute = torch.einsum("ba,ban->an", reliable, maps)
        total = torch.zeros_like(self.mean).index_add_(0, self.groups, per_attribute)
        count = total.new_zeros(len(total)).index_add_(0, self.groups, reliable.sum(dim=0))
        for part in (total, count):
            all_reduce(part)
        fresh = torch.where(self.met, self.fresh, 1.0)[:, None]
        merged = fresh * total / count.clamp(min=1)[:, None] + (1 - fresh) * self.mean
        self.mean = torch.where((count > 0)[:, None], merged, self.mean)
        self.met = self.met | (count > 0)


@MODELS.register_module()
class Dafl(PerAttributeModel):
    """A cascade of semantic queries over a residual network.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dim: Width of the queries.
        layers: Layers of the cascade.
        merge: Weight of the group attention merging.
        fresh: See `GroupMemory`.
        groups: Group of each attribute; a run fills an empty list from the schema.
        common: See `RecognitionModel`.

    Raises:
        UserError: If there is not one group an attribute.
    """

    masks_unknown = True
    whole_batch = True

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        dim: int,
        layers: int,
        merge: float,
        fresh: float,
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
        self.memory = GroupMemory(groups, height * width, fresh)

    def attend(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images to summary ``(B, D)``, logits ``(B, A)`` and maps ``(L, B, A, N)``."""
        x = self.trunk(images)[-1]
        image = self.project(x.flatten(2).transpose(1, 2)) + self.position
        queries = self.queries.expand(images.shape[0], -1, -1)
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
        present, _ = told_apart(labels)
        return {
            "loss": weighted_bce(logits, labels, self.positive_ratio),
            "loss_merging": self.merge * self.memory(maps, present, present * (logits > 0)),
        }


METHOD = Method(
    title="DAFL",
    cite="Jia et al., AAAI 2022",
    family="convolutional",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Jia, Jian and Gao, Naiyu and He, Fei and Chen, Xiaotang and Huang, Kaiqi",
            "title": "Learning Disentangled Attribute Representations for Robust Pedestrian "
            "Attribute Recognition",
            "venue": "AAAI",
            "year": 2022,
            "doi": "10.1609/AAAI.V36I1.19991",
            "read": "mlanthology.org; repository of the authors' institute (ir.ia.ac.cn)",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "dim": WIDTH,
                "layers": AT_LEAST_ONE,
                "merge": WEIGHT,
                "fresh": SHARE,
                "groups": Several(COUNT),
            }
        )
    },
    recognition={
        "model": {
            "type": "Dafl",
            "resnet": SMALL,
            "pretrained": False,
            "dim": 64,
            "layers": 2,
            "merge": 1.0,
            "fresh": 0.9,
            "groups": [],
        },
        "train": {"lr": 8e-3},
    },
    numbers={"recognition": 3},
    profiles={
        "base": {"recognition": {"model": {"dim": 128}}},
        "paper": {
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "dim": 512, "layers": 3},
                "train": RETHINKING,
            }
        },
    },
)
