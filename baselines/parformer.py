"""PARFormer: a Swin whose last tokens are masked in training, with centres and views as tasks.

Fan, Zhang, Lu, Wang: "PARFormer: Transformer-based Multi-Task Network for Pedestrian Attribute
Recognition", IEEE TCSVT 2023; after the released code.

- Batch random mask: in training each position of the last stage's tokens is 0, in all images of the
  batch at once, with probability ``mask``; then ``f = mean(LN(tokens))``, ``logits = W f + b``.
- `asymmetric_bce` (gammas 0 and 1, clip 0.05), whose focus passes no gradient.
- Multi-attribute center loss: an image is drawn to one centre for each attribute that it has,
  ``sum_ij y_ij |f_i - c_j|^2 / (2 B A)``.  Centres follow by plain gradient descent at ``rate``.
- Multi-view contrastive loss: ``v = V f`` has one number a viewpoint; for each pair (i, j) of one
  viewpoint ``-log(s_ij / (s_ij + sum_k s_ik))`` over k of other viewpoints, with
  ``s = exp(cos(v_i, v_j) / temperature)``; the mean over pairs.  Viewpoints are the attributes of
  the schema's group ``view`` (PA-100K); where there is none, neither V nor the loss exists.

The code adds the asymmetric loss up over a batch but takes means for the other two, which so weigh
``center / B`` and ``contrast / B`` of an image's; here all is divided by B, which AdamW cannot see.

Defects of the released code, not copied: centres are drawn anew in every epoch; the cosine schedule
is given the val loss for a step number, so that the rate never falls (``paper`` has what ran, a
constant rate); a batch of one viewpoint alone gives NaN (here such pairs cost nothing).

Inferred: ``mask`` 0.1, since the code's own value is 0 (off) and of the paper only the abstract
could be read; drop path 0.1, timm's and the code's own, since its configuration file is not
released.

Departures from the common budget: the rate, of the common search (docs/learning_rates.md).
Departures of ``paper``: viewpoints, which the authors have of PETA and RAP too, are no labels here.

Cost: 0.5 M parameters and 25 MFLOPs an image of 128x64 (35 attributes) in ``default``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import POSITIVE, SHARE, WEIGHT, Declared, Filled, Switch, below
from clear_bench.models.base import RecognitionModel
from clear_bench.models.branches import SwinBranch
from clear_bench.models.losses import all_to_known, asymmetric_bce, told_apart
from clear_bench.models.options import ASYMMETRIC, SWIN, heads_fit, stages_fit


def batch_random_mask(tokens: Tensor, share: float) -> Tensor:
    """Return tokens ``(B, N, D)`` with some positions 0, the same in all images of the batch.

    Args:
        tokens: Of the last stage, before its norm.
        share: Probability of each position.  Drawn on the CPU, so that a seed means the same on
            every device.
    """
    kept = torch.rand(tokens.shape[1]) >= share
    return tokens * kept.to(tokens.device)[:, None]


def center_loss(features: Tensor, labels: Tensor, centers: Tensor) -> Tensor:
    """Return the multi-attribute center loss, a scalar.

    Args:
        features: ``(B, D)``.
        labels: ``(B, A)`` of 0, 1 and NaN; B A counts the known ones.
        centers: ``(A, D)``.
    """
    present, known = told_apart(labels)
    distance = (features[:, None] - centers).square().sum(dim=2)
    return (present * distance).sum() / (2 * labels.numel()) * all_to_known(known)


def center_step(features: Tensor, labels: Tensor, centers: Tensor) -> Tensor:
    """Return the gradient of `center_loss` by the centers, ``(A, D)``."""
    present, known = told_apart(labels)
    pull = present.sum(dim=0)[:, None] * centers - present.T @ features
    return pull / labels.numel() * all_to_known(known)


def multi_view_contrast(seen: Tensor, views: Tensor, temperature: float) -> Tensor:
    """Return the multi-view contrastive loss, a scalar; 0 where no two images share a view.

    Args:
        seen: ``(B, V)`` view scores.
        views: ``(B,)`` int64, the viewpoint of each image.
        temperature: Divides the cosines.
    """
    unit = F.normalize(seen.float(), dim=1)
    scores = unit @ unit.T / temperature
    same = views[:, None] == views
    # log of the sum over other views; -inf where there are none, and the pair then costs 0
    others = scores.masked_fill(same, -torch.inf).logsumexp(dim=1, keepdim=True)
    pairs = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    cost = torch.logaddexp(scores, others) - scores
    return cost[pairs].sum() / pairs.sum().clamp(min=1)


@MODELS.register_module()
class ParFormer(RecognitionModel):
    """A Swin with masked tokens, attribute centres and a view task.

    Args:
        swin: timm's name and arguments, see `SwinBranch`.
        pretrained: Whether timm's published weights are loaded.
        mask: Probability that a position is masked.
        positive_gamma: See `asymmetric_bce`.
        negative_gamma: See `asymmetric_bce`.
        negative_clip: See `asymmetric_bce`.
        center: Weight of the center loss of a batch.
        center_rate: Learning rate of the centres.
        contrast: Weight of the contrastive loss of a batch.
        temperature: See `multi_view_contrast`.
        views: Columns of the attributes that are viewpoints; from the schema.
        common: See `RecognitionModel`.
    """

    masks_unknown = True
    centers: Tensor

    whole_batch = True

    def __init__(
        self,
        *,
        swin: Mapping[str, Any],
        pretrained: bool,
        mask: float,
        positive_gamma: float,
        negative_gamma: float,
        negative_clip: float,
        center: float,
        center_rate: float,
        contrast: float,
        temperature: float,
        views: Sequence[int],
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.branch = SwinBranch(self.image_size, pretrained, **swin)
        self.feature_dim = width = self.branch.width
        # The mask comes between the last stage and its norm, so the branch gives raw tokens.
        self.norm, self.branch.trunk.norm = self.branch.trunk.norm, nn.Identity()
        self.head = nn.Linear(width, self.attributes)
        self.views = list(views)
        if self.views:
            self.view_head = nn.Linear(width, len(self.views), bias=False)
            nn.init.normal_(self.view_head.weight, std=0.001)
        self.register_buffer("centers", torch.randn(self.attributes, width))
        self.asymmetry: dict[str, Any] = {
            "positive_gamma": positive_gamma,
            "negative_gamma": negative_gamma,
            "clip": negative_clip,
            "detach_focus": True,
        }
        self.mask, self.center, self.center_rate = mask, center, center_rate
        self.contrast, self.temperature = contrast, temperature

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)`` to the mean of the normed tokens ``(B, D)``."""
        _, tokens = self.branch(images)
        if self.training:
            tokens = batch_random_mask(tokens, self.mask)
        return self.norm(tokens).mean(dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """Map features ``(B, D)`` to logits ``(B, A)``."""
        return self.head(features)

    @torch.no_grad()
    def follow(self, features: Tensor, labels: Tensor) -> None:
        """Move the centres one step, by the mean of all processes' gradients."""
        step = center_step(features.float(), labels, self.centers)
        all_reduce(step, op="mean")
        self.centers -= self.center_rate * self.center * step

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the asymmetric, the center and, with views, the contrastive loss."""
        features = self.features(images)
        batch, logits = len(images), self.classify(features)
        centers = self.centers.clone()  # what the gradient needs may not move under it
        losses = {
            "loss": asymmetric_bce(logits, labels, **self.asymmetry),
            "loss_center": self.center / batch * center_loss(features.float(), labels, centers),
        }
        if self.training:
            self.follow(features, labels)
        if self.views:
            told, _ = told_apart(labels[:, self.views])
            known = told.any(dim=1)  # no view, or none that is known: the image does not take part
            seen = self.view_head(features[known])
            cost = multi_view_contrast(seen, told[known].argmax(dim=1), self.temperature)
            losses["loss_contrast"] = self.contrast / batch * cost
        return losses


METHOD = Method(
    title="PARFormer",
    cite="Fan et al., TCSVT 2023",
    family="transformer",
    backbone={"default": "nano Swin", "paper": "Swin-L"},
    papers=[
        {
            "authors": "Fan, Xinwen and Zhang, Yukang and Lu, Yang and Wang, Hanzi",
            "title": "PARFormer: Transformer-based Multi-Task Network for Pedestrian Attribute"
            " Recognition",
            "venue": "TCSVT",
            "year": 2023,
            "arxiv": "2304.07230",
            "read": "page of arXiv 2304.07230, of 2023 (openreview.net files the journal's "
            "issue under 2024)",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("swin", SWIN),
                "pretrained": Switch(),
                "mask": SHARE,
                **ASYMMETRIC,
                "center": WEIGHT,
                "center_rate": WEIGHT,
                "contrast": WEIGHT,
                "temperature": POSITIVE,
                "views": Filled(),
            },
            (
                stages_fit,
                heads_fit,
            ),
        )
    },
    recognition={
        "model": {
            "type": "ParFormer",
            "swin": {
                "name": "swin_tiny_patch4_window7_224",
                "embed_dim": 24,
                "depths": [1, 1, 1, 1],
                "num_heads": [1, 2, 4, 8],
                "window_size": 4,
                "mlp_ratio": 2.0,
                "drop_path_rate": 0.0,
                "channel_attention": "off",
                "always_partition": False,
            },
            "pretrained": False,
            "mask": 0.1,
            "positive_gamma": 0.0,
            "negative_gamma": 1.0,
            "negative_clip": 0.05,
            "center": 0.5,
            "center_rate": 0.5,
            "contrast": 1.0,
            "temperature": 0.1,
            "views": [],
        },
        "train": {"lr": 2e-3},
    },
    profiles={
        "base": {
            "recognition": {
                "model": {
                    "swin": {
                        "name": "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k",
                        "drop_path_rate": 0.1,
                        "channel_attention": "off",
                        "always_partition": False,
                    }
                }
            }
        },
        "paper": {
            "data": {"image_size": [224, 224]},
            "recognition": {
                "model": {
                    "swin": {
                        "name": "swin_large_patch4_window7_224.ms_in22k",
                        "drop_path_rate": 0.1,
                        "channel_attention": "off",
                        "always_partition": False,
                    },
                    "pretrained": True,
                },
                "augment": {"pad": 10},
                "train": {
                    "epochs": 100,
                    "batch_size": 32,
                    "lr": 1e-4,
                    "weight_decay": 0.01,
                    "schedule": "constant",
                    "warmup_epochs": 0,
                    "clip_norm": 0.0,
                },
            },
        },
    },
)
