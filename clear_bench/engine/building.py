"""Models from their configuration, and with the weights of a checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import MODELS, init_default_scope

from clear_bench.engine.checkpoint_file import read_checkpoint, require_weights
from clear_bench.utils.errors import UserError


def build(model: dict[str, Any]) -> Any:
    """Return a model from its configuration, through mmengine's registry, without training."""
    init_default_scope("mmengine")
    with building():
        return MODELS.build(dict(model))


@contextmanager
def building() -> Iterator[None]:
    """Turn what a network's constructor says of impossible sizes into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        cause = " ".join(str(error).split())[:300]
        raise UserError(
            f"the model cannot be built: {type(error).__name__}: {cause}; check the values of "
            "data.image_size and of the section model"
        ) from error


def load(model: dict[str, Any], checkpoint: Path) -> Any:
    """Return a model with the weights of a checkpoint, ready to predict.

    Every weight must be there, fit and be finite, see `require_weights`.

    Raises:
        UserError: If the file is missing, is not a checkpoint, or does not fit the model.
    """
    built = build(model)
    content = read_checkpoint(checkpoint)
    require_weights(built, content.get("state_dict"), checkpoint)
    built.load_state_dict(content["state_dict"], strict=True)
    return built.to(device()).eval()


def device() -> torch.device:
    """Return the device that models run on: the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
