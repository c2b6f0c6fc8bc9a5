"""Chance: random probabilities, and galleries in random order.

What a method must leave behind before anything is said about it.  An untrained run is built right
after its seed is set, so each seed draws its own numbers.
"""

from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.models.base import RecognitionModel, RetrievalModel


@MODELS.register_module()
class CoinFlip(RecognitionModel):
    """Predicts uniform random probabilities; see `RecognitionModel` for the arguments."""

    feature_dim = 1

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to zeros ``(B, 1)``."""
        return images.new_zeros(len(images), 1)

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, 1)`` to logits ``(B, A)`` of uniform probabilities."""
        drawn = torch.rand(len(features), self.attributes, generator=self.generator)
        return drawn.logit(eps=1e-6).to(features.device)


@MODELS.register_module()
class RandomOrder(RetrievalModel):
    """Scores images at random."""

    embeds = False

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` uniform random scores."""
        return torch.rand(len(vectors), len(features), generator=self.generator)


METHOD = Method(
    title="Chance",
    cite="no paper: a floor",
    family="floor",
    recognition={"model": {"type": "CoinFlip"}, "train": {"epochs": 0}},
    retrieval={"parent": "chance", "model": {"type": "RandomOrder"}, "train": {"epochs": 0}},
)
