"""Processes that die at a bad moment; functions of a module, since other processes call them."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

from clear_bench.utils import files
from clear_bench.utils.locks import locked
from clear_bench.utils.processes import end_with_parent


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def half_made(root):
    """Die with everything half-written that can be, and a lock held."""
    root = Path(root)
    with files.scratch(), locked(root / ".lock"), files.written_whole(root / "deep/text") as text:
        text.write_text("half")

        def make(folder):
            (folder / "record.json").write_text("{}")
            die()

        files.made_once(root / "made", make)


def wait_for_ever(told):
    """Tell one's number, and work until somebody ends it."""
    end_with_parent()
    Path(told).write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


def parent(told):
    """Start a worker and die."""
    forks = multiprocessing.get_context("fork")
    forks.Process(target=wait_for_ever, args=(told,)).start()
    while not Path(told).exists() or not Path(told).read_text():
        time.sleep(0.01)
    die()
