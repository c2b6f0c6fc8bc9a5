"""The GPUs of this machine, told without torch where there are none."""

import ctypes
import os

DRIVERS = ("libcuda.so.1", "libamdhip64.so", "nvcuda.dll")
"""Of GPUs that torch knows."""


def gpus() -> list[str]:
    """Return the numbers of the GPUs that this process may use.

    Where no driver is torch would find none, and is not imported: it takes seconds.
    """
    if not driver():
        return []
    import torch

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen:
        return chosen.split(",")
    return [str(number) for number in range(torch.cuda.device_count())]


def driver() -> str:
    """Return the driver of GPUs that is installed; "" if none is."""
    return next((name for name in DRIVERS if _installed(name)), "")


def _installed(library: str) -> bool:
    """Return whether the system can load a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
