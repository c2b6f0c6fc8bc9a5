"""Benchmark and ablation suite for person attribute recognition and retrieval.

In `__all__` is what programs may rely on, see docs/api.md; all else may change.  What is used is
imported when it is: importing the package itself imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clear_bench.api.model import Model, load
    from clear_bench.api.training import train
    from clear_bench.config.compose import compose
    from clear_bench.results.frame import results
    from clear_bench.utils.errors import UserError

__all__ = ["Model", "UserError", "compose", "load", "results", "train"]

_HOMES = {
    "Model": "clear_bench.api.model",
    "UserError": "clear_bench.utils.errors",
    "compose": "clear_bench.config.compose",
    "load": "clear_bench.api.model",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for; ``train`` and ``results`` are modules that can be called."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"clear_bench.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names that programs may rely on."""
    return __all__
