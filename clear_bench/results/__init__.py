"""From records to groups, statistics and comparisons; ``clear_bench.results()`` is their table."""

import sys
from typing import Any

from clear_bench.utils.callable_module import CallableModule


def called(*args: Any, **rest: Any) -> Any:
    """Return the table of `clear_bench.results.frame.results`."""
    from clear_bench.results.frame import results

    return results(*args, **rest)


sys.modules[__name__].__class__ = CallableModule
