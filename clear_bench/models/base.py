"""The contract of every method: what a recognition and a retrieval model must answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModel
from torch import Tensor, nn

from clear_bench.models import preprocessing  # noqa: F401 - registers `PersonPreprocessor`
from clear_bench.models.losses import targets, weighted_bce
from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.errors import UserError


class RecognitionModel(BaseModel):
    """Image to a probability per attribute.  A method sets ``feature_dim`` and two maps.

    One with a loss of its own says by ``masks_unknown`` whether that leaves out labels that are
    NaN, as those of `clear_bench.models.losses` do; what says nothing does not train on data with
    unknown labels.

    Args:
        attributes: A, number of attributes.
        image_size: (height, width) in pixels.
        positive_ratio: A shares of positives in the training split.
        augment: Arguments of `PersonPreprocessor`.
    """

    feature_dim: int
    masks_unknown = True
    no_onnx = ""  # why it cannot become a graph of ONNX, for a method whose network cannot
    positive_ratio: Tensor
    whole_batch = False  # whether the loss is no mean over images, so that a part is another loss

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "loss" in vars(cls) and "masks_unknown" not in vars(cls):
            cls.masks_unknown = False

    def __init__(
        self,
        attributes: int,
        image_size: Sequence[int],
        positive_ratio: Sequence[float],
        augment: dict[str, Any],
    ) -> None:
        super().__init__({"type": "PersonPreprocessor", **augment})
        self.attributes = attributes
        self.image_size = (int(image_size[0]), int(image_size[1]))
        ratio = torch.tensor(list(positive_ratio), dtype=torch.float32)
        self.register_buffer("positive_ratio", ratio)

    def init_weights(self) -> None:
        """Leave the weights as they were built.

        mmengine calls this before training, and its own would let some of timm's networks
        initialise themselves again: published weights would be lost without a word.
        """

    def features(self, images: Tensor) -> Tensor:
        """Map normalised images ``(B, 3, H, W)`` to features ``(B, feature_dim)``."""
        raise TypeError(f"{type(self).__name__} has no features")

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        raise TypeError(f"{type(self).__name__} has no classifier")

    def blocks(self, which: str) -> list[nn.Module]:
        """Return the parts that retrieval trains further, see `FinetunedRetrieval`.

        Args:
            which: ``last`` for the last block of each branch and what joins them, ``all`` for
                everything that the features are made of.
        """
        raise TypeError(f"{type(self).__name__} does not say which its last block is")

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of a batch; those whose name holds "loss" are added up.

        Args:
            images: ``(B, 3, H, W)``, normalised.
            labels: ``(B, A)`` float32 of 0, 1 and NaN (unknown).
        """
        logits = self.classify(self.features(images))
        return {"loss": weighted_bce(logits, labels, self.positive_ratio)}

    def forward(self, images: Tensor, labels: Tensor, rows: Tensor, mode: str = "tensor") -> Any:
        """Answer mmengine's three modes: ``loss``, ``predict`` (list of one dict) or ``tensor``."""
        if mode == "loss":
            return self.loss(images, targets(labels))
        features = self.features(images)
        logits = self.classify(features)
        probabilities = torch.sigmoid(logits)
        if mode == "predict":
            return [{"rows": rows, "probabilities": probabilities, "logits": logits}]
        return features, probabilities


class PerAttributeModel(RecognitionModel):
    """A recognition method whose classifier reads a vector of its own for each attribute.

    A method sets ``summary_dim`` and answers `look`.  What it leaves to retrieval is the image's
    summary and the logits: all vectors together would be as many times wider as there are
    attributes.
    """

    summary_dim: int

    @property
    def feature_dim(self) -> int:  # type: ignore[override]
        """Width of the features: the summary, then a logit an attribute."""
        return self.summary_dim + self.attributes

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to a summary ``(B, summary_dim)`` and logits ``(B, A)``."""
        raise TypeError(f"{type(self).__name__} has no eyes")

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to ``(B, summary_dim + A)``."""
        return torch.cat(self.look(images), dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits ``(B, A)`` that the features end with."""
        return features[:, -self.attributes :]


class RetrievalModel(BaseModel):
    """Attribute query to a ranked gallery, on features that a recognition run has computed.

    A method maps both sides into one space (`embed_images`, `embed_queries`); similarity is then
    the cosine.  One that has no such space sets ``embeds`` to False and answers `scores`.  One
    whose loss depends on nothing but a batch's features and categories may set ``tunable``: then
    the network that makes the features can be trained with it, see `FinetunedRetrieval`.
    """

    embeds = True
    mirror = True  # whether training sees mirrored images too
    tunable = False
    vectors: Tensor
    one_hot: Tensor
    text: Tensor
    made_one_hot: Tensor
    made_text: Tensor
    text_mean: Tensor
    feature_mean: Tensor
    groups: Tensor
    counts: Tensor

    def __init__(self, table: str) -> None:
        """Load the training table.

        Args:
            table: An ``.npz`` file with the training categories' ``vectors`` ``(C, A)``, their
                ``one_hot`` code ``(C, H)`` and ``text`` ``(C, T)`` embeddings (T is 0 for methods
                that read no text), how many training images each has, ``counts`` ``(C,)``, the
                number of each attribute's exclusive group, ``groups`` ``(A,)``, and
                ``feature_mean`` ``(D,)`` of the training images.  If queries were made up,
                ``made_one_hot`` ``(M, H)`` and ``made_text`` ``(M, T)`` of those.
        """
        super().__init__()
        kept = ("vectors", "one_hot", "text", "counts")
        made = ("made_one_hot", "made_text")
        arrays = read_arrays(Path(table), (*kept, "groups", "feature_mean"), optional=made)
        for name in kept:
            self.register_buffer(name, torch.from_numpy(arrays[name]).float(), persistent=False)
        for name in ("one_hot", "text"):
            values = torch.from_numpy(arrays.get(f"made_{name}", arrays[name][:0])).float()
            self.register_buffer(f"made_{name}", values, persistent=False)
        self.register_buffer("groups", torch.from_numpy(arrays["groups"]).long(), persistent=False)
        self.register_buffer("text_mean", self.text.mean(dim=0))
        self.register_buffer("feature_mean", torch.from_numpy(arrays["feature_mean"]))

    def alone(self, why: str) -> None:
        """Refuse to be one of several processes.

        Raises:
            UserError: If the run has more than one; ``why`` says what they would not share.
        """
        if get_world_size() > 1:
            name = type(self).__name__
            raise UserError(f"{name}: {why}; run it in one process (it takes seconds)")

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map ``(N, D)`` features and ``(N, A)`` probabilities to unit vectors ``(N, d)``."""
        raise TypeError(f"{type(self).__name__} has no image embedding")

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors ``(Q, A)``, code and text of each to unit vectors ``(Q, d)``."""
        raise TypeError(f"{type(self).__name__} has no query embedding")

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` scores, higher for better, where there is no common space."""
        raise TypeError(f"{type(self).__name__} scores by cosine")

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the losses of a batch of ``(B, D)`` features and their categories ``(B,)``."""
        raise TypeError(f"{type(self).__name__} does not train")

    def forward(
        self,
        features: Tensor,
        mirrored: Tensor,
        category: Tensor,
        rows: Tensor,
        mode: str = "loss",
    ) -> dict[str, Tensor]:
        """Answer mmengine's training step; each image comes as it is or mirrored, at random."""
        if not self.mirror:
            return self.loss(features, category)
        as_is = torch.rand(len(features), 1) < 0.5
        return self.loss(torch.where(as_is.to(features.device), features, mirrored), category)
