"""PromptPAR: a frozen image-text model is led to attributes by prompts, as a whole and by regions.

Wang, Jin, Li, Cheng, Zhang, Tang et al.: "Pedestrian Attribute Recognition via CLIP based Prompt
Vision-Language Fusion", IEEE TCSVT 2024; after the released code.

- Image: ``deep prompts`` of its own join each layer of the image tower, ``x_{l+1} = block_l([x_l ;
  P_l])`` without the places of the prompts.  Region tokens go along; a mask lets token k see
  itself, the prompts and the patches of the k-th horizontal band (bands overlap), and nobody see
  region tokens.
- Text: the embedding of "A person wearing ..." of each attribute, mapped to the width of fusion,
  with shared text prompts: ``t_j <- t_j + softmax([Q ; t_j] t_j / sqrt(d)) [Q ; t_j]``.
- Fusion: one transformer block over text and image tokens with learned modality embeddings;
  ``logits = BN(w_j z_j)`` where t_j stood.
- Global-local similarity: cosines of the class token, and of each region token, with t_j, times a
  learned scale.  Of the regions those with sigmoid above ``threshold`` are averaged, or the largest
  is taken if none is.  The mean of global and local is a second output for `weighted_bce`, weighed
  by ``similarity`` and used in training only.

With pre-trained weights both towers and the fusion block are frozen; prompts, region tokens,
embeddings, the last norm and heads learn.  Nothing image-like is pre-trained at ``default``, so
there the image tower and the fusion block learn too and only the text side (MiniLM) is frozen.

Inferred: the aggregation beyond its threshold, the mean of global and local, the weight 1, one row
on each side of a band, and the frozen norms inside the towers.

Departures: the norm's shift starts at the training prior (see `prior_logit`), for AdamW's sake;
text prompts enter after the text tower instead of its token sequence, so that the tower
runs once and not in every step (this keeps a run on two cores within minutes).  In ``paper`` the
prompts warm up in 5 epochs as the rest does, where the code gives them 10.

Cost: 1.2 M parameters and 110 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.branches import ViTBranch, backbone
from clear_bench.models.layers import logit_norm, read_phrases
from clear_bench.models.losses import weighted_bce
from clear_bench.utils.errors import UserError


def bands(grid: tuple[int, int], regions: int, margin: int) -> Tensor:
    """Return which patches each horizontal band holds, ``(regions, rows * columns)`` bool.

    Args:
        grid: Rows and columns of patches.
        regions: Bands; the rows are shared out evenly.
        margin: Rows that a band reaches beyond its own on each side.

    Raises:
        UserError: If there are fewer rows of patches than bands.
    """
    rows, columns = grid
    if rows < regions:
        raise UserError(
            f"promptpar: {regions} regions need as many rows of patches, there are {rows}; choose "
            "a larger data.image_size or fewer recognition.model.regions"
        )
    row = torch.arange(rows).repeat_interleave(columns)
    edges = [round(k * rows / regions) for k in range(regions + 1)]
    return torch.stack([(row >= a - margin) & (row < b + margin) for a, b in pairwise(edges)])


def sight(prefix: int, inside: Tensor, prompts: int) -> Tensor:
    """Return the additive attention mask ``(S, S)``: 0 where a row may look at a column, else -inf.

    The sequence is prefix, patches, region tokens, prompts.

    Args:
        prefix: Tokens before the patches (the class token).
        inside: Patches of each region, see `bands`.
        prompts: Number of prompts.
    """
    regions, patches = inside.shape
    first, last = prefix + patches, prefix + patches + regions
    seen = torch.ones(last + prompts, last + prompts, dtype=torch.bool)
    seen[:, first:last] = False
    seen[first:last, :last] = False
    seen[first:last, prefix:first] = inside
    seen[first:last, first:last] = torch.eye(regions, dtype=torch.bool)
    return torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)


def aggregate(similarity: Tensor, threshold: float) -> Tensor:
    """Return one value of the regions' logits ``(B, R, A)``: ``(B, A)``.

    The mean of those whose sigmoid is above ``threshold``; the largest where none is.
    """
    close = torch.sigmoid(similarity) > threshold
    mean = (similarity * close).sum(dim=1) / close.sum(dim=1).clamp(min=1)
    return torch.where(close.any(dim=1), mean, similarity.amax(dim=1))


@MODELS.register_module()
class PromptPar(PerAttributeModel):
    """Prompted image and text towers and a block that fuses them.

    Args:
        vit: timm's name and arguments of the image tower.
        fusion: The same of the network whose last block fuses.
        pretrained: Whether both have timm's published weights, and are then frozen.
        prompts: Visual prompts of each layer.
        text_prompts: Prompts of the text.
        regions: Region tokens.
        margin: See `bands`.
        threshold: See `aggregate`.
        similarity: Weight of the global-local similarity loss.
        phrases: File of the attributes' text embeddings.
        common: See `RecognitionModel`.
    """

    phrases: Tensor
    mask: Tensor

    def __init__(
        self,
        *,
        vit: Mapping[str, Any],
        fusion: Mapping[str, Any],
        pretrained: bool,
        prompts: int,
        text_prompts: int,
        regions: int,
        margin: int,
        threshold: float,
        similarity: float,
        phrases: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.vit = ViTBranch(self.image_size, pretrained, **vit)
        trunk: Any = self.vit.trunk
        seen = self.vit.width
        whole: Any = backbone(image_size=self.image_size, pretrained=pretrained, **fusion)
        self.block, self.norm = whole.blocks[-1], whole.norm
        self.summary_dim = width = int(whole.num_features)
        self.prompts = nn.Parameter(0.02 * torch.randn(len(trunk.blocks), prompts, seen))
        self.regions = nn.Parameter(0.02 * torch.randn(regions, seen))
        inside = bands(trunk.patch_embed.grid_size, regions, margin)
        mask = sight(trunk.num_prefix_tokens, inside, prompts)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("phrases", read_phrases(phrases, self.attributes))
        self.read = nn.Linear(self.phrases.shape[1], width)
        self.show = nn.Linear(seen, width)
        self.text_prompts = nn.Parameter(0.02 * torch.randn(text_prompts, width))
        self.text_mark = nn.Parameter(0.02 * torch.randn(width))
        self.image_mark = nn.Parameter(0.02 * torch.randn(width))
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.weight = nn.Parameter(torch.randn(self.attributes, width) / width**0.5)
        self.logit_norm = logit_norm(self.positive_ratio)
        self.threshold, self.similarity = threshold, similarity
        if pretrained:
            self.freeze()

    def freeze(self) -> None:
        """Fix the image tower and the fusion block (the text tower is fixed in any case)."""
        self.vit.requires_grad_(False)
        self.block.requires_grad_(False)

    def see(self, images: Tensor) -> Tensor:
        """Map images to class token, patches and regions at the width of fusion ``(B, S, d)``."""
        trunk = self.vit.trunk
        regions = self.regions.expand(len(images), -1, -1)
        x = torch.cat([self.vit.embed(images), regions], dim=1)
        length = x.shape[1]
        for block, prompts in zip(trunk.blocks, self.prompts, strict=True):
            prompted = torch.cat([x, prompts.expand(len(images), -1, -1)], dim=1)
            x = block(prompted, attn_mask=self.mask.to(x.dtype))[:, :length]
        return self.show(trunk.norm(x))

    def say(self) -> Tensor:
        """Return the prompted text token of each attribute ``(A, d)``."""
        text = self.read(self.phrases)
        prompts = self.text_prompts.expand(len(text), -1, -1)
        context = torch.cat([prompts, text[:, None]], dim=1)  # (A, prompts + 1, d)
        scores = (context @ text[:, :, None]).squeeze(2) / text.shape[1] ** 0.5
        return text + (scores.softmax(dim=1)[:, None] @ context).squeeze(1)

    def fuse(self, text: Tensor, seen: Tensor) -> Tensor:
        """Map text ``(A, d)`` and image tokens ``(B, S, d)`` to logits ``(B, A)``."""
        said = (text + self.text_mark).expand(len(seen), -1, -1)
        fused = self.norm(self.block(torch.cat([said, seen + self.image_mark], dim=1)))
        attribute_tokens = fused[:, : self.attributes]
        return self.logit_norm((attribute_tokens * self.weight).sum(dim=2))

    def alike(self, text: Tensor, seen: Tensor) -> Tensor:
        """Return the global-local similarity of image and attributes, logits ``(B, A)``."""
        watched = torch.cat([seen[:, :1], seen[:, -len(self.regions) :]], dim=1)
        cosine = F.normalize(watched, dim=2) @ F.normalize(text, dim=1).T  # (B, 1 + R, A)
        whole, parts = (self.scale * cosine).split([1, len(self.regions)], dim=1)
        return (whole.squeeze(1) + aggregate(parts, self.threshold)) / 2

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the class token ``(B, d)`` and logits ``(B, A)``."""
        seen = self.see(images)
        return seen[:, 0], self.fuse(self.say(), seen)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the fused logits and of the similarity."""
        text, seen = self.say(), self.see(images)
        ratio = self.positive_ratio
        alike = weighted_bce(self.alike(text, seen), labels, ratio)
        return {
            "loss": weighted_bce(self.fuse(text, seen), labels, ratio),
            "loss_similarity": self.similarity * alike,
        }


VIT = {"name": "vit_tiny_patch16_224", "embed_dim": 128, "num_heads": 4}
METHOD = Method(
    title="PromptPAR",
    cite="Wang et al., TCSVT 2024",
    recognition={
        "model": {
            "type": "PromptPar",
            "vit": {**VIT, "depth": 4},
            "fusion": {**VIT, "depth": 1},
            "pretrained": False,
            "prompts": 8,
            "text_prompts": 3,
            "regions": 4,
            "margin": 1,
            "threshold": 0.5,
            "similarity": 1.0,
        },
        "text": {"encoder": "minilm", "template": "person"},
    },
    profiles={
        "paper": {
            "data": {"image_size": [224, 224], "letterbox": True},
            "recognition": {
                "model": {
                    "vit": {"name": "vit_large_patch14_clip_quickgelu_224.openai"},
                    "fusion": {"name": "vit_base_patch16_224.augreg_in21k_ft_in1k"},
                    "pretrained": True,
                    "prompts": 50,
                },
                "text": {"encoder": "openai/clip-vit-large-patch14@clip"},
                "train": {
                    "epochs": 100,
                    "batch_size": 16,
                    "optimizer": "SGD",
                    "lr": 8e-3,
                    "rates": {"prompts": 0.5, "regions": 0.5},
                    "weight_decay": 1e-4,
                    "nesterov": False,
                    "schedule": "cosine-epochs",
                    "floor": 0.002,
                    "warmup_epochs": 5,
                    "precision": "fp32",
                },
                "augment": {"mean": [0.5, 0.5, 0.5], "deviation": [0.5, 0.5, 0.5]},
            },
        }
    },
)
