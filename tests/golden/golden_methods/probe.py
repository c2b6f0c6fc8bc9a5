"""The smallest method of both tasks: what moves its numbers is the engine, and no method.

One linear layer on the mean of image rows, with a loss of its own, so that nothing of
``clear_bench.models`` but the contract is in it.
"""

from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.models.base import RecognitionModel, RetrievalModel


@MODELS.register_module()
class ProbeRecogniser(RecognitionModel):
    """A linear layer on the mean of each row of pixels."""

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.feature_dim = 3 * self.image_size[0]
        self.head = nn.Linear(self.feature_dim, self.attributes)

    def features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to ``(B, 3 H)``."""
        return images.mean(dim=3).flatten(1)

    def classify(self, features: Tensor) -> Tensor:
        """Map features to logits ``(B, A)``."""
        return self.head(features)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the plain cross-entropy."""
        logits = self.classify(self.features(images))
        return {"loss": F.binary_cross_entropy_with_logits(logits, labels)}


@MODELS.register_module()
class ProbeRanker(RetrievalModel):
    """Two linear maps into one space."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.image = nn.Linear(len(self.feature_mean), 8)
        self.query = nn.Linear(self.one_hot.shape[1] + self.text.shape[1], 8)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map centred features to unit vectors ``(N, 8)``."""
        return F.normalize(self.image(features - self.feature_mean), dim=1)

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map code and text to unit vectors ``(Q, 8)``."""
        return F.normalize(self.query(torch.cat([one_hot, text - self.text_mean], dim=1)), dim=1)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the cross-entropy over the training categories."""
        queries = self.embed_queries(self.vectors, self.one_hot, self.text)
        images = self.embed_images(features, features)
        return {"loss": F.cross_entropy(8 * images @ queries.T, category)}


METHOD = Method(
    title="Probe",
    cite="none",
    recognition={
        "model": {"type": "ProbeRecogniser"},
        "train": {"epochs": 3, "warmup_epochs": 1, "batch_size": 16, "ema": 0.1},
    },
    retrieval={
        "parent": "probe",
        "model": {"type": "ProbeRanker"},
        "train": {"epochs": 3, "warmup_epochs": 1, "batch_size": 16, "optimizer": "SGD"},
        "text": {"encoder": "glove"},
    },
)
