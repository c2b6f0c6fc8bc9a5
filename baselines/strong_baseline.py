"""Strong Baseline: one CNN, one linear layer, and a training recipe taken seriously.

Jia, Huang, Yang, Chen, Huang: "Rethinking of Pedestrian Attribute Recognition: A Reliable
Evaluation under Zero-Shot Pedestrian Identity Setting", arXiv 2107.03576 (code:
valencebond/Rethinking_of_PAR), and the authors' earlier code "strong baseline"
(aajinjin/Strong_Baseline_of_Pedestrian_Attribute_Recognition).

``logits = BN(W GAP(cnn(x)))``; loss `weighted_bce`, summed over attributes and averaged over
images (not averaged over attributes, which makes the step 35 times smaller on PETA), gradients
clipped at norm 10.  The batch norm over the logits is of the earlier code, where it lets a large
learning rate work; the code of "Rethinking" leaves it out, and so does ``paper``
(``recognition.model.logit_norm``).  That earlier code has SGD with 0.01 for ``trunk`` and 0.1 for
all else; ``paper`` has the Adam of "Rethinking", with one rate.

Departures from the common budget: the norm's shift starts at the training prior (see
`prior_logit`), for AdamW's sake; ``paper`` has the images of 256x192 of the
published rows.  The average of weights that one published row has (0.9998) is
``recognition.train.ema=2e-4``.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.2 M parameters and 137 MFLOPs an image of 128x64 in ``default``; CLEAR has 2.9 M and 143.
"""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import Declared, Switch, below
from clear_bench.models.base import RecognitionModel
from clear_bench.models.layers import logit_norm as normed
from clear_bench.models.options import RESNET
from clear_bench.models.residual import RESNET50, RETHINKING, SMALL, ResidualNetwork, pooled


@MODELS.register_module()
class StrongBaseline(RecognitionModel):
    """A residual network, one linear layer and a batch norm over the logits.

    Args:
        resnet: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        logit_norm: Whether the logits go through a batch norm.
        common: See `RecognitionModel`.
    """

    def __init__(
        self,
        *,
        resnet: Mapping[str, Any],
        pretrained: bool,
        logit_norm: bool,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.trunk = ResidualNetwork(self.image_size, pretrained, **resnet)
        self.feature_dim = self.trunk.widths[-1]
        self.head = nn.Linear(self.feature_dim, self.attributes, bias=not logit_norm)
        self.norm = normed(self.positive_ratio) if logit_norm else nn.Identity()

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to the pooled maps ``(B, feature_dim)``."""
        return pooled(self.trunk(images)[-1])

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        return self.norm(self.head(features))


METHOD = Method(
    title="Strong Baseline",
    cite="Jia et al., arXiv 2021",
    family="convolutional",
    backbone={"default": "nano ResNet", "paper": "ResNet-50"},
    papers=[
        {
            "authors": "Jia, Jian and Huang, Houjing and Chen, Xiaotang and Huang, Kaiqi",
            "title": "Rethinking of Pedestrian Attribute Recognition: A Reliable Evaluation "
            "under Zero-Shot Pedestrian Identity Setting",
            "venue": "arXiv",
            "year": 2021,
            "arxiv": "2107.03576",
            "read": "README of valencebond/Rethinking_of_PAR",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("resnet", RESNET),
                "pretrained": Switch(),
                "logit_norm": Switch(),
            }
        )
    },
    recognition={
        "model": {
            "type": "StrongBaseline",
            "resnet": SMALL,
            "pretrained": False,
            "logit_norm": True,
        },
        "train": {"lr": 1.6e-2},
    },
    profiles={
        "paper": {
            "data": {"image_size": [256, 192]},
            "recognition": {
                "model": {"resnet": RESNET50, "pretrained": True, "logit_norm": False},
                "train": RETHINKING,
            },
        }
    },
)
