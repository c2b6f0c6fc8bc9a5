"""Training in less memory: a batch in pieces, and blocks that are computed anew going back."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from clear_bench.utils.errors import UserError
from clear_bench.utils.progress import say


@LOOPS.register_module()
class InPieces(EpochBasedTrainLoop):
    """A step whose batch goes through the network in pieces: gradient accumulation.

    The batch is augmented whole, from the same draws as in one piece, and the gradient is the mean
    over its images, also where the pieces are not of one size.  A loss that is no mean over images
    and a batch norm see each piece alone: then the numbers are others, not only in their last
    digits.

    Args:
        pieces: Of a batch; fewer where it has fewer images.
        rest: See `EpochBasedTrainLoop`.
    """

    def __init__(self, *args: Any, pieces: int, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.pieces = pieces
        norms = sum(isinstance(part, _BatchNorm) for part in self.runner.model.modules())
        if norms:
            say(
                f"train.accumulate={pieces}: {norms} batch norms see each piece alone; the numbers "
                "are not those of a batch in one piece"
            )

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Take one step."""
        self.runner.call_hook("before_train_iter", batch_idx=idx, data_batch=data_batch)
        loss = step(self.runner.model, data_batch, self.runner.optim_wrapper, self.pieces)
        self.runner.call_hook(
            "after_train_iter", batch_idx=idx, data_batch=data_batch, outputs={"loss": loss}
        )
        self._iter += 1


def step(model: Any, batch: Mapping[str, Tensor], wrapper: Any, pieces: int) -> Tensor:
    """Take one step on a batch in pieces and return its loss, the mean over its images.

    Args:
        model: A `BaseModel`, or mmengine's wrapper around one for several processes.
        batch: As the loader gives it, ``(B, ...)`` each.
        wrapper: The `OptimWrapper`.
        pieces: How many.
    """
    inner = model.module if is_model_wrapper(model) else model
    with torch.no_grad():
        whole = inner.data_preprocessor(batch, True)
    losses = []
    for share, piece, last in split(whole, pieces):
        # Processes add their gradients up once, with the last piece.
        alone: AbstractContextManager[Any] = (
            model.no_sync() if is_model_wrapper(model) and not last else nullcontext()
        )
        with alone:
            with wrapper.optim_context(model):
                found = model._run_forward(piece, mode="loss")
            loss = inner.parse_losses(found)[0] * share
            wrapper.backward(loss)
        losses.append(loss.detach())
    wrapper.step()
    wrapper.zero_grad()
    return torch.stack(losses).sum()


def split(
    batch: Mapping[str, Tensor], pieces: int
) -> Iterator[tuple[float, dict[str, Tensor], bool]]:
    """Yield each piece of a batch: its share of the images, itself, and whether it is the last."""
    names, rows = list(batch), len(next(iter(batch.values())))
    parts = [batch[name].tensor_split(min(pieces, rows)) for name in names]
    for number, each in enumerate(zip(*parts, strict=True), start=1):
        share = len(each[0]) / rows
        yield share, dict(zip(names, each, strict=True)), number == min(pieces, rows)


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return the transformer blocks of a network: the children of what timm calls ``blocks``."""
    return [
        block
        for name, part in model.named_modules()
        if name.rpartition(".")[2] == "blocks"
        for block in part.children()
    ]


def checkpoint_blocks(model: nn.Module) -> None:
    """Make every block of a transformer keep its input alone, and compute the rest anew going back.

    Random draws are repeated, so the gradient is the same.

    Raises:
        UserError: If the network has no blocks, or such with batch norms, which would count each
            batch twice.
    """
    blocks = blocks_of(model)
    if not blocks or any(isinstance(part, _BatchNorm) for b in blocks for part in b.modules()):
        raise UserError(
            f"train.checkpointing: {type(model).__name__} has no transformer blocks; set it to "
            "false, and train.accumulate to train in less memory"
        )
    for block in blocks:
        block.forward = partial(_anew, block.forward)


def _anew(forward: Any, *args: Any, **rest: Any) -> Any:
    """Return what a block gives; with a gradient, keep nothing that can be computed again."""
    if not torch.is_grad_enabled():
        return forward(*args, **rest)
    return checkpoint(forward, *args, use_reentrant=False, **rest)
