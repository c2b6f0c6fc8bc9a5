"""Losses of recognition (weighted binary cross-entropies) and of retrieval (margin losses).

A label that nobody knows is NaN here: what forgets to leave it out cannot pass unseen.  It costs
nothing and pulls at nothing; a sum over attributes is one over the known ones, and a mean over
cells (image and attribute) is one over the known cells.  With all known the bits are as without.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from clear_bench.config.options import checked
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.models.options import CELL_WEIGHTING

FLOOR = 1e-8  # of what is raised to a power: the slope of x^gamma is infinite at 0 for gamma < 1


def targets(labels: Tensor) -> Tensor:
    """Return labels ``(B, A)`` of 0, 1 and `UNKNOWN` as a loss reads them: float32, NaN for it."""
    return torch.where(labels == UNKNOWN, torch.nan, labels.float())


def told_apart(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return which attributes are present, of 0 and 1, and which are known, bool: ``(B, A)`` each.

    Both 0 where a label is NaN.
    """
    known = ~labels.isnan()
    return torch.where(known, labels, 0), known


def all_to_known(known: Tensor) -> Tensor:
    """Return how many cells there are for each known one: exactly 1.0 if all are.

    A mean over all cells, the unknown ones 0, times this is the mean over the known ones.
    """
    return known.numel() / known.sum().clamp(min=1)


def weighted_bce(
    logits: Tensor, labels: Tensor, positive_ratio: Tensor, strength: float = 1.0
) -> Tensor:
    """Return the binary cross-entropy that weighs rare attributes up.

    A positive of attribute j weighs exp(1 - r_j) and a negative exp(r_j), where r_j is the share
    of positives in the training split.  Summed over attributes, averaged over images.
    Source: DeepMAR (Li et al., ACPR 2015); the sum as in Jia et al., "Rethinking of PAR", and in
    C2T-Net's released code, whose recipe CLEAR is taken to keep (inferred).

    Args:
        logits: ``(B, A)``.
        labels: ``(B, A)`` of 0, 1 and NaN, in the dtype of ``logits``.
        positive_ratio: ``(A,)``.
        strength: Factor on the exponent (ours): 1 is the published weight, 0 weighs nothing.

    Returns:
        A scalar.
    """
    present, known = told_apart(labels)
    weight = torch.exp(strength * torch.where(present > 0.5, 1 - positive_ratio, positive_ratio))
    loss = F.binary_cross_entropy_with_logits(logits, present, reduction="none")
    return (loss * torch.where(known, weight, 0)).sum(dim=1).mean()


def cell_mean_bce(
    logits: Tensor, labels: Tensor, positive_ratio: Tensor, *, positives_only: bool
) -> Tensor:
    """Return the weighted binary cross-entropy of `weighted_bce`, averaged over all cells.

    Source: the released code of ALM (Tang et al., ICCV 2019).  Its text gives both classes their
    weight; its expression lacks a pair of brackets, so that a negative weighs 1.

    Args:
        logits: ``(B, A)``.
        labels: ``(B, A)`` of 0, 1 and NaN, in the dtype of ``logits``.
        positive_ratio: ``(A,)``.
        positives_only: Whether only positives have a weight, as in the released code.

    Returns:
        A scalar: the mean over B and A, of known labels.
    """
    present, known = told_apart(labels)
    absent = torch.zeros_like(positive_ratio) if positives_only else positive_ratio
    weight = torch.exp(torch.where(present > 0.5, 1 - positive_ratio, absent))
    mean = F.binary_cross_entropy_with_logits(logits, present, torch.where(known, weight, 0))
    return mean * all_to_known(known)


def check_loss_weighting(name: str) -> str:
    """Return ``name``, which cells of a `cell_mean_bce` have a weight.

    Raises:
        UserError: If it is neither ``positives`` nor ``both``.
    """
    return str(checked(CELL_WEIGHTING, "loss_weighting", name))


def focal_bce(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """Return the binary focal loss, in which what is already right weighs little.

    ``-(1 - q)^gamma log(q)``, where q is the probability given to the true answer.  Summed over
    attributes, averaged over images, as `weighted_bce`.  Source: Lin et al., "Focal Loss for Dense
    Object Detection", ICCV 2017, equation 4; its balancing factor alpha is left out.

    Args:
        logits: ``(B, A)``.
        labels: ``(B, A)`` of 0, 1 and NaN.
        gamma: 0 is the plain cross-entropy.

    Returns:
        A scalar.
    """
    present, known = told_apart(labels)
    to_truth = torch.where(present > 0.5, logits, -logits).float()
    missing = torch.sigmoid(-to_truth).clamp(min=FLOOR)
    loss = -(missing**gamma * F.logsigmoid(to_truth))
    return torch.where(known, loss, 0).sum(dim=1).mean()


def asymmetric_bce(
    logits: Tensor,
    labels: Tensor,
    *,
    positive_gamma: float,
    negative_gamma: float,
    clip: float,
    detach_focus: bool = False,
) -> Tensor:
    """Return the asymmetric loss (ASL): negatives are focused harder, easy ones do not count.

    A positive of probability p costs ``-(1 - p)^positive_gamma log(p)``, a negative
    ``-p'^negative_gamma log(1 - p')`` with ``p' = max(p - clip, 0)``.  Summed over attributes,
    averaged over images.  Source: Ridnik et al., "Asymmetric Loss For Multi-Label Classification",
    ICCV 2021; gradients pass through the factors as the formula has it, unless ``detach_focus``
    stops them, as the released code does by default.

    Args:
        logits: ``(B, A)``.
        labels: ``(B, A)`` of 0, 1 and NaN.
        positive_gamma: 0 in the paper's recommended setting.
        negative_gamma: 4 there.
        clip: 0.05 there.
        detach_focus: Whether the factors are constants to the gradient.

    Returns:
        A scalar.
    """
    logits, (truth, known) = logits.float(), told_apart(labels)
    present, absent = F.logsigmoid(logits), F.logsigmoid(-logits)
    # log(1 - p') = min(0, log(1 - p + clip)), in logarithms all the way
    absent = torch.logaddexp(absent, absent.new_tensor(clip).log()).clamp(max=0)
    doubt = torch.sigmoid(-logits).clamp(min=FLOOR) ** positive_gamma
    shifted = (torch.sigmoid(logits) - clip).clamp(min=FLOOR) ** negative_gamma
    if detach_focus:
        doubt, shifted = doubt.detach(), shifted.detach()
    loss = -torch.where(truth > 0.5, doubt * present, shifted * absent)
    return torch.where(known, loss, 0).sum(dim=1).mean()


def margin_softmax(
    cosine: Tensor, target: Tensor, *, margin: float, scale: float, angular: bool
) -> Tensor:
    """Return the cross-entropy over categories after the true one was made harder by a margin.

    The true category's logit is ``scale * cos(theta + margin)`` (``angular``; ArcFace, Deng et
    al. 2019, as in ASMR's alignment loss) or ``scale * (cos(theta) - margin)`` (CosFace, Wang et
    al. 2018); all others are ``scale * cos(theta)``.  CLEAR says "margin learning" without a
    formula, so this choice is inferred.  Where theta + margin would pass pi, cos would turn back
    up; there ArcFace goes on with ``cos(theta) - margin sin(margin)``, as
    ASMR's released code does.

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
        beyond = true - margin * math.sin(margin)
        harder = torch.where(theta + margin < torch.pi, torch.cos(theta + margin), beyond)
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


def contrastive(cosine: Tensor, target: Tensor, *, scale: float) -> Tensor:
    """Return the bidirectional InfoNCE loss of the pairs in a batch.

    Image i against the batch's queries, and the query of i against the batch's images; the mean of
    both cross-entropies.  Two images of one category have the same query, so neither is a negative
    of the other: such pairs are left out.  Source: CLIP (Radford et al. 2021), but with the scale
    given instead of learned; that CLEAR's margin loss may be of this form is inferred.

    Args:
        cosine: ``(B, C)`` cosines between images and category prototypes.
        target: ``(B,)`` int64.
        scale: Factor on all logits.

    Returns:
        A scalar.
    """
    logits = scale * cosine.float()[:, target]  # (B, B): image i against the query of image j
    same = target[:, None] == target[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -torch.inf)
    diagonal = torch.arange(len(target), device=target.device)
    return (F.cross_entropy(logits, diagonal) + F.cross_entropy(logits.T, diagonal)) / 2
