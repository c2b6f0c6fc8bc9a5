"""Fresh processes that need not import anything heavy: forks of one that did nothing but import.

A process of its own that imports torch, timm and mlflow takes five seconds to begin.
"""

import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

HEAVY = ["clear_bench.training.execute", "timm", "mlflow", "optuna", "alembic", "sqlalchemy"]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(HEAVY)


def _call(environment, log, function, arguments):
    """Call a function in the new process as its parent would have: environment, and a log."""
    os.environ.clear()
    os.environ.update(environment)
    if log:
        file = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
    function(*arguments)


def _process(target, args=(), log=""):
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there, as in every process
    arguments = (dict(os.environ), log, target, args)
    return _FORKS.Process(target=_call, args=arguments)


class Fresh:
    """A process that has begun to call a function of a module."""

    def __init__(self, function, *arguments):
        self.log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115 - it goes with this object
        self.process = _process(function, arguments, self.log.name)
        self.process.start()

    @property
    def alive(self):
        return self.process.is_alive()

    def wait(self, timeout=300):
        """Return the exit status; of one that a signal ended it is minus its number."""
        self.process.join(timeout)
        return self.process.exitcode

    def said(self):
        """Return what it wrote to standard output and standard error."""
        return Path(self.log.name).read_text()


def context(method):
    """Stand for `multiprocessing.get_context`: whatever is asked, processes start so."""
    return SimpleNamespace(Pipe=_FORKS.Pipe, Process=_process)


def quick_workers(patch):
    """Let the pools of `clear_bench.training.workers` start their processes so."""
    from clear_bench.training import workers

    patch.setattr(workers, "multiprocessing", SimpleNamespace(get_context=context))


def wait_until(ready, going, looks=3000):
    """Wait until something is there, while something else goes on."""
    for _ in range(looks):
        if ready():
            return
        assert going()
        time.sleep(0.1)
    raise AssertionError("it never came")
