"""Losses of recognition (weighted binary cross-entropy) and of retrieval (margin losses)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_bce(logits: Tensor, labels: Tensor, positive_ratio: Tensor) -> Tensor:
    """Return the binary cross-entropy that weighs rare attributes up.

    A positive of attribute j weighs exp(1 - r_j) and a negative exp(r_j), where r_j is the share
    of positives in the training split.  Summed over attributes, averaged over images.
    Source: DeepMAR (Li et al., ACPR 2015); the sum as in Jia et al., "Rethinking of PAR", and in
    C2T-Net's released code, whose recipe CLEAR is taken to keep (inferred).

    Args:
        logits: ``(B, A)``.
        labels: ``(B, A)`` of 0 and 1, in the dtype of ``logits``.
        positive_ratio: ``(A,)``.

    Returns:
        A scalar.
    """
    weight = torch.exp(torch.where(labels > 0.5, 1 - positive_ratio, positive_ratio))
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (loss * weight).sum(dim=1).mean()


def margin_softmax(
    cosine: Tensor, target: Tensor, *, margin: float, scale: float, angular: bool
) -> Tensor:
    """Return the cross-entropy over categories after the true one was made harder by a margin.

    The true category's logit is ``scale * cos(theta + margin)`` (``angular``; ArcFace, Deng et
    al. 2019, as in ASMR's alignment loss) or ``scale * (cos(theta) - margin)`` (CosFace, Wang et
    al. 2018); all others are ``scale * cos(theta)``.  CLEAR says "margin learning" without a
    formula, so this choice is inferred.  Where theta + margin would pass pi, cos would turn back
    up; there the angle stops at pi.

    Args:
        cosine: ``(B, C)`` cosines between images and category prototypes.
        target: ``(B,)`` int64, the true category of each image.
        margin: Radians if ``angular``, else a difference of cosines.  0 is the plain softmax.
        scale: Factor on all logits.
        angular: Which of the two margins.

    Returns:
        A scalar.
    """
    cosine = cosine.float()  # under mixed precision it may come in half precision
    true = cosine.gather(1, target[:, None])
    if angular:
        # acos has an infinite slope at 1, so stay a float32 step away from it.
        theta = torch.acos(true.clamp(-1 + 1e-6, 1 - 1e-6))
        harder = torch.cos((theta + margin).clamp(max=torch.pi))
    else:
        harder = true - margin
    return F.cross_entropy(scale * cosine.scatter(1, target[:, None], harder), target)


def hardest_hinge(cosine: Tensor, target: Tensor, *, margin: float) -> Tensor:
    """Return the bidirectional hinge on the hardest negatives of a batch (VSE++, Faghri 2018).

    For each image the hardest wrong category, for each category present in the batch the hardest
    wrong image, both against the pair's own cosine: ``max(0, margin - positive + negative)``.
    That CLEAR's margin loss may be of this form is inferred.

    Args:
        cosine: ``(B, C)`` cosines between images and category prototypes.
        target: ``(B,)`` int64.
        margin: Difference of cosines wanted.

    Returns:
        A scalar: mean over images of the two directions' sum.
    """
    positive = cosine.gather(1, target[:, None])
    same = F.one_hot(target, cosine.shape[1]).bool()
    wrong_category = cosine.masked_fill(same, -2).amax(dim=1, keepdim=True)
    to_own = cosine[:, target]  # (B, B): image i against the category of image j
    wrong_image = to_own.masked_fill(target[:, None] == target[None, :], -2).amax(dim=0)[:, None]
    hinge = F.relu(margin - positive + wrong_category) + F.relu(margin - positive + wrong_image)
    return hinge.mean()
