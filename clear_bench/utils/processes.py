"""Which process made something, whether it is still there, and how to end with one's parent."""

import ctypes
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from functools import cache, partial
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import psutil

HOST = socket.gethostname()
SIGNAL_AT_DEATH = 1  # PR_SET_PDEATHSIG of prctl(2)
DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def birth(pid: int) -> int | None:
    """Return what tells a process from another that had its number; None if it is no more.

    On Linux the ticks since the machine started, which no change of the clock moves.  One that
    ended and that nobody has asked about yet (a zombie) is there no more.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in DEAD:
            return None
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists():  # no Linux
            return round(process.create_time())
        return int(
            stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


@cache
def _mark(pid: int) -> str:
    """Return the mark of a process of this machine."""
    return f"{re.sub('[^0-9A-Za-z]', '_', HOST)}-{pid}-{birth(pid)}"


def mark() -> str:
    """Return what marks a file as this process's: machine, number and birth."""
    return _mark(os.getpid())


def is_dead(mark: str) -> bool | None:
    """Return whether the process of a mark is no more; None if only another machine knows."""
    host, pid, born = mark.rsplit("-", 2)
    if host != _mark(os.getpid()).rsplit("-", 2)[0]:
        return None
    return str(birth(int(pid))) != born


def dying_with_parent() -> Callable[[], object] | None:
    """Return what lets a program that this process starts be told to end when this one dies.

    None where the system cannot (it is no Linux).
    """
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None, use_errno=True).prctl
    return partial(control, SIGNAL_AT_DEATH, signal.SIGTERM)


def end_with_parent() -> None:
    """Let this process of `multiprocessing` end as soon as the one that started it is no more.

    It may be at a call of hours, and its parent killed with nobody to stop it.
    """
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=watch, daemon=True).start()
