"""VTB: the attributes' names enter a vision transformer as text tokens.

Cheng, Jia, Wang, Zhang: "A Simple Visual-Textual Baseline for Pedestrian Attribute Recognition",
IEEE TCSVT 2022; after the released code (cxh0519/VTB @ 669153b).

The image's tokens V come from all but the last block of a ViT.  Each attribute's words are embedded
once by a frozen sentence encoder, ``t_j``, and mapped to the ViT's width.  With two learned
modality embeddings the ViT's last block reads both, and an attribute is classified where its text
token stood: ``Z = norm(block([W t + m_text ; V + m_image]))``,
``logits = BN(w_j z_j)`` (the norm would take a bias out again).  The loss is `weighted_bce`.

Departures from the common budget: the norm's shift starts at the training prior (see
`prior_logit`), for AdamW's sake, and the text vectors are centred (see `read_phrases`).  The ViT
of ``default`` is CLEAR's ViT branch, its encoder the packaged MiniLM.  ``paper`` has ViT-B/16,
all-mpnet-base-v2 and the code's recipe.

Cost: 0.9 M parameters and 72 MFLOPs an image of 128x64 (35 attributes) in ``default``, the text
encoder not counted (it runs once).
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from clear_bench.config.method import Method
from clear_bench.config.options import Declared, Divides, Switch, below
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.branches import ViTBranch
from clear_bench.models.layers import AttributeLinear, logit_norm, read_phrases
from clear_bench.models.options import VIT


@MODELS.register_module()
class Vtb(PerAttributeModel):
    """A ViT whose last block fuses image tokens and one text token an attribute.

    Args:
        vit: timm's name and arguments; at least two blocks.
        pretrained: Whether timm's published weights are loaded.
        phrases: File of the attributes' text embeddings.
        common: See `RecognitionModel`.
    """

    phrases: Tensor

    def __init__(
        self,
        *,
        vit: Mapping[str, Any],
        pretrained: bool,
        phrases: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.vit = ViTBranch(self.image_size, pretrained, **vit)
        self.summary_dim = width = self.vit.width
        self.register_buffer("phrases", read_phrases(phrases, self.attributes))
        self.read = nn.Linear(self.phrases.shape[1], width)
        self.text_mark = nn.Parameter(torch.zeros(width))
        self.image_mark = nn.Parameter(torch.zeros(width))
        self.head = AttributeLinear(self.attributes, width, bias=False)
        self.norm = logit_norm(self.positive_ratio)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the ViT's summary ``(B, D)`` and logits ``(B, A)``."""
        trunk = self.vit.trunk
        seen = trunk.blocks[:-1](self.vit.embed(images)) + self.image_mark
        text = (self.read(self.phrases) + self.text_mark).expand(images.shape[0], -1, -1)
        fused = trunk.norm(trunk.blocks[-1](torch.cat([text, seen], dim=1)))
        logits = self.norm(self.head(fused[:, : self.attributes]).squeeze(2))
        return self.vit.summary(fused[:, self.attributes :]), logits


METHOD = Method(
    title="VTB",
    cite="Cheng et al., TCSVT 2022",
    family="language-based",
    backbone={"default": "nano ViT", "paper": "ViT-B/16"},
    papers=[
        {
            "authors": "Cheng, Xinhua and Jia, Mengxi and Wang, Qian and Zhang, Jian",
            "title": "A Simple Visual-Textual Baseline for Pedestrian Attribute Recognition",
            "venue": "TCSVT",
            "year": 2022,
            "url": "https://github.com/cxh0519/VTB",
            "read": "README of cxh0519/VTB",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("vit", VIT),
                "pretrained": Switch(),
            },
            (Divides("vit.num_heads", "vit.embed_dim"),),
        )
    },
    recognition={
        "model": {
            "type": "Vtb",
            "vit": {
                "name": "vit_tiny_patch16_224",
                "patch_size": 16,
                "embed_dim": 128,
                "depth": 4,
                "num_heads": 4,
                "drop_path_rate": 0.1,
            },
            "pretrained": False,
        },
        "text": {"encoder": "minilm", "template": "words"},
        "train": {"lr": 5e-4},
    },
    numbers={"recognition": 4},
    neutral={"recognition.model.vit.patch_size": 16},
    profiles={
        "base": {
            "recognition": {
                "model": {
                    "vit": {
                        "name": "vit_small_patch16_224.augreg_in21k_ft_in1k",
                        "drop_path_rate": 0.1,
                    }
                },
                "text": {"encoder": "minilm"},
            }
        },
        "paper": {
            "recognition": {
                "model": {
                    "vit": {
                        "name": "vit_base_patch16_224.augreg_in21k_ft_in1k",
                        "drop_path_rate": 0.1,
                    },
                    "pretrained": True,
                },
                "text": {"encoder": "sentence-transformers/all-mpnet-base-v2"},
                "train": {
                    "epochs": 20,
                    "batch_size": 128,
                    "optimizer": "SGD",
                    "lr": 8e-3,
                    "weight_decay": 1e-4,
                    "nesterov": False,
                    "schedule": "cosine-epochs",
                    "floor": 0.002,
                    "warmup_epochs": 5,
                    "clip_norm": 0.0,
                    "precision": "fp32",
                },
                "augment": {"mean": [0.5, 0.5, 0.5], "deviation": [0.5, 0.5, 0.5]},
            }
        },
    },
)
