"""Call a command in this process, as a user would."""

import sys

import pytest

from clear_bench.utils.command_line import main


def base():
    """Return the words of the smoke profile on the small Market-1501 of the current folder."""
    return ["--dataset=market1501", "--profile=smoke", "--data-root=market"]


def unmirrored(patch):
    """Let no command tell MLflow, whose import takes seconds of a process of its own."""
    from clear_bench.training.mirror import Mirror

    patch.setattr(Mirror, "follow", lambda *_: None)
    patch.setattr(Mirror, "runs", lambda *_: 0)


def call(patch, app, *words):
    """Return the exit status."""
    patch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as end:
        main(app)
    return end.value.code
