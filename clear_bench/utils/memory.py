"""How a process that computes for minutes treats memory: less often, and it keeps what it has.

Nothing here changes a number.
"""

import ctypes
import gc
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST = 2**31 - 1
ALLOCATIONS = 50_000


def collect_rarely() -> None:
    """Let Python look for cycles after 50,000 new objects, not 700, and never in those of now.

    Modules and records stay to the end of the process.
    """
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)


@cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, where the C library is GNU's, and collect rarely.

    Each step of a training frees large arrays and asks for the like again; given back to the system
    in between, each of their pages is cleared and mapped anew, a tenth of the time of a small
    network.  The memory in use stays at its highest.
    """
    collect_rarely()
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(TRIM_THRESHOLD, LARGEST)
        mallopt(MMAP_THRESHOLD, LARGEST // 2)
