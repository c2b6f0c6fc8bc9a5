"""2WayNet: two tied channels map each view into the other, and meet in the middle layer.

Eisenschtat, Wolf: "Linking Image and Text with 2-Way Nets", CVPR 2017.  Read: its released code
(aviveise/2WayNet, Theano), of which this has mechanisms, and the weights of its image and text data
sets (``Params/FLICKR8k.py``).

Channel X maps an image feature x through layers W1 ... W4 to attributes, channel Y maps attributes
y through W4^T ... W1^T to features; biases and normalisation are each channel's own.  Each hidden
layer is linear, batch normalisation, leaky ReLU (0.3), dropout, and dropout is tied: both channels
lose the same units of a layer they share, and what they keep grows by 1 / sqrt(keep), which keeps
the variance (usual dropout keeps the mean).  With middle layers h (of X) and k (of Y), each
``(B, w)``::

    loss = |x - x'|^2 + |y - y'|^2 + 0.25 |h - k|^2                 (sums over units, means over B)
         + 0.5 sum over h, k of ( |C|_F - |diag C|_F ),  C = h^T h / B   (decorrelation)
         + 0.05 sum over normalisations of sum_u 1 / gamma_u^2           (scales must not vanish)
         + 0.05 ( sum of W^2, each shared W once, + sum of gamma^2 )     (weight decay).

The last two hold each gamma near 1.  Ranking is by the correlation of h with k (the code's
similarity).

Departures: hidden widths of hundreds instead of 2000 to 4000, without the "locally dense" layers
that make those affordable; frozen cached features of a shared parent (``retrieval.parent``) instead
of VGG or Fisher vectors; running averages as torch keeps them (momentum 0.1, of variances) instead
of averages of deviations that start at zero with momentum 0.01, which twelve epochs would not fill;
in ``default`` AdamW instead of SGD with Nesterov momentum 0.9 at 1e-4 (the common budget).  The
optimiser's own weight decay is off, since the loss has it.  Cost: seconds on cached features.
"""

from collections.abc import Iterable, Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, WEIGHT, WIDTH, Declared, Several
from clear_bench.models.joint_space import BatchNorm, JointSpace


@MODELS.register_module()
class TwoWayNet(JointSpace):
    """The tied channels.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: See `JointSpace`.
        widths: Hidden widths from the image side to the attribute side, an odd number of them.
        dropout: Of hidden units, tied.
        leak: Slope of the leaky ReLU below zero.
        middle_weight: Of the middle layers' distance.
        decorrelation: Weight of the decorrelation penalty.
        scale_weight: Weight of the penalty on small normalisation scales.
        weight_decay: Weight of the squares of all weights and normalisation scales.
    """

    attribute_mean: Tensor

    def __init__(
        self,
        table: str,
        feature_dropout: float,
        widths: Sequence[int],
        dropout: float,
        leak: float,
        middle_weight: float,
        decorrelation: float,
        scale_weight: float,
        weight_decay: float,
    ) -> None:
        super().__init__(table, feature_dropout)
        self.dropout, self.leak, self.middle = dropout, leak, len(widths) // 2
        self.middle_weight = middle_weight
        self.decorrelation, self.scale_weight = decorrelation, scale_weight
        self.weight_decay = weight_decay
        sizes = [self.feature_size, *widths, self.vectors.shape[1]]
        shapes = zip(sizes[1:], sizes[:-1], strict=True)
        self.weights = nn.ParameterList(torch.empty(shape) for shape in shapes)
        for weight in self.weights:
            nn.init.xavier_uniform_(weight)
        self.x_bias = nn.ParameterList(torch.zeros(size) for size in sizes[1:])
        self.y_bias = nn.ParameterList(torch.zeros(size) for size in sizes[:-1])
        self.x_norm = nn.ModuleList(BatchNorm(size, eps=1e-3) for size in widths)
        self.y_norm = nn.ModuleList(BatchNorm(size, eps=1e-3) for size in widths)
        for scale in self._scales():
            nn.init.uniform_(scale, 0.95, 1.05)
        share = self.counts / self.counts.sum()
        self.register_buffer("attribute_mean", share @ self.vectors, persistent=False)

    def channel_x(self, x: Tensor, masks: Sequence[Tensor | None]) -> list[Tensor]:
        """Return hidden layers, image side first, and then the attributes made of features.

        Args:
            x: ``(B, D)`` centred features.
            masks: What to multiply each hidden layer with; None for nothing.
        """
        layers = [x]
        for layer, norm in enumerate(self.x_norm):
            linear = F.linear(layers[-1], self.weights[layer], self.x_bias[layer])
            layers.append(self._activate(norm(linear), masks[layer]))
        return [*layers[1:], F.linear(layers[-1], self.weights[-1], self.x_bias[-1])]

    def channel_y(self, y: Tensor, masks: Sequence[Tensor | None]) -> list[Tensor]:
        """Return hidden layers, image side first too, and then the features made of attributes.

        Args:
            y: ``(B, A)`` centred attribute vectors.
            masks: As in `channel_x`.
        """
        layers = [y]
        for layer in reversed(range(len(self.y_norm))):
            linear = F.linear(layers[0], self.weights[layer + 1].T, self.y_bias[layer + 1])
            layers.insert(0, self._activate(self.y_norm[layer](linear), masks[layer]))
        return [*layers[:-1], F.linear(layers[0], self.weights[0].T, self.y_bias[0])]

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors to unit vectors ``(Q, w)``, whose cosine is a correlation."""
        y = vectors - self.attribute_mean
        return _standard(self.channel_y(y, [None] * len(self.y_norm))[self.middle])

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map features to unit vectors ``(N, w)``, whose cosine is a correlation."""
        x = self.centred(features)
        return _standard(self.channel_x(x, [None] * len(self.x_norm))[self.middle])

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the six losses of a batch."""
        x, y = features - self.feature_mean, self.vectors[category] - self.attribute_mean
        masks = self._masks(len(x), x.device)
        *hidden_x, made_y = self.channel_x(self.feature_dropout(x), masks)
        *hidden_y, made_x = self.channel_y(y, masks)
        h, k = hidden_x[self.middle], hidden_y[self.middle]
        return {
            "loss_features": _squared(x - made_x),
            "loss_attributes": _squared(y - made_y),
            "loss_middle": self.middle_weight * _squared(h - k),
            "loss_decorrelation": self.decorrelation * (off_diagonal(h) + off_diagonal(k)),
            "loss_scale": self.scale_weight * _squares(1 / g for g in self._scales()),
            "loss_decay": self.weight_decay * _squares([*self.weights, *self._scales()]),
        }

    def _activate(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """Return the leaky ReLU of a layer, less the units that are dropped."""
        active = F.leaky_relu(values, self.leak)
        return active if mask is None else active * mask

    def _masks(self, batch: int, device: torch.device) -> list[Tensor | None]:
        """Draw which units of each hidden layer both channels keep, scaled to keep the variance."""
        if not self.training:
            return [None] * len(self.x_norm)
        keep = 1 - self.dropout
        sizes = [(batch, weight.shape[0]) for weight in self.weights[:-1]]
        return [(torch.rand(size).to(device) < keep) / keep**0.5 for size in sizes]

    def _scales(self) -> list[Tensor]:
        """Return gamma of all normalisations, both channels'."""
        return [norm.weight for norm in (*self.x_norm, *self.y_norm)]


def off_diagonal(hidden: Tensor) -> Tensor:
    """Return ``|C|_F - |diag C|_F`` of ``C = h^T h / B`` for a layer ``(B, w)``."""
    second = hidden.T @ hidden / len(hidden)
    return torch.linalg.matrix_norm(second) - torch.linalg.vector_norm(second.diagonal())


def _squared(difference: Tensor) -> Tensor:
    """Return squared lengths of rows, averaged."""
    return difference.square().sum(dim=1).mean()


def _squares(parameters: Iterable[Tensor]) -> Tensor:
    """Return the sum of the squares of all entries."""
    return torch.stack([p.square().sum() for p in parameters]).sum()


def _standard(hidden: Tensor) -> Tensor:
    """Return rows without their mean, of unit length."""
    return F.normalize(hidden - hidden.mean(dim=1, keepdim=True), dim=1)


METHOD = Method(
    title="2WayNet",
    cite="Eisenschtat and Wolf, CVPR 2017",
    family="joint embedding",
    papers=[
        {
            "authors": "Eisenschtat, Aviv and Wolf, Lior",
            "title": "Linking Image and Text with 2-Way Nets",
            "venue": "CVPR",
            "year": 2017,
            "arxiv": "1608.07973",
            "read": "programme of CVPR 2017; reference lists that name arXiv 1608.07973",
        },
    ],
    options={
        "retrieval": Declared(
            {
                "feature_dropout": DROPOUT,
                "widths": Several(WIDTH, 1, 99),
                "dropout": DROPOUT,
                "leak": WEIGHT,
                "middle_weight": WEIGHT,
                "decorrelation": WEIGHT,
                "scale_weight": WEIGHT,
                "weight_decay": WEIGHT,
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {
            "type": "TwoWayNet",
            "feature_dropout": 0.1,
            "widths": [512, 512, 512],
            "dropout": 0.5,
            "leak": 0.3,
            "middle_weight": 0.25,
            "decorrelation": 0.5,
            "scale_weight": 0.05,
            "weight_decay": 0.05,
        },
        "train": {
            "epochs": 12,
            "batch_size": 128,
            "lr": 9e-3,
            "warmup_epochs": 0,
            "weight_decay": 0.0,
        },
    },
    numbers={"retrieval": 2},
    profiles={
        "paper": {
            "retrieval": {
                "train": {
                    "epochs": 80,
                    "optimizer": "SGD",
                    "lr": 1e-4,
                    "weight_decay": 0.0,
                    "schedule": "step",
                    "milestones": [21, 41, 61],
                    "factor": 0.5,
                    "clip_norm": 0.0,
                    "precision": "fp32",
                }
            }
        }
    },
)
