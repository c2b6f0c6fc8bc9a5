"""CMCE: each sample is classified by its affinity to a buffer of the other modality's features.

Li, Xiao, Li, Yang, Wang: "Identity-Aware Textual-Visual Matching with Latent Co-attention", ICCV
2017: its first stage, the cross-modal cross-entropy loss, with attribute categories in the place of
identities.  Neither the paper's method section nor public code was found (searched again on
2026-11-27).  Recalled, not read: the loss below and that the buffers hold the newest features; that
the features are of unit length with a scale on their product, and that a batch enters the buffers
before it is compared, are inferred.

With image features v, attribute features s and the newest stored v^k, s^k of each category k,

    p(y | v) = exp(sigma v s^y) / sum_k exp(sigma v s^k),   the same for p(y | s) with v^k,
    loss = -mean log p(y | v) - mean log p(y | s).

Stored features are constants: an image learns through its own embedding only, and so does a query.

Departures: the co-attention of the paper's second stage needs word sequences and is left out, as
always when CMCE is a competitor in attribute search (recalled); frozen cached features of a shared
parent (``retrieval.parent``) instead of VGG-16, and attribute vectors through a small network
instead of an LSTM over words.  Cost: seconds on cached features.
"""

import torch
from mmengine.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, POSITIVE, WIDTH, Declared
from clear_bench.models.joint_space import JointSpace, mlp


@MODELS.register_module()
class Cmce(JointSpace):
    """Two small networks into one space, trained against each other's buffers.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: See `JointSpace`.
        dim: Width of the space.
        width: Hidden width of both networks.
        scale: sigma.
    """

    stored_images: Tensor
    stored_queries: Tensor

    def __init__(
        self, table: str, feature_dropout: float, dim: int, width: int, scale: float
    ) -> None:
        super().__init__(table, feature_dropout)
        self.alone("each process would have a buffer of its own")
        self.scale = scale
        self.visual = mlp([self.feature_size, width, dim])
        self.attribute = mlp([self.vectors.shape[1], width, dim])
        # A category that no batch has shown yet stands at zero, with affinity zero to all.
        for name in ("stored_images", "stored_queries"):
            self.register_buffer(name, torch.zeros(len(self.vectors), dim))

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors to unit vectors ``(Q, dim)``."""
        return F.normalize(self.attribute(vectors), dim=1)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map features to unit vectors ``(N, dim)``; the probabilities are not used."""
        return F.normalize(self.visual(self.centred(features)), dim=1)

    @torch.no_grad()
    def store(self, images: Tensor, queries: Tensor, category: Tensor) -> None:
        """Keep the features of a batch; of several images of one category the first."""
        place = torch.arange(len(category), device=category.device)
        first = torch.full((len(self.vectors),), len(category), device=category.device)
        first.scatter_reduce_(0, category, place, "amin")
        kept = first[first < len(category)]
        self.stored_images[category[kept]] = images[kept]
        self.stored_queries[category[kept]] = queries[kept]

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the cross-modal cross-entropy of both directions."""
        images = self.embed_images(features, features)
        queries = self.embed_queries(
            self.vectors[category], self.one_hot[category], self.text[category]
        )
        self.store(images, queries, category)
        # Copies: the buffers change before the next backward pass could want them.
        to_queries = self.scale * images @ self.stored_queries.clone().T
        to_images = self.scale * queries @ self.stored_images.clone().T
        return {
            "loss_images": F.cross_entropy(to_queries, category),
            "loss_queries": F.cross_entropy(to_images, category),
        }


METHOD = Method(
    title="CMCE",
    cite="Li et al., ICCV 2017",
    family="joint embedding",
    papers=[
        {
            "authors": "Li, Shuang and Xiao, Tong and Li, Hongsheng and Yang, Wei and Wang, "
            "Xiaogang",
            "title": "Identity-Aware Textual-Visual Matching with Latent Co-attention",
            "venue": "ICCV",
            "year": 2017,
            "pages": "1890-1899",
            "arxiv": "1708.01988",
            "read": "reference lists that name arXiv 1708.01988 and the pages",
        },
    ],
    options={
        "retrieval": Declared(
            {
                "feature_dropout": DROPOUT,
                "dim": WIDTH,
                "width": WIDTH,
                "scale": POSITIVE,
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {
            "type": "Cmce",
            "feature_dropout": 0.1,
            "dim": 128,
            "width": 256,
            "scale": 16.0,
        },
        "train": {"epochs": 12, "batch_size": 128, "lr": 1e-3, "warmup_epochs": 0},
    },
)
