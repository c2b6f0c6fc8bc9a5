"""Label prior: every image has each attribute with its share in training.  Learns nothing else.

The floor of every table.  Its ranking scores all images alike, so the gallery's own order decides
(as the official dummy of the UPAR challenge does).
"""

from typing import Any

from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.models.base import RecognitionModel, RetrievalModel


@MODELS.register_module()
class LabelPrior(RecognitionModel):
    """Predicts the training share of each attribute; see `RecognitionModel` for the arguments."""

    feature_dim = 1

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to zeros ``(B, 1)``."""
        return images.new_zeros(len(images), 1)

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, 1)`` to the logit of the training shares, ``(B, A)``."""
        return self.positive_ratio.logit(eps=1e-6).expand(len(features), -1)


@MODELS.register_module()
class ConstantScore(RetrievalModel):
    """Scores every image alike."""

    embeds = False

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` zeros."""
        return features.new_zeros(len(vectors), len(features))


UNTRAINED: dict[str, Any] = {"epochs": 0}
METHOD = Method(
    title="Label prior",
    cite="no paper: a floor",
    family="floor",
    recognition={"model": {"type": "LabelPrior"}, "train": UNTRAINED},
    retrieval={
        "parent": "label_prior",
        "model": {"type": "ConstantScore"},
        "train": UNTRAINED,
    },
)
