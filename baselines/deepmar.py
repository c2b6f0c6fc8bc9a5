"""DeepMAR: one CNN for all attributes, with rare attributes weighed up in the loss.

Li, Chen, Huang: "Multi-attribute learning for pedestrian attribute recognition in surveillance
scenarios", ACPR 2015; here after the authors' later remake on ResNet-50
(dangweili/pedestrian-attribute-recognition-pytorch).

``logits = W dropout(GAP(cnn(x))) + b``, W drawn with deviation 0.001 and b 0; the loss is
`weighted_bce`, which this paper brought in: ``exp(1 - r_j)`` on a positive of attribute j,
``exp(r_j)`` on a negative.

Departures from the common budget: none in ``default`` but the rate.  ``paper`` has the remake's
recipe.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.2 M parameters and 137 MFLOPs an image of 128x64 in ``default``; CLEAR has 2.9 M and 143.
"""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, Declared, Switch, below
from clear_bench.models.base import RecognitionModel
from clear_bench.models.options import RESNET
from clear_bench.models.residual import RESNET50, SMALL, ResidualNetwork, pooled


@MODELS.register_module()
class DeepMar(RecognitionModel):
    """A residual network, dropout and one linear layer.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dropout: On the pooled feature.
        common: See `RecognitionModel`.
    """

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        dropout: float,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.feature_dim = self.trunk.widths[-1]
        linear = nn.Linear(self.feature_dim, self.attributes)
        nn.init.normal_(linear.weight, std=0.001)
        nn.init.zeros_(linear.bias)
        self.head = nn.Sequential(nn.Dropout(dropout), linear)

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to the pooled maps ``(B, feature_dim)``."""
        return pooled(self.trunk(images)[-1])

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        return self.head(features)


METHOD = Method(
    title="DeepMAR",
    cite="Li et al., ACPR 2015",
    family="convolutional",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Li, Dangwei and Chen, Xiaotang and Huang, Kaiqi",
            "title": "Multi-attribute Learning for Pedestrian Attribute Recognition in "
            "Surveillance Scenarios",
            "venue": "ACPR",
            "year": 2015,
            "pages": "111-115",
            "url": "https://ieeexplore.ieee.org/document/7486476",
            "read": "README of dangweili/pedestrian-attribute-recognition-pytorch",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "dropout": DROPOUT,
            }
        )
    },
    recognition={
        "model": {"type": "DeepMar", "resnet": SMALL, "pretrained": False, "dropout": 0.5},
        "train": {"lr": 8e-3},
    },
    numbers={"recognition": 2},
    profiles={
        "base": {"recognition": {"train": {"milestones": [7]}}},
        "paper": {
            "data": {"image_size": [224, 224]},
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True},
                "train": {
                    "epochs": 150,
                    "batch_size": 32,
                    "optimizer": "SGD",
                    "lr": 1e-3,
                    "weight_decay": 5e-4,
                    "nesterov": False,
                    "schedule": "step",
                    "milestones": [50],
                    "warmup_epochs": 0,
                    "clip_norm": 0.0,
                    "precision": "fp32",
                },
                "augment": {"pad": 0},
            },
        },
    },
)
