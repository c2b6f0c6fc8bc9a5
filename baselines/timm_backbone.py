"""Any backbone of timm by name, pooled, with one linear layer.

No paper: an adapter.  ``--set recognition.model.backbone=convnext_atto`` takes another network, and
``recognition.model.pretrained=true`` its published weights.  ``logits = W f + b``, where f is what
timm gives without its classifier.

Departures from the common budget: none in ``default``, whose backbone is timm's smallest ConvNeXt
(Liu et al., CVPR 2022); the mobile networks that were tried (LCNet) stay at the class prior when
they are trained from scratch for so few steps.  ``paper`` has a pre-trained ResNet-50 and the
recipe of "Rethinking of PAR".

Cost: 0.2 M parameters and 20 MFLOPs an image of 128x64 in ``default``, a seventh of CLEAR's.
"""

from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import NAME, Declared, Switch
from clear_bench.models.base import RecognitionModel
from clear_bench.models.branches import backbone as timm_model
from clear_bench.models.residual import RETHINKING
from clear_bench.utils.errors import UserError


@MODELS.register_module()
class TimmBackbone(RecognitionModel):
    """A timm network and one linear layer.

    Args:
        backbone: timm's name, with or without a weight tag.
        pretrained: Whether timm's published weights are loaded.
        common: See `RecognitionModel`.

    Raises:
        UserError: If timm has no such network, or it cannot see images of that size.
    """

    def __init__(self, *, backbone: str, pretrained: bool, **common: Any) -> None:
        super().__init__(**common)
        self.trunk, self.feature_dim = self._try(backbone, pretrained)
        self.head = nn.Linear(self.feature_dim, self.attributes)

    @torch.no_grad()
    def _try(self, name: str, pretrained: bool) -> tuple[nn.Module, int]:
        """Return the network and the width of what it really gives for one image."""
        height, width = self.image_size
        try:
            trunk = timm_model(name, self.image_size, pretrained)
            seen = trunk.eval()(torch.zeros(1, 3, height, width))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            cause = str(error).strip().partition("\n")[0][:120] or type(error).__name__
            raise UserError(
                f"backbone {name}: cannot see images of {height}x{width} ({cause}); "
                "choose another data.image_size or backbone"
            ) from error
        if seen.ndim != 2:
            raise UserError(f"backbone {name}: gives no feature vector but {tuple(seen.shape)}")
        return trunk.train(), seen.shape[1]

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to the network's feature ``(B, feature_dim)``."""
        return self.trunk(images)

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        return self.head(features)


METHOD = Method(
    title="timm backbone",
    cite="Wightman, timm",
    family="convolutional",
    backbone={"default": "ConvNeXt", "paper": "ResNet-50"},
    options={
        "recognition": Declared(
            {
                "backbone": NAME,
                "pretrained": Switch(),
            }
        )
    },
    recognition={
        "model": {
            "type": "TimmBackbone",
            "backbone": "test_convnext",
            "pretrained": False,
        },
    },
    profiles={
        "paper": {
            "recognition": {
                "model": {"backbone": "resnet50.tv_in1k", "pretrained": True},
                "train": RETHINKING,
            }
        }
    },
)
