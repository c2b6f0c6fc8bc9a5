"""Train, and die by ``kill -9`` at the N-th call; without the mirror, which has its own tests."""

import os
import signal
import sys

from clear_bench.engine import hooks
from clear_bench.train import app
from clear_bench.training import checkpoints
from clear_bench.training.mirror import Mirror
from clear_bench.utils.command_line import main

PLACES = {
    "step": (hooks.LossHook, "after_train_iter"),
    "save": (hooks.SelectionHook, "_save"),
    "load": (checkpoints, "load"),
}


def die_at(where: str, number: int) -> None:
    owner, name = PLACES[where]
    calls = 0
    original = getattr(owner, name)

    def counted(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, counted)


def train(where: str, number: int, *words: str) -> None:
    """Call the command ``train`` with some words in a process that dies; see `fresh`."""
    die_at(where, number)
    Mirror.follow = lambda *_: None
    sys.argv = ["train", *words]
    main(app)
