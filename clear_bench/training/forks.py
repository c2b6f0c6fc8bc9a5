"""Processes that begin at once: forks of one that did nothing but import.

PyTorch, timm and mmengine take seconds to import, in each process anew.  Here one process imports
them, while the command that wants workers still does something else, and each worker is its fork.
That one has no threads and no GPU: where there is a driver of GPUs, workers begin from nothing,
since CUDA does not survive a fork and a library may ask for it while it is imported.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from clear_bench.training.gpus import driver

HEAVY = ("clear_bench.training.execute",)
"""What every run needs; named here as words, since to import it is the other process's work."""

_threads: list[int] = []  # that the process has, once it has been asked for


def warm(threads: int, *modules: str) -> None:
    """Let the process begin to import what workers will need, and do not wait for it.

    Args:
        threads: Of each worker.
        modules: More of them than `HEAVY`.
    """
    if sys.platform == "win32" or driver() or _threads:
        return
    _threads.append(threads)
    with _as_it_begins(threads):
        multiprocessing.get_context("forkserver").set_forkserver_preload([*HEAVY, *modules])
        forkserver.ensure_running()


@contextmanager
def forking(threads: int) -> Iterator[ForkServerContext | None]:
    """Yield what starts forks in the body; None if there is no process to fork, or another one's.

    Args:
        threads: Of each worker: as many as the process was made for, or it is another one's.
    """
    if _threads != [threads]:
        yield None
        return
    with _as_it_begins(threads):  # it may have been killed, and begins again
        yield multiprocessing.get_context("forkserver")


@contextmanager
def _as_it_begins(threads: int) -> Iterator[None]:
    """Let a process that begins in the body import from where this one does, with its threads.

    Its own first folder to import from would be the current one, whatever lies there.
    """
    places = os.pathsep.join(os.path.abspath(p) for p in sys.path)  # noqa: PTH100 - "" is here
    wanted = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": places, "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
