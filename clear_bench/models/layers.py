"""Parts that several methods share."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.errors import UserError


def prior_logit(positive_ratio: Tensor) -> Tensor:
    """Return the logits ``(A,)`` at which `weighted_bce` of a constant prediction is least.

    ``log(r / (1 - r)) + 1 - 2 r``.  A classifier whose shift is a parameter of its own starts
    there: AdamW moves each parameter by about the learning rate a step, so from 0 it would need
    thousands of steps, and until then too many attributes would be called present.
    """
    ratio = positive_ratio.clamp(1e-3, 1 - 1e-3)
    return torch.logit(ratio) + 1 - 2 * ratio


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation; a batch of one, as the last may be, gets the running averages."""

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(N, D)`` to ``(N, D)``."""
        if self.training and len(input) == 1:
            # Copies: other calls may move the averages before the backward pass reads them.
            mean, variance = (self.get_buffer(f"running_{k}").clone() for k in ("mean", "var"))
            return F.batch_norm(input, mean, variance, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class AttributeLinear(nn.Module):
    """A linear layer of its own for each attribute; each starts as an `nn.Linear` does.

    Args:
        attributes: A.
        inputs: I.
        outputs: O.
        bias: Whether each has a bias; leave it out where a batch norm takes it out again.
    """

    def __init__(self, attributes: int, inputs: int, outputs: int = 1, bias: bool = True) -> None:
        super().__init__()
        bound = inputs**-0.5
        weight = torch.empty(attributes, inputs, outputs).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        start = torch.empty(attributes, outputs).uniform_(-bound, bound) if bias else None
        self.bias = None if start is None else nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, A, I)``, or ``(B, 1, I)`` that all attributes share, to ``(B, A, O)``."""
        y = torch.einsum("bai,aio->bao", x, self.weight)
        return y if self.bias is None else y + self.bias


def logit_norm(positive_ratio: Tensor) -> BatchNorm:
    """Return a batch norm over logits ``(B, A)`` whose shift starts at the `prior_logit`."""
    norm = BatchNorm(len(positive_ratio))
    with torch.no_grad():
        norm.bias.copy_(prior_logit(positive_ratio))
    return norm


def read_phrases(file: str, attributes: int, *, centred: bool = True) -> Tensor:
    """Return the attributes' text embeddings ``(A, T)``, centred and scaled.

    The mean over attributes is subtracted and all is divided by one number, the root mean square
    of what remains: sentence encoders put such short phrases close together (inferred need; the
    papers feed theirs as they are, and the linear layer that follows could undo this).

    Args:
        file: An ``.npz`` file with ``text`` ``(A, T)``.
        attributes: A.
        centred: False leaves them as the encoder gave them.

    Raises:
        UserError: If the file is missing or is of another schema.
    """
    text = torch.from_numpy(read_arrays(Path(file), ["text"])["text"]).float()
    if len(text) != attributes:
        raise UserError(f"{file}: {len(text)} phrases, must be {attributes}, one an attribute")
    if not centred:
        return text
    text = text - text.mean(dim=0)
    return text / text.square().mean().sqrt().clamp(min=1e-6)


def sine_places(grid: tuple[int, int], dim: int) -> Tensor:
    """Return a fixed vector for each position, ``(rows * columns, dim)``.

    The first half says the row, the second the column: sines and cosines, in turn, of the share of
    the way from 0 (exclusive) to the last one, as an angle up to 2 pi, at falling frequencies.
    Source: DETR (Carion et al., ECCV 2020), as the code has it.

    Args:
        grid: Rows and columns.
        dim: A multiple of 4.
    """
    half = dim // 2
    frequency = 10000.0 ** -(2 * (torch.arange(half) // 2) / half)
    angles = [2 * math.pi * torch.arange(1, n + 1)[:, None] / n * frequency for n in grid]
    even = torch.arange(half) % 2 == 0
    row, column = (torch.where(even, angle.sin(), angle.cos()) for angle in angles)
    rows, columns = grid
    return torch.cat([row.repeat_interleave(columns, dim=0), column.repeat(rows, 1)], dim=1)
