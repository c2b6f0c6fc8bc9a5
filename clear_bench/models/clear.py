"""CLEAR: a cross-transformer of ViT and Swin, then adapters and a language model for retrieval.

Bui, Le, Ngo, Choi: "CLEAR: Cross-Transformers with Pre-trained Language Model is All you need for
Person Attribute Recognition and Retrieval", arXiv 2403.06119; Pattern Recognition, 2025.  The
recognition half follows the released code of its predecessor C2T-Net; what of CLEAR itself is
unknown or inferred stands in docs/fidelity.md.

Cost: about 230 images/s of training at ``default`` on two CPU cores; ``paper`` wants a GPU.
"""

from collections.abc import Sequence
from typing import Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import checked
from clear_bench.models.base import RecognitionModel
from clear_bench.models.clear_retrieval import ClearRetrieval  # noqa: F401 - registers it
from clear_bench.models.cross_transformer import CrossTransformer
from clear_bench.models.losses import asymmetric_bce, focal_bce, weighted_bce
from clear_bench.models.options import CLEAR, CLEAR_RETRIEVAL


@MODELS.register_module()
class Clear(RecognitionModel):
    """CLEAR's recognition network f_par: cross-transformer and one linear layer.

    Args:
        attributes: See `RecognitionModel`.
        image_size: See `RecognitionModel`.
        positive_ratio: See `RecognitionModel`.
        augment: See `RecognitionModel`.
        loss_weighting: One of `clear_bench.models.options.LOSS_WEIGHTING`: plain binary
            cross-entropy (``none``), weighted by how rare an attribute is (``exp``, see
            `weighted_bce`), ``focal`` or ``asymmetric``.
        weight_strength: Of ``exp``, see `weighted_bce`.
        focal_gamma: Of ``focal``, see `focal_bce`.
        positive_gamma: Of ``asymmetric``, see `asymmetric_bce`.
        negative_gamma: Of ``asymmetric``.
        negative_clip: Of ``asymmetric``, the ``clip`` of `asymmetric_bce`.
        trunk: Everything else goes to `CrossTransformer`.
    """

    masks_unknown = True

    def __init__(
        self,
        attributes: int,
        image_size: Sequence[int],
        positive_ratio: Sequence[float],
        augment: dict[str, Any],
        *,
        loss_weighting: str = "exp",
        weight_strength: float = 1.0,
        focal_gamma: float = 2.0,
        positive_gamma: float = 0.0,
        negative_gamma: float = 4.0,
        negative_clip: float = 0.05,
        **trunk: Any,
    ) -> None:
        super().__init__(attributes, image_size, positive_ratio, augment)
        given = {
            "loss_weighting": loss_weighting,
            "weight_strength": weight_strength,
            "focal_gamma": focal_gamma,
            "positive_gamma": positive_gamma,
            "negative_gamma": negative_gamma,
            "negative_clip": negative_clip,
        }
        for name, value in given.items():
            checked(CLEAR.options[name], name, value)
        self.loss_weighting = loss_weighting
        self.weight_strength = weight_strength if loss_weighting == "exp" else 0.0
        self.focal_gamma = focal_gamma
        self.asymmetry: dict[str, Any] = {
            "positive_gamma": positive_gamma,
            "negative_gamma": negative_gamma,
            "clip": negative_clip,
        }
        self.trunk = CrossTransformer(self.image_size, **trunk)
        self.feature_dim = self.trunk.feature_dim
        self.head = nn.Linear(self.feature_dim, attributes)

    def blocks(self, which: str) -> list[nn.Module]:
        """Return the last block of each branch and the fusion, or the whole trunk."""
        return [self.trunk] if which == "all" else self.trunk.last_blocks()

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to ``(B, feature_dim)``."""
        return self.trunk(images)

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, feature_dim)`` to logits ``(B, A)``."""
        return self.head(features)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the loss of a batch, as `loss_weighting` says."""
        logits = self.classify(self.features(images))
        if self.loss_weighting == "focal":
            return {"loss": focal_bce(logits, labels, self.focal_gamma)}
        if self.loss_weighting == "asymmetric":
            return {"loss": asymmetric_bce(logits, labels, **self.asymmetry)}
        return {"loss": weighted_bce(logits, labels, self.positive_ratio, self.weight_strength)}


METHOD = Method(
    title="CLEAR",
    cite="Bui et al., Pattern Recognition 2025",
    family="ours",
    backbone={"default": "nano ViT+Swin", "paper": "EVA-L+Swin-B"},
    papers=[
        {
            "authors": "Bui, Doanh C. and Le, Thinh V. and Ngo, Ba Hung and Choi, Tae Jong",
            "title": "CLEAR: Cross-Transformers with Pre-trained Language Model is All you "
            "need for Person Attribute Recognition and Retrieval",
            "venue": "PR",
            "year": 2025,
            "arxiv": "2403.06119",
            "read": "abstract page arXiv 2403.06119; list of publications on the first "
            "author's site",
        },
    ],
    numbers={"recognition": 4, "retrieval": 2},
    recognition={
        "model": {
            "type": "Clear",
            "branches": ["swin", "vit"],
            "vit": {
                "name": "vit_tiny_patch16_224",
                "patch_size": 16,
                "embed_dim": 128,
                "depth": 4,
                "num_heads": 4,
            },
            "swin": {
                "name": "swin_tiny_patch4_window7_224",
                "embed_dim": 24,
                "depths": [1, 1, 1, 1],
                "num_heads": [1, 2, 4, 8],
                "window_size": 4,
                "mlp_ratio": 2.0,
                "drop_path_rate": 0.0,
                "channel_attention": "paper",
                "channel_stages": [0, 1, 2, 3],
                "channel_dropout": 0.1,
            },
            "pretrained": False,
            "fusion": "both",
            "depth": 1,
            "dim": 256,
            "heads": 8,
            "loss_weighting": "exp",
            "weight_strength": 1.0,
            "focal_gamma": 2.0,
            "positive_gamma": 0.0,
            "negative_gamma": 4.0,
            "negative_clip": 0.05,
        },
    },
    retrieval={
        "parent": "clear",
        "text": {"encoder": "minilm", "template": "positives"},
        "model": {
            "type": "ClearRetrieval",
            "embedding": "both",
            "combine": "concat",
            "dim": 128,
            "depth": 2,
            "visual_depth": 1,
            "width": 256,
            "shared": False,
            "activation": "gelu",
            "dropout": 0.0,
            "feature_dropout": 0.1,
            "margin_loss": "angular",
            "margin": 0.1,
            "scale": 16.0,
            "center": True,
            "unit_parts": True,
            "mirror": True,
            # chosen on val, see docs/fidelity.md
            "whiten": 80,
            "align": 20.0,
            "made": 1000,
        },
        "train": {"epochs": 12, "batch_size": 128, "lr": 1e-3, "warmup_epochs": 0},
    },
    options={"recognition": CLEAR, "retrieval": CLEAR_RETRIEVAL},
    neutral={
        "recognition.model.vit.patch_size": 16,
        "retrieval.model.whiten": 0,
        "retrieval.model.align": 0.0,
        "retrieval.model.made": 0,
    },
    profiles={
        "smoke": {"retrieval": {"model": {"made": 100}}},
        "base": {
            "recognition": {
                "model": {
                    "vit": {"name": "vit_small_patch16_224.augreg_in21k_ft_in1k"},
                    "swin": {
                        "name": "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k",
                        "drop_path_rate": 0.0,
                        "channel_attention": "paper",
                        "channel_stages": [0, 1, 2, 3],
                        "channel_dropout": 0.1,
                    },
                    "dim": 768,
                },
            },
        },
        "paper": {
            "recognition": {
                "model": {
                    "vit": {"name": "eva_large_patch14_196.in22k_ft_in1k"},
                    "swin": {
                        "name": "swin_base_patch4_window7_224.ms_in22k",
                        "drop_path_rate": 0.0,
                        "channel_attention": "paper",
                        "channel_stages": [0, 1, 2, 3],
                        "channel_dropout": 0.1,
                    },
                    "pretrained": True,
                    "dim": 1024,
                },
                # C2T-Net's released recipe; its plateau watched the loss on test, ours that on val.
                "train": {
                    "epochs": 20,
                    "optimizer": "Adam",
                    "lr": 1e-5,
                    "weight_decay": 0.0,
                    "schedule": "plateau",
                    "watch": "loss",
                    "warmup_epochs": 0,
                    "clip_norm": 10.0,
                    "precision": "fp32",
                },
            },
            "retrieval": {"model": {"dim": 512, "width": 1024}},
        },
    },
)
