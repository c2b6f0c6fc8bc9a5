"""Label2Label: predicted attributes are the words of a sentence that a language model corrects.

Li, Cao, Feng, Zhou, Lu: "Label2Label: A Language Modeling Framework for Multi-Attribute Learning",
ECCV 2022.  The paper was not read: the idea is recalled, and what is marked so below is inferred.

1. Attribute queries: a transformer decoder with one learned query an attribute looks at the
   image's positions X and gives first logits ``a_j = w_j h_j + b_j``.
2. Sentence: word j is the embedding ``E[j, state]`` of attribute j being predicted absent or
   present (``a_j > 0``; no gradient passes), plus the embedding of its place.
3. Image-conditioned masked language model: in training each word is replaced by one mask vector
   with probability ``mask``; a second decoder, in which words attend to each other and then to X,
   predicts every attribute of the sentence again, ``c_j = u_j g_j + d_j``.

The loss is `weighted_bce(a) + weight * weighted_bce(c)`; the prediction is sigmoid(c), of the whole
sentence.  Inferred: hard states, all places supervised and not the masked ones alone, mask 0.1,
weight 1, pre-norm layers with dropout 0.1, one layer each.

Departures from the common budget: none in ``default`` but the rate; ``paper`` has the released
code's recipe.

Learning rate 2e-3 in ``default``, from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.5 M parameters and 154 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.losses import weighted_bce
from clear_bench.models.residual import RESNET50, SMALL, ResidualNetwork, pooled


class AttributeDecoder(nn.Module):
    """Decoder layers over one token an attribute, and a classifier of each token.

    Args:
        attributes: A.
        dim: Width d.
        layers: Each has self-attention, cross-attention to the image and a feed-forward net of 2 d.
        heads: Must divide ``dim``.
    """

    def __init__(self, attributes: int, dim: int, layers: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                dim, heads, 2 * dim, dropout=0.1, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)
        self.weight = nn.Parameter(torch.randn(attributes, dim) / dim**0.5)
        self.bias = nn.Parameter(torch.zeros(attributes))

    def forward(self, tokens: Tensor, image: Tensor) -> Tensor:
        """Map tokens ``(B, A, d)`` and the image's positions ``(B, N, d)`` to logits ``(B, A)``."""
        for layer in self.layers:
            tokens = layer(tokens, image)
        return (self.norm(tokens) * self.weight).sum(dim=2) + self.bias


@MODELS.register_module()
class Label2Label(PerAttributeModel):
    """Attribute queries, then a masked language model over their answers.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dim: Width of both decoders.
        layers: Layers of each decoder.
        heads: Attention heads.
        mask: Probability that a word is masked in training.
        weight: Weight of the language model's loss.
        common: See `RecognitionModel`.
    """

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        dim: int,
        layers: int,
        heads: int,
        mask: float,
        weight: float,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        height, width = self.trunk.grid
        self.project = nn.Linear(self.summary_dim, dim)
        self.position = nn.Parameter(0.02 * torch.randn(height * width, dim))
        self.queries = nn.Parameter(0.02 * torch.randn(self.attributes, dim))
        self.query_decoder = AttributeDecoder(self.attributes, dim, layers, heads)
        self.words = nn.Parameter(0.02 * torch.randn(self.attributes, 2, dim))
        self.places = nn.Parameter(0.02 * torch.randn(self.attributes, dim))
        self.mask_word = nn.Parameter(0.02 * torch.randn(dim))
        self.language_model = AttributeDecoder(self.attributes, dim, layers, heads)
        self.mask, self.weight = mask, weight

    def see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)`` and their positions ``(B, N, d)``."""
        maps = self.trunk(images)[-1]
        return pooled(maps), self.project(maps.flatten(2).transpose(1, 2)) + self.position

    def first(self, image: Tensor) -> Tensor:
        """Map the image's positions ``(B, N, d)`` to the attribute queries' logits ``(B, A)``."""
        return self.query_decoder(self.queries.expand(len(image), -1, -1), image)

    def sentence(self, logits: Tensor, masked: Tensor | None = None) -> Tensor:
        """Return the words ``(B, A, d)`` that first logits ``(B, A)`` say, some of them masked.

        Args:
            logits: Of the attribute queries.
            masked: ``(B, A)`` bool, which words are hidden; None hides none.
        """
        present = (logits > 0).unsqueeze(-1)
        words = torch.where(present, self.words[:, 1], self.words[:, 0])
        if masked is not None:
            words = torch.where(masked.unsqueeze(-1), self.mask_word, words)
        return words + self.places

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)`` and the language model's logits ``(B, A)``."""
        summary, image = self.see(images)
        return summary, self.language_model(self.sentence(self.first(image)), image)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the attribute queries and of the language model."""
        _, image = self.see(images)
        first = self.first(image)
        # Drawn on the CPU, so that a seed means the same on every device.
        masked = (torch.rand(labels.shape) < self.mask).to(first.device)
        second = self.language_model(self.sentence(first, masked), image)
        return {
            "loss_query": weighted_bce(first, labels, self.positive_ratio),
            "loss_sentence": self.weight * weighted_bce(second, labels, self.positive_ratio),
        }


METHOD = Method(
    title="Label2Label",
    cite="Li et al., ECCV 2022",
    recognition={
        "model": {
            "type": "Label2Label",
            "resnet": SMALL,
            "pretrained": False,
            "dim": 96,
            "layers": 1,
            "heads": 4,
            "mask": 0.1,
            "weight": 1.0,
        },
        "train": {"lr": 2e-3},
    },
    profiles={
        "paper": {
            "data": {"image_size": [256, 192]},
            "recognition": {
                "model": {
                    "resnet": RESNET50,
                    "pretrained": True,
                    "dim": 512,
                    "layers": 2,
                    "heads": 8,
                },
                "train": {
                    "epochs": 25,
                    "batch_size": 32,
                    "optimizer": "SGD",
                    "lr": 0.1,
                    "rates": {"trunk": 0.1},
                    "weight_decay": 5e-4,
                    "nesterov": False,
                    "schedule": "plateau",
                    "watch": "loss",
                    "warmup_epochs": 0,
                    "precision": "fp32",
                },
            },
        }
    },
)
