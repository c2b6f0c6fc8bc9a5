"""The contract of every method: what a recognition and a retrieval model must answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.errors import UserError
from clear_bench.models.losses import weighted_bce

MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB, of values in 0..1
STD = (0.229, 0.224, 0.225)


@MODELS.register_module()
class PersonPreprocessor(BaseDataPreprocessor):
    """Uint8 batches to normalised floats on the model's device, augmented while training.

    One pass over the whole batch instead of one per image, so the loader only copies bytes.
    Augmentation is Pad + RandomCrop + horizontal flip, as in C2T-Net's released recipe.

    Args:
        pad: Pixels of zero padding on each side before the crop.
        flip: Whether images are mirrored with probability 1/2.
    """

    def __init__(self, pad: int, flip: bool) -> None:
        super().__init__()
        self.pad = pad
        self.flip = flip
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Map ``images`` from ``(B, H, W, 3)`` uint8 to ``(B, 3, H, W)`` float32, normalised."""
        data = self.cast_data(dict(data))
        images = data["images"].permute(0, 3, 1, 2)
        if training:
            images = self.augment(images)
        data["images"] = (images.float() - self.mean) / self.std
        return data

    def augment(self, images: Tensor) -> Tensor:
        """Return randomly shifted and mirrored copies of ``(B, 3, H, W)`` uint8 images.

        The draws come from the CPU generator, so that a seed means the same on every device.
        """
        batch, _, height, width = images.shape
        padded = F.pad(images, (self.pad,) * 4)
        top, left = torch.randint(0, 2 * self.pad + 1, (2, batch, 1))
        rows = top + torch.arange(height)
        columns = left + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(batch, 1) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        index = torch.arange(batch)[:, None, None]
        # Advanced indices around the channel axis put it last: (B, H, W, 3), then back.
        picked = padded[index, :, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)


class RecognitionModel(BaseModel):
    """Image to a probability per attribute.  A method sets ``feature_dim`` and two maps.

    Args:
        attributes: A, number of attributes.
        image_size: (height, width) in pixels.
        positive_ratio: A shares of positives in the training split.
        augment: Arguments of `PersonPreprocessor`.
    """

    feature_dim: int
    positive_ratio: Tensor

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
        """Return the parts that retrieval trains further, see `TunedRetrieval`.

        Args:
            which: ``last`` for the last block of each branch and what joins them, ``all`` for
                everything that the features are made of.
        """
        raise TypeError(f"{type(self).__name__} does not say which its last block is")

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of a batch; those whose name holds "loss" are added up."""
        logits = self.classify(self.features(images))
        return {"loss": weighted_bce(logits, labels, self.positive_ratio)}

    def forward(self, images: Tensor, labels: Tensor, rows: Tensor, mode: str = "tensor") -> Any:
        """Answer mmengine's three modes: ``loss``, ``predict`` (list of one dict) or ``tensor``."""
        if mode == "loss":
            return self.loss(images, labels.float())
        features = self.features(images)
        probabilities = torch.sigmoid(self.classify(features))
        if mode == "predict":
            return [{"rows": rows, "probabilities": probabilities}]
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


def prior_logit(positive_ratio: Tensor) -> Tensor:
    """Return the logits ``(A,)`` at which `weighted_bce` of a constant prediction is least.

    ``log(r / (1 - r)) + 1 - 2 r``.  A classifier whose shift is a parameter of its own starts
    there: AdamW moves each parameter by about the learning rate a step, so from 0 it would need
    thousands of steps, and until then too many attributes would be called present.
    """
    ratio = positive_ratio.clamp(1e-3, 1 - 1e-3)
    return torch.logit(ratio) + 1 - 2 * ratio


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation; a batch of one, as the last may be, gets the running averages."""

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, D)`` to ``(N, D)``."""
        if self.training and len(input) == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


def logit_norm(positive_ratio: Tensor) -> BatchNorm:
    """Return a batch norm over logits ``(B, A)`` whose shift starts at the `prior_logit`."""
    norm = BatchNorm(len(positive_ratio))
    with torch.no_grad():
        norm.bias.copy_(prior_logit(positive_ratio))
    return norm


def read_phrases(file: str, attributes: int) -> Tensor:
    """Return the attributes' text embeddings ``(A, T)``, centred and scaled.

    The mean over attributes is subtracted and all is divided by one number, the root mean square
    of what remains: sentence encoders put such short phrases close together (inferred need; the
    papers feed theirs as they are, and the linear layer that follows could undo this).

    Args:
        file: An ``.npz`` file with ``text`` ``(A, T)``.
        attributes: A.

    Raises:
        UserError: If the file is missing or is of another schema.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            text = torch.from_numpy(arrays["text"]).float()
    except (OSError, KeyError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise UserError(f"{file}: no phrases in it ({cause}); train the run again") from None
    if len(text) != attributes:
        raise UserError(f"{file}: {len(text)} phrases, must be {attributes}, one an attribute")
    centred = text - text.mean(dim=0)
    return centred / centred.square().mean().sqrt().clamp(min=1e-6)


class RetrievalModel(BaseModel):
    """Attribute query to a ranked gallery, on features that a recognition run has computed.

    A method maps both sides into one space (`embed_images`, `embed_queries`); similarity is then
    the cosine.  One that has no such space sets ``embeds`` to False and answers `scores`.  One
    whose loss depends on nothing but a batch's features and categories may set ``tunable``: then
    the network that makes the features can be trained with it, see `TunedRetrieval`.
    """

    embeds = True
    mirror = True  # whether training sees mirrored images too
    tunable = False
    vectors: Tensor
    one_hot: Tensor
    text: Tensor
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
                ``feature_mean`` ``(D,)`` of the training images.
        """
        super().__init__()
        with np.load(table, allow_pickle=False) as arrays:
            for name in ("vectors", "one_hot", "text", "counts"):
                values = torch.from_numpy(arrays[name]).float()
                self.register_buffer(name, values, persistent=False)
            groups = torch.from_numpy(arrays["groups"]).long()
            self.register_buffer("groups", groups, persistent=False)
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
