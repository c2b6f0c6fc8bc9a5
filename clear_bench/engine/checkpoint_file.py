"""A checkpoint as a file from outside: read as data, and held against the model it is for."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from clear_bench.utils.errors import UserError


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, through the restricted unpickler: nothing in it runs.

    A file of safetensors, as exported models have it, holds the weights alone.

    Raises:
        UserError: If the file is missing or is no checkpoint.
    """
    try:
        if file.suffix == ".safetensors":
            content = {"state_dict": load_file(file)}
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{file}: no such checkpoint; train the run again") from None
    except Exception as error:  # torch's parser raises a different one for each way of being broken
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{file}: not a checkpoint of this model ({cause})") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: not a checkpoint of this model (holds no mapping)")
    return content


def require_weights(model: Any, weights: Any, file: Path, what: str = "") -> None:
    """Raise a `UserError` unless weights are those of a model: names, shapes, and numbers.

    Args:
        model: A module.
        weights: What should be its ``state_dict``.
        file: Where they are from.
        what: Which weights, for the message.

    Raises:
        UserError: If one is missing, unknown, of another shape, or not finite where the model's own
            is.
    """
    own = model.state_dict()
    if not isinstance(weights, Mapping) or not all(map(torch.is_tensor, weights.values())):
        raise UserError(f"{file}: not a checkpoint of this model ({what}no weights in it)")
    missing, unknown = sorted(set(own) - set(weights)), sorted(map(str, set(weights) - set(own)))
    if missing or unknown:
        words = [f"{what}{name} is missing" for name in missing[:2]]
        words += [f"{what}{name} is unknown" for name in unknown[:2]]
        raise UserError(f"{file}: not a checkpoint of this model ({', '.join(words)})")
    for name, tensor in own.items():
        there = weights[name]
        if there.shape != tensor.shape:
            shapes = f"{tuple(there.shape)}, not {tuple(tensor.shape)}"
            raise UserError(f"{file}: not a checkpoint of this model ({what}{name} is {shapes})")
        if not is_finite(there) and is_finite(tensor):
            raise UserError(f"{file}: not a usable checkpoint ({what}{name} is not finite)")


def is_finite(tensor: torch.Tensor) -> bool:
    """Return whether all of a tensor is finite numbers."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def epoch_of(content: Mapping[str, Any], file: Path) -> int:
    """Return the epoch that a checkpoint says it is of.

    Raises:
        UserError: If it does not.
    """
    meta = content.get("meta")
    epoch = meta.get("epoch") if isinstance(meta, Mapping) else None
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
        raise UserError(f"{file}: not a checkpoint of this model (says no epoch)")
    return epoch


def require_history(history: Any, epochs: int, metric: str, file: Path) -> None:
    """Raise a `UserError` unless a history has one row an epoch, of finite numbers.

    Args:
        history: What should be a list of mappings.
        epochs: How many rows there should be.
        metric: Name of a number that every row has beside loss and seconds; "" is none.
        file: Where it is from.
    """
    rows = history if isinstance(history, list) else []
    numbers = ["loss", "seconds", *([metric] if metric else [])]
    fits = len(rows) == epochs and all(
        isinstance(row, Mapping)
        and {"epoch", *numbers} <= set(row)
        and row["epoch"] == place
        and all(isinstance(v, int | float) for v in row.values())
        and all(math.isfinite(row[name]) for name in numbers)
        for place, row in enumerate(rows, 1)
    )
    if not fits:
        raise UserError(f"{file}: not a usable checkpoint (its history is not of {epochs} epochs)")
