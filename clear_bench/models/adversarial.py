"""Parts of adversarial methods: bounded networks, judges, what judges are told, made-up persons."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.models.joint_space import fixed, mlp
from clear_bench.models.layers import BatchNorm

SMOOTHING = 0.1  # of labels, as in the code


class Bounded(nn.Sequential):
    """An `mlp` with batch normalisation whose outputs lie in (-1, 1)."""

    def __init__(self, *widths: int) -> None:
        super().__init__(mlp(widths, norm=True), nn.Tanh())


def judge(inputs: int) -> nn.Sequential:
    """Return a discriminator, ``(N, inputs)`` to ``(N, 1)`` in (0, 1), larger for real samples."""
    return nn.Sequential(
        nn.Linear(inputs, 512), BatchNorm(512), nn.LeakyReLU(0.2),
        nn.Linear(512, 256), BatchNorm(256), nn.LeakyReLU(0.2),
        nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip


def smooth_bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Return binary cross-entropy ``(N, K)`` with labels ``(1 - e) y + e / K``, e = 0.1.

    Summed over the K labels, averaged over N.
    """
    smooth = (1 - SMOOTHING) * labels + SMOOTHING / labels.shape[1]
    loss = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    return loss.sum(dim=1).mean()


def judged_by(judge: nn.Module, samples: Tensor) -> Tensor:
    """Return what a judge says of samples ``(N, D)`` that learn from it, and it not from them."""
    return fixed(judge, samples, batch_statistics=True)


def told(logits: Tensor, real: bool) -> Tensor:
    """Return a judge's loss on samples ``(N, 1)`` of one kind, labels smoothed as in the code."""
    return smooth_bce(logits, torch.full_like(logits, float(real)))


def draw_persons(
    priors: Tensor, exclusive: Sequence[Tensor], lone: Tensor, present: int, count: int
) -> Tensor:
    """Return ``(count, A)`` attribute vectors of persons that need not exist.

    An exclusive group that nearly every training image fills shows one member, drawn by its prior.
    Of all other attributes as many are present as are on average in training (rounded), drawn
    without replacement by their priors.  So does the code: four of nine on Market-1501, where bags
    fill no group, ten of 57 on PETA.

    Args:
        priors: ``(A,)`` share of training images that have each attribute.
        exclusive: Columns of each such group.
        lone: Columns of all other attributes.
        present: How many of those are present.
        count: How many persons.
    """
    drawn = torch.zeros(count, len(priors))
    for columns in exclusive:
        member = torch.multinomial(priors[columns], count, replacement=True)
        drawn[torch.arange(count), columns[member]] = 1
    if present:
        chosen = torch.multinomial(priors[lone].expand(count, -1), present)
        drawn.scatter_(1, lone[chosen], 1)
    return drawn
