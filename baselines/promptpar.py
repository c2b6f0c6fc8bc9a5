"""PromptPAR: a frozen image-text model is led to attributes by prompts, as a whole and by regions.

Wang, Jin, Li, Cheng, Zhang, Tang et al.: "Pedestrian Attribute Recognition via CLIP based Prompt
Vision-Language Fusion", IEEE TCSVT 2024; after the released code (Event-AHU/OpenPAR @ 210ff55).

- Image: region tokens, one a horizontal band, stand beside class token and patches.  Prompts, a
  fifth of them the whole image's and the rest each region's, join each layer of the image tower
  anew.  A region's token and prompts see each other and the patches of its band (bands overlap);
  class token, patches and the whole image's prompts see everything.  All tokens, prompts too, go
  through the tower's projection into the space of images and texts, without its last norm.
- Text: the embedding of "A person wearing ..." of each attribute.
- Fusion: one transformer block over text and image tokens, each mapped to its width;
  ``logits = BN(w_j z_j)`` where text j stood.  The block has drop-path 0.1 in training.
- Global-local similarity: softmax over the attributes of ``scale / temperature`` times the cosines
  of texts with the class token and with each region token.  Of an attribute's regions the largest
  counts if it is above ``threshold``, else the smallest.  ``BN((class token + regions) / 2)`` is a
  second output for `weighted_bce`, weighed by ``similarity`` and used in training only.

With pre-trained weights both towers and the fusion block but for its norms are frozen; prompts,
region tokens, linear maps, norms, temperature and heads learn.  At ``default`` no image network is
pre-trained: there all but the text side (MiniLM) learns.

Defects of the released code, not copied:

- the regions' value is overwritten in a loop over the batch, so that the last image's serves all;
- the similarity of the whole image is read beside the class token, at the first prompt's place;
- its three text prompts stand behind the token that the text is read from, under a causal mask,
  and change nothing (checked): here are none, and the text tower runs once.

Departures: norms' shifts start at the training prior (see `prior_logit`); fusion reads centred text
vectors (see `read_phrases`); in ``paper`` prompts warm up in 5 epochs, in the code in 10.
Cost: 0.9 M parameters and 86 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

import math
from collections.abc import Mapping
from typing import Any

import timm
import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import (
    COUNT,
    POSITIVE,
    WEIGHT,
    WIDTH,
    Declared,
    Range,
    Switch,
    below,
)
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.branches import ViTBranch, backbone
from clear_bench.models.layers import AttributeLinear, logit_norm, read_phrases
from clear_bench.models.losses import weighted_bce
from clear_bench.models.options import AT_LEAST_ONE, prompts_fit
from clear_bench.models.options import VIT as VIT_OPTIONS
from clear_bench.models.region_tokens import aggregate, bands, sight
from clear_bench.utils.errors import UserError


def check_towers(name: str, width: int) -> None:
    """Check that a published image tower projects into the text's space.

    Raises:
        UserError: If its projection has another width than the texts' vectors.
    """
    published = timm.get_pretrained_cfg(name)
    if published is not None and published.num_classes != width:
        raise UserError(
            f"promptpar: the text vectors have {width} numbers, the projection of {name} gives "
            f"{published.num_classes}; choose the text tower of the same model, or pretrained=false"
        )


@MODELS.register_module()
class PromptPar(PerAttributeModel):
    """A prompted image tower, a text tower and a block that fuses them.

    Args:
        vit: timm's name and arguments of the image tower.
        fusion: The same of the network whose last block fuses.
        pretrained: Whether both have timm's published weights, and are then frozen.
        prompts: Visual prompts of each layer, shared out evenly among the whole and the regions.
        regions: Region tokens R.
        margin: See `bands`.
        scale: Of the cosines: 100 as CLIP learned it; its training began at 14.3 (1 / 0.07).
        threshold: See `aggregate`.
        similarity: Weight of the global-local similarity loss.
        phrases: File of the attributes' text embeddings.
        common: See `RecognitionModel`.

    Raises:
        UserError: If the prompts cannot be shared out, or the two towers do not fit.
    """

    masks_unknown = True
    phrases: Tensor
    text: Tensor
    mask: Tensor

    def __init__(
        self,
        *,
        vit: Mapping[str, Any],
        fusion: Mapping[str, Any],
        pretrained: bool,
        prompts: int,
        regions: int,
        margin: int,
        scale: float,
        threshold: float,
        similarity: float,
        phrases: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if wrong := prompts_fit({"prompts": prompts, "regions": regions}):
            raise UserError(f"promptpar: {wrong}")
        self.register_buffer("phrases", read_phrases(phrases, self.attributes))
        text = read_phrases(phrases, self.attributes, centred=False)
        self.register_buffer("text", F.normalize(text))
        shared = text.shape[1]
        if pretrained:
            check_towers(vit["name"], shared)
        self.vit = ViTBranch(self.image_size, pretrained, **{**vit, "num_classes": shared})
        if not self.vit.has_class_token:
            raise UserError(
                f"promptpar: {vit['name']} has no class token, which is compared with the text; "
                "choose another recognition.model.vit"
            )
        trunk: Any = self.vit.trunk
        trunk.norm = nn.Identity()
        width = self.vit.width
        bound = (6 / (3 * math.prod(trunk.patch_embed.patch_size) + width)) ** 0.5
        start = torch.empty(len(trunk.blocks), prompts, width).uniform_(-bound, bound)
        self.prompts = nn.Parameter(start)
        self.regions = nn.Parameter(width**-0.5 * torch.randn(regions, width))
        inside = bands(trunk.patch_embed.grid_size, regions, margin)
        mask = sight(trunk.num_prefix_tokens, inside, prompts // (regions + 1))
        self.register_buffer("mask", mask, persistent=False)
        whole: Any = backbone(image_size=self.image_size, pretrained=pretrained, **fusion)
        self.block, self.norm = whole.blocks[-1], whole.norm
        self.summary_dim = int(whole.num_features)
        self.read = nn.Linear(shared, self.summary_dim)
        self.show = nn.Linear(shared, self.summary_dim)
        self.head = AttributeLinear(self.attributes, self.summary_dim, bias=False)
        self.logit_norm = logit_norm(self.positive_ratio)
        self.temperature = nn.Parameter(torch.ones(()))
        self.similarity_norm = logit_norm(self.positive_ratio)
        self.scale, self.threshold, self.similarity = scale, threshold, similarity
        if pretrained:
            self.freeze()

    def freeze(self) -> None:
        """Fix the image tower and the fusion block but for its norms (the text is so anyhow)."""
        self.vit.requires_grad_(False)
        for name, parameter in self.block.named_parameters():
            parameter.requires_grad_("norm" in name)

    def see(self, images: Tensor) -> Tensor:
        """Map images to all tokens in the space of the texts ``(B, S, T)``, as in `sight`."""
        trunk = self.vit.trunk
        regions = trunk.norm_pre(self.regions).expand(images.shape[0], -1, -1)
        x = torch.cat([self.vit.embed(images), regions], dim=1)
        length = x.shape[1]
        for block, prompts in zip(trunk.blocks, self.prompts, strict=True):
            prompted = [x[:, :length], prompts.expand(images.shape[0], -1, -1)]
            x = block(torch.cat(prompted, dim=1), attn_mask=self.mask.to(x.dtype))
        return trunk.head(x)

    def fuse(self, image: Tensor) -> Tensor:
        """Map image tokens at the width of fusion ``(B, S, d)`` to logits ``(B, A)``."""
        text = self.read(self.phrases).expand(image.shape[0], -1, -1)
        fused = self.norm(self.block(torch.cat([text, image], dim=1)))
        return self.logit_norm(self.head(fused[:, : self.attributes]).squeeze(2))

    def alike(self, seen: Tensor) -> Tensor:
        """Return the global-local similarity of images `see`n and attributes, ``(B, A)``."""
        regions, prompts = len(self.regions), self.prompts.shape[1]
        watched = [seen[:, :1], seen[:, -regions - prompts : -prompts]]
        cosine = F.normalize(torch.cat(watched, dim=1), dim=2) @ self.text.T  # (B, 1 + R, A)
        similarity = (self.scale / self.temperature * cosine).softmax(dim=2)
        local = aggregate(similarity[:, 1:], self.threshold)
        return self.similarity_norm((similarity[:, 0] + local) / 2)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the class token ``(B, d)`` and logits ``(B, A)``."""
        image = self.show(self.see(images))
        return image[:, 0], self.fuse(image)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the fused logits and of the similarity."""
        seen, ratio = self.see(images), self.positive_ratio
        alike = weighted_bce(self.alike(seen), labels, ratio)
        return {
            "loss": weighted_bce(self.fuse(self.show(seen)), labels, ratio),
            "loss_similarity": self.similarity * alike,
        }


VIT = {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 128, "num_heads": 4}
OPTIONS = Declared(
    {**below("vit", VIT_OPTIONS), **below("fusion", VIT_OPTIONS), "pretrained": Switch(),
     "prompts": WIDTH, "regions": AT_LEAST_ONE, "margin": COUNT, "scale": POSITIVE,
     "threshold": Range(-1, 1), "similarity": WEIGHT},
    (prompts_fit,),
)  # fmt: skip
METHOD = Method(
    title="PromptPAR",
    cite="Wang et al., TCSVT 2024",
    family="language-based",
    backbone={"default": "nano ViT", "paper": "CLIP-L/14"},
    papers=[
        {
            "authors": "Wang, Xiao and Jin, Jiandong and Li, Chenglong and Tang, Jin and Zhang, "
            "Cheng and Wang, Wei",
            "title": "Pedestrian Attribute Recognition via CLIP based Prompt Vision-Language "
            "Fusion",
            "venue": "TCSVT",
            "year": 2024,
            "arxiv": "2312.10692",
            "read": "page of arXiv 2312.10692; README of Event-AHU/OpenPAR",
        },
    ],
    options={"recognition": OPTIONS},
    recognition={
        "model": {
            "type": "PromptPar",
            "vit": {**VIT, "depth": 3},
            # The last of two blocks: drop-path rates rise to the last, from 0 in the first.
            "fusion": {**VIT, "depth": 2, "drop_path_rate": 0.1},
            "pretrained": False,
            "prompts": 5,
            "regions": 4,
            "margin": 1,
            "scale": 14.3,
            "threshold": 0.5,
            "similarity": 0.5,
        },
        "text": {"encoder": "minilm", "template": "person"},
        "train": {"lr": 5e-4},  # docs/learning_rates.md
    },
    numbers={"recognition": 5},
    neutral={"recognition.model.vit.patch_size": 16, "recognition.model.fusion.patch_size": 16},
    profiles={
        "base": {
            "recognition": {
                "model": {
                    "vit": {"name": "vit_base_patch16_clip_quickgelu_224.openai"},
                    "fusion": {
                        "name": "vit_small_patch16_224.augreg_in21k_ft_in1k",
                        "drop_path_rate": 0.1,
                    },
                    "prompts": 10,
                },
                "text": {"encoder": "openai/clip-vit-base-patch16@clip"},
            }
        },
        "paper": {
            "data": {"image_size": [224, 224], "letterbox": True},
            "recognition": {
                "model": {
                    "vit": {"name": "vit_large_patch14_clip_quickgelu_224.openai"},
                    "fusion": {
                        "name": "vit_base_patch16_224.augreg_in21k_ft_in1k",
                        "drop_path_rate": 0.1,
                    },
                    "pretrained": True,
                    "prompts": 50,
                    "scale": 100.0,
                },
                "text": {"encoder": "openai/clip-vit-large-patch14@clip"},
                "train": {
                    "epochs": 100,
                    "batch_size": 16,
                    "optimizer": "SGD",
                    "lr": 8e-3,
                    "rates": {
                        "prompts": 0.5,
                        "regions": 0.5,
                        "temperature": 0.5,
                        "similarity_norm": 0.5,
                    },
                    "weight_decay": 1e-4,
                    "nesterov": False,
                    "schedule": "cosine-epochs",
                    "floor": 0.002,
                    "warmup_epochs": 5,
                    "precision": "fp32",
                },
                "augment": {"mean": [0.5, 0.5, 0.5], "deviation": [0.5, 0.5, 0.5]},
            },
        },
    },
)
