"""What the published retrieval methods share: centred features and small networks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call

from clear_bench.models.base import RetrievalModel
from clear_bench.models.layers import BatchNorm


class JointSpace(RetrievalModel):
    """A retrieval model that maps centred features and queries into one space.

    Every method of this kind gets the same features in the same form as CLEAR: minus their mean
    over the training images, with the same dropout, since a frozen backbone has seen the training
    images and its features of them are sharper than those of new people.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: On the image feature.
    """

    def __init__(self, table: str, feature_dropout: float) -> None:
        super().__init__(table)
        self.feature_dropout = nn.Dropout(feature_dropout)

    @property
    def feature_size(self) -> int:
        """D, width of the frozen features."""
        return len(self.feature_mean)

    def centred(self, features: Tensor) -> Tensor:
        """Return ``(N, D)`` features without their training mean, some dropped in training."""
        return self.feature_dropout(features - self.feature_mean)

    def mix(self, vectors: Tensor, donors: Tensor, take: Tensor) -> Tensor:
        """Return attribute vectors some of whose groups come from donors.

        Whole groups change hands, so exclusive attributes stay exclusive.

        Args:
            vectors: ``(N, A)``.
            donors: ``(N, A)``.
            take: ``(N, G)`` bool, which groups each row takes from its donor.
        """
        return torch.where(take[:, self.groups], donors, vectors)


def mlp(widths: Sequence[int], *, norm: bool = False) -> nn.Sequential:
    """Return linear layers of these widths with ReLU (after `BatchNorm`, if ``norm``) between."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += [nn.Linear(inputs, outputs), *([BatchNorm(outputs)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def fixed(module: nn.Module, inputs: Tensor, *, batch_statistics: bool = False) -> Tensor:
    """Apply a module as a constant function: the gradient goes to the inputs alone.

    A generator learns from a discriminator that must not learn from it.  Both then stand in one
    backward pass, each parameter with the gradient of its own objective, and one optimiser that
    keeps its state a parameter (Adam) does what one for each of them would do.

    Args:
        module: The network.
        inputs: ``(N, D)``.
        batch_statistics: Whether normalisation uses the batch's statistics, as in training, and
            moves its running averages.  If not it uses the averages of this moment, also in the
            backward pass: torch would read them then, when other calls have moved them.
    """
    constant = {name: p.detach() for name, p in module.named_parameters()}
    if not batch_statistics:
        constant |= {name: b.clone() for name, b in module.named_buffers()}
    training = module.training
    module.train(batch_statistics)
    output = functional_call(module, constant, (inputs,))
    module.train(training)
    return output
