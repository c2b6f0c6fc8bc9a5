"""Label2Label: predicted attributes are the words of a sentence that a language model corrects.

Li, Cao, Feng, Zhou, Lu: "Label2Label: A Language Modeling Framework for Multi-Attribute Learning",
ECCV 2022; after the official pedestrian code (Li-Wanhua/Label2Label @ d8bc025,
``Pedestrian_Attribute/``).

The image's positions are X, with fixed sine and cosine places P that are added to keys alone.

1. Attribute queries: learned queries, one an attribute, attend to each other in an encoder layer,
   then decoder layers let them look at X; ``a = BN(w_j h_j + b_j)``.
2. Sentence: word j is the embedding ``E[j, state]`` of attribute j being predicted absent or
   present (``a_j > 0``; no gradient passes).  In training each word is replaced by a mask vector
   of its attribute with probability ``mask``.
3. Image-conditioned masked language model: more decoder layers, in which words attend to each other
   and then to X, predict every attribute of the sentence again, ``c = BN(u_j g_j + d_j)``.

Layers normalise first, have GELU, a feed-forward net as wide as themselves and dropout, 0.1 for the
queries and 0.3 for the sentence.  The loss is `weighted_bce(a) + weighted_bce(c)`; the prediction
is sigmoid(c), of the whole sentence.  Not copied: a linear classifier on the pooled maps, which the
code makes and never uses.

Departures: the norms' shifts start at the training prior (see `prior_logit`), for AdamW's sake, and
leave the biases b and d out, which they would take away again.  Published, all widths are the 2048
of ResNet-50; where ``dim`` is another, as in ``default``, a linear map goes before.  In ``default``
there is one layer where ``paper`` has two; that has the released code's recipe.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.4 M parameters and 145 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, SHARE, WIDTH, Declared, Divides, Switch, below
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.layers import AttributeLinear, logit_norm, sine_places
from clear_bench.models.losses import weighted_bce
from clear_bench.models.options import AT_LEAST_ONE, RESNET
from clear_bench.models.residual import RESNET50, SMALL, ResidualNetwork, pooled
from clear_bench.utils.errors import UserError


class Layer(nn.Module):
    """Words attend to each other, then to an image if there is one, then each is fed forward.

    Args:
        dim: Width d, and the width of the feed-forward net.
        heads: Must divide ``dim``.
        dropout: On attention and on what each of the parts gives.
        image: Whether there is an image.
    """

    def __init__(self, dim: int, heads: int, dropout: float, *, image: bool) -> None:
        super().__init__()
        attention = {"dropout": dropout, "batch_first": True}
        self.words = nn.MultiheadAttention(dim, heads, **attention)
        self.norm_words = nn.LayerNorm(dim)
        self.image = nn.MultiheadAttention(dim, heads, **attention) if image else None
        self.norm_image = nn.LayerNorm(dim) if image else None
        self.feed = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(dim, dim),
            nn.Dropout(dropout),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: Tensor, image: Tensor | None = None, key: Tensor | None = None
    ) -> Tensor:
        """Map words ``(B, A, d)`` to the same; image and its keys are ``(B, N, d)``."""
        x = self.norm_words(words)
        words = words + self.dropout(self.words(x, x, x, need_weights=False)[0])
        if self.image is not None and self.norm_image is not None:
            x = self.norm_image(words)
            words = words + self.dropout(self.image(x, key, image, need_weights=False)[0])
        return words + self.feed(words)


class AttributeDecoder(nn.Module):
    """Decoder layers over one word an attribute, and a classifier of each word.

    Args:
        positive_ratio: ``(A,)``, see `logit_norm`.
        dim: Width d.
        layers: Their number.
        heads: Attention heads.
        dropout: Of the layers.
    """

    def __init__(
        self, positive_ratio: Tensor, dim: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(dim, heads, dropout, image=True) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(0.1)
        self.head = AttributeLinear(len(positive_ratio), dim, bias=False)
        self.logit_norm = logit_norm(positive_ratio)

    def forward(self, words: Tensor, image: Tensor, key: Tensor) -> Tensor:
        """Map words ``(B, A, d)``, positions and keys ``(B, N, d)`` to logits ``(B, A)``."""
        for layer in self.layers:
            words = layer(words, image, key)
        return self.logit_norm(self.head(self.dropout(self.norm(words))).squeeze(2))


@MODELS.register_module()
class Label2Label(PerAttributeModel):
    """Attribute queries, then a masked language model over their answers.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dim: Width of encoder and decoders, a multiple of 4.
        layers: Layers of each decoder.
        heads: Attention heads; must divide ``dim``.
        query_dropout: Dropout of the queries' encoder and decoder.
        label_dropout: Dropout of the language model's layers.
        mask: Probability that a word is masked in training.
        common: See `RecognitionModel`.

    Raises:
        UserError: If ``dim`` fits neither the places nor the heads.
    """

    masks_unknown = True
    places: Tensor

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        dim: int,
        layers: int,
        heads: int,
        query_dropout: float,
        label_dropout: float,
        mask: float,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if dim % 4 or dim % heads:
            raise UserError(f"label2label: dim={dim} must be a multiple of 4 and of heads={heads}")
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.summary_dim = self.trunk.widths[-1]
        same = dim == self.summary_dim
        self.project = nn.Identity() if same else nn.Linear(self.summary_dim, dim)
        self.register_buffer("places", sine_places(self.trunk.grid, dim), persistent=False)
        self.queries = nn.Parameter(torch.randn(self.attributes, dim))
        self.query_encoder = Layer(dim, heads, query_dropout, image=False)
        self.query_norm = nn.LayerNorm(dim)
        decoder = (self.positive_ratio, dim, layers, heads)
        self.query_decoder = AttributeDecoder(*decoder, query_dropout)
        self.words = nn.Parameter(torch.randn(self.attributes, 2, dim))
        self.masks = nn.Parameter(torch.randn(self.attributes, dim))
        self.language_model = AttributeDecoder(*decoder, label_dropout)
        self.mask = mask

    def see(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)``, their positions and keys ``(B, N, d)``."""
        maps = self.trunk(images)[-1]
        image = self.project(maps.flatten(2).transpose(1, 2))
        return pooled(maps), image, image + self.places

    def first(self, image: Tensor, key: Tensor) -> Tensor:
        """Map the image's positions and keys ``(B, N, d)`` to the queries' logits ``(B, A)``."""
        queries = self.query_norm(self.query_encoder(self.queries.expand(image.shape[0], -1, -1)))
        return self.query_decoder(queries, image, key)

    def sentence(self, logits: Tensor, masked: Tensor | None = None) -> Tensor:
        """Return the words ``(B, A, d)`` that first logits ``(B, A)`` say, some of them masked.

        Args:
            logits: Of the attribute queries.
            masked: ``(B, A)`` bool, which words are hidden; None hides none.
        """
        present = (logits > 0).unsqueeze(-1)
        words = torch.where(present, self.words[:, 1], self.words[:, 0])
        return words if masked is None else torch.where(masked.unsqueeze(-1), self.masks, words)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the pooled maps ``(B, D)`` and the language model's logits ``(B, A)``."""
        summary, image, key = self.see(images)
        return summary, self.language_model(self.sentence(self.first(image, key)), image, key)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the attribute queries and of the language model."""
        _, image, key = self.see(images)
        first = self.first(image, key)
        # Drawn on the CPU, so that a seed means the same on every device.
        masked = (torch.rand(labels.shape) < self.mask).to(first.device)
        second = self.language_model(self.sentence(first, masked), image, key)
        return {
            "loss_query": weighted_bce(first, labels, self.positive_ratio),
            "loss_sentence": weighted_bce(second, labels, self.positive_ratio),
        }


METHOD = Method(
    title="Label2Label",
    cite="Li et al., ECCV 2022",
    family="language-based",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Li, Wanhua and Cao, Zhexuan and Feng, Jianjiang and Zhou, Jie and Lu, "
            "Jiwen",
            "title": "Label2Label: A Language Modeling Framework for Multi-Attribute Learning",
            "venue": "ECCV",
            "year": 2022,
            "arxiv": "2207.08677",
            "doi": "10.1007/978-3-031-19775-8_33",
            "read": "project page li-wanhua.github.io/Label2Label; link.springer.com; page of"
            " arXiv 2207.08677",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "dim": WIDTH,
                "layers": AT_LEAST_ONE,
                "heads": AT_LEAST_ONE,
                "query_dropout": DROPOUT,
                "label_dropout": DROPOUT,
                "mask": SHARE,
            },
            (
                Divides("heads", "dim"),
                Divides(4, "dim"),
            ),
        )
    },
    recognition={
        "model": {
            "type": "Label2Label",
            "resnet": SMALL,
            "pretrained": False,
            "dim": 64,
            "layers": 1,
            "heads": 4,
            "query_dropout": 0.1,
            "label_dropout": 0.3,
            "mask": 0.1,
        },
        "train": {"lr": 4e-3},
    },
    numbers={"recognition": 3},
    profiles={
        "base": {"recognition": {"model": {"dim": 512}}},
        "paper": {
            "data": {"image_size": [256, 192]},
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "dim": 2048, "layers": 2},
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
        },
    },
)
