"""AIHM: match images and queries at two levels, as a whole and attribute by attribute.

Dong, Gong, Zhu: "Person Search by Text Attribute Query as Zero-Shot Learning", ICCV 2019.  From its
abstract: global category-level and local attribute-level embeddings learned and matched together,
a quality-aware fusion for noisy images and labels, and negative categories made by augmentation.
Of its formulas one could be read, that of G below, in claim 1 of a patent on text-based image
search (US 12,322,198) worded as the abstract is.  That it is the paper's too, the shapes in it and
all other formulas are recalled or inferred.  No public code was found (searched again 2026-11-27).

Local: attribute a of an image is a unit vector v_a(x), value 0 or 1 of attribute a in a query a
unit vector t_a(y_a).  Global: one unit vector g(x) of the image and one G(y) of the query, made of
its local ones: ``tanh(sum_a w2_a tanh(w1_a t_a(y_a)))`` to unit length, with a matrix w1_a and
a factor of each unit w2_a.  Quality: u_a(x) says how well an attribute can be seen in an image,
w_a(y) how much it tells in a query; both are positive, of unit length over a, and weigh the fusion
of local similarities:

    s(x, y) = b g(x) G(y) + (1 - b) sum_a u_a(x) w_a(y) v_a(x) t_a(y_a),   0 < b < 1 learned.

As all parts are of unit length, s is the cosine of two concatenated vectors, so ranking is as for
every other method.  Training: cross-entropy of ``scale * s`` over all training categories and, for
each image, ``negatives`` categories made from its own by exchanging one or two attribute groups
with those of a random category: near misses that training lacks.  The same loss is put on the local
level at each attribute, between its two values.

Departures: frozen cached features of a shared parent (``retrieval.parent``), so the local vectors
are linear maps of the global feature instead of maps of mid-level ResNet-50 activations; value
embeddings are learned instead of mapped from word2vec.  Cost: seconds on cached features.
"""

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import COUNT, DROPOUT, POSITIVE, WEIGHT, WIDTH, Declared
from clear_bench.models.joint_space import JointSpace


@MODELS.register_module()
class Aihm(JointSpace):
    """Both levels and their fusion.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: See `JointSpace`.
        dim: Width of the global level.
        local_dim: Width of each attribute's local vectors.
        scale: Of similarities before the softmax.
        negatives: Augmented negative categories an image; 0 for none.
        local_weight: Of the attribute-level loss.
    """

    def __init__(
        self,
        table: str,
        feature_dropout: float,
        dim: int,
        local_dim: int,
        scale: float,
        negatives: int,
        local_weight: float,
    ) -> None:
        super().__init__(table, feature_dropout)
        self.scale, self.negatives, self.local_weight = scale, negatives, local_weight
        attributes = self.vectors.shape[1]
        self.visual = nn.Linear(self.feature_size, dim)
        self.visual_local = nn.Linear(self.feature_size, attributes * local_dim)
        self.visual_quality = nn.Linear(self.feature_size, attributes)
        self.values_local = nn.Parameter(torch.randn(attributes, 2, local_dim))
        self.value_quality = nn.Parameter(torch.zeros(attributes, 2))
        self.widen = nn.Parameter(torch.randn(attributes, dim, local_dim))  # w1
        self.join = nn.Parameter(torch.randn(attributes, dim) / attributes**0.5)  # w2
        self.balance = nn.Parameter(torch.zeros(()))  # its sigmoid is b

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map features to unit vectors ``(N, dim + A local_dim)``."""
        return self._images(self.centred(features))[0]

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors to unit vectors ``(Q, dim + A local_dim)``."""
        present = vectors[:, :, None]

        def chosen(table: Tensor) -> Tensor:  # (A, 2, d) to (Q, A, d)
            return torch.lerp(table[:, 0], table[:, 1], present)

        quality = chosen(self.value_quality[:, :, None]).sigmoid()
        quality = F.normalize(quality, dim=1)
        units = F.normalize(self.values_local, dim=2)
        terms = self.join[:, None] * torch.tanh(torch.einsum("adl,avl->avd", self.widen, units))
        summed = terms[:, 0].sum(dim=0) + vectors @ (terms[:, 1] - terms[:, 0])
        whole = F.normalize(torch.tanh(summed), dim=1)
        local = quality * F.normalize(chosen(self.values_local), dim=2)
        return self._join(whole, local)

    def augment(self, category: Tensor) -> Tensor:
        """Return ``(B, K, A)`` negatives: each own category with one or two groups exchanged."""
        batch, count = len(category), int(self.groups.max()) + 1
        shape = (batch * self.negatives, count)
        vectors = self.vectors[category].repeat_interleave(self.negatives, dim=0)
        donors = self.vectors[torch.randint(len(self.vectors), shape[:1]).to(vectors.device)]
        order = torch.rand(shape).argsort(dim=1)
        exchanged = order < torch.randint(1, 3, (shape[0], 1))
        mixed = self.mix(vectors, donors, exchanged.to(vectors.device))
        return mixed.view(batch, self.negatives, -1)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the matching loss over real and made categories, and the attribute-level loss."""
        images, local = self._images(self.centred(features))
        logits = self.scale * images @ self._query(self.vectors).T
        if self.negatives:
            made = self.augment(category)
            queries = self._query(made.flatten(0, 1)).view(*made.shape[:2], -1)
            same = (made == self.vectors[category][:, None]).all(dim=2)
            harder = self.scale * torch.einsum("bd,bkd->bk", images, queries)
            # A donor that brings nothing new has made the true category again: no negative.
            logits = torch.cat([logits, harder.masked_fill(same, -torch.inf)], dim=1)
        return {
            "loss_match": F.cross_entropy(logits, category),
            "loss_local": self.local_weight * self._attribute_loss(local, category),
        }

    def _query(self, vectors: Tensor) -> Tensor:
        """Return the embedding of attribute vectors; neither code nor text is read."""
        return self.embed_queries(vectors, vectors, vectors)

    def _images(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the joint embedding and the local unit vectors ``(N, A, local_dim)``."""
        whole = F.normalize(self.visual(features), dim=1)
        local = self.visual_local(features).view(len(features), len(self.values_local), -1)
        local = F.normalize(local, dim=2)
        quality = F.normalize(self.visual_quality(features).sigmoid(), dim=1)
        return self._join(whole, quality[:, :, None] * local), local

    def _join(self, whole: Tensor, local: Tensor) -> Tensor:
        """Concatenate both levels so that a product of two results is b and 1 - b of theirs."""
        share = self.balance.sigmoid()
        return torch.cat([share.sqrt() * whole, (1 - share).sqrt() * local.flatten(1)], dim=1)

    def _attribute_loss(self, local: Tensor, category: Tensor) -> Tensor:
        """Return the cross-entropy between the two values of each attribute, averaged."""
        values = F.normalize(self.values_local, dim=2)
        logits = self.scale * torch.einsum("nad,avd->nva", local, values)
        return F.cross_entropy(logits, self.vectors[category].long())


METHOD = Method(
    title="AIHM",
    cite="Dong et al., ICCV 2019",
    family="joint embedding",
    papers=[
        {
            "authors": "Dong, Qi and Gong, Shaogang and Zhu, Xiatian",
            "title": "Person Search by Text Attribute Query As Zero-Shot Learning",
            "venue": "ICCV",
            "year": 2019,
            "pages": "3652-3661",
            "doi": "10.1109/ICCV.2019.00375",
            "read": "openaccess.thecvf.com; mlanthology.org",
        },
    ],
    options={
        "retrieval": Declared(
            {
                "feature_dropout": DROPOUT,
                "dim": WIDTH,
                "local_dim": WIDTH,
                "scale": POSITIVE,
                "negatives": COUNT,
                "local_weight": WEIGHT,
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {
            "type": "Aihm",
            "feature_dropout": 0.1,
            "dim": 128,
            "local_dim": 16,
            "scale": 16.0,
            "negatives": 8,
            "local_weight": 1.0,
        },
        "train": {"epochs": 12, "batch_size": 128, "lr": 9e-3, "warmup_epochs": 0},
    },
    numbers={"retrieval": 2},
    profiles={"paper": {"retrieval": {"train": {"lr": 1e-3}}}},  # unknown: the common ones
)
