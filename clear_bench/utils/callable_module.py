"""Modules that are called: `clear_bench.train` and `clear_bench.results` are modules and more."""

from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A module that does what its function ``called`` does.

    A module's name and that of a function of `clear_bench` may be one; whichever was imported
    first, both uses work: ``sys.modules[__name__].__class__ = CallableModule``.
    """

    def __call__(self, *args: Any, **rest: Any) -> Any:
        """Call ``called``."""
        return vars(self)["called"](*args, **rest)
