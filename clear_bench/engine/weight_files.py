"""Weights from a file that others made: tensors by name, and nothing in it is executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

CONTAINERS = ("state_dicts", "state_dict_ema", "model_ema", "state_dict", "model", "teacher")
"""Where checkpoints keep their weights beside other things; the first that is there is read."""
INERT = (
    "argparse.Namespace",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float64", "Float32", "Int64", "Int32", "Bool")),
)
"""What checkpoints hold besides tensors, often enough: settings and a metric.  It is not built."""


class Inert:
    """Stands where a file names something of `INERT`: takes what it is given and keeps nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Ignore the arguments."""

    def __setstate__(self, _: Any) -> None:
        """Ignore the state."""


def read_weights(file: Path, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU.

    Args:
        file: safetensors, or a torch checkpoint, which goes through the restricted unpickler; the
            weights may lie in one of `CONTAINERS`.
        sha256: Of the file when the run was planned.

    Raises:
        UserError: If the file is missing, is another by now, or holds no named tensors.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file of weights")
    if file_sha256(file) != sha256:
        raise UserError(f"{file}: is another file than when the run was planned; start again")
    content = _open(file)
    while isinstance(content, Mapping):
        inner = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    tensors = dict(content) if isinstance(content, Mapping) else {}
    tensors = {k: v for k, v in tensors.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        raise UserError(
            f"{file}: holds no mapping of names to tensors, by itself or in {', '.join(CONTAINERS)}"
        )
    return tensors


def flaw(tensor: Tensor, like: Tensor) -> str:
    """Return in words why a file's tensor cannot stand for one of a network's; "" if it can."""
    if tuple(tensor.shape) != tuple(like.shape):
        return f"is {tuple(tensor.shape)}, must be {tuple(like.shape)}"
    if not is_plain(tensor) or tensor.is_floating_point() != like.is_floating_point():
        return f"is of {tensor.dtype} ({tensor.layout}), must be of {like.dtype}"
    return "" if bool(torch.isfinite(tensor).all()) else "holds values that are not finite"


def is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is dense, on the CPU and not larger than what the file holds."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _open(file: Path) -> Any:
    """Return what a file holds."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with torch.serialization.safe_globals([(Inert, name) for name in INERT]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        cause = str(error)
    except Exception as error:  # torch raises a different one for each way of being broken
        cause = str(error).replace("WeightsUnpickler error:", "").strip()
        _, _, refused = cause.partition("Unsupported global: ")
        name = "".join(refused.split()[1:2])
        cause = (
            f"asks for {name}, which is not a tensor"
            if name
            else f"{type(error).__name__}: {cause}"
        )
    raise UserError(f"{file}: not weights in safetensors or torch's format ({_short(cause)})")


def _short(cause: str) -> str:
    """Return the first sentence of a library's message, on one line."""
    return " ".join(cause.split("\n")[0].split())[:160]
