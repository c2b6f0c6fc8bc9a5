"""Fresh processes that need not import anything heavy: forks of one that did little but import.

A process of its own that imports torch, timm and mlflow takes five seconds to begin.
"""

import multiprocessing
import os
import tempfile
import time
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace

HEAVY = ["clear_bench.training.execute", "timm", "mlflow", "optuna", "alembic", "sqlalchemy",
         "warmed"]  # fmt: skip

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(HEAVY)


def _call(environment, log, function, arguments, address):
    """Call a function in the new process as its parent would have: environment, and a log.

    The workers that it starts in its turn are forks of the same process.
    """
    _join(address)
    _fork_workers()
    os.environ.clear()
    os.environ.update(environment)
    if log:
        file = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
    function(*arguments)


def _join(address):
    """Let this process fork the one that it is a fork of, and not begin with one of its own."""
    server = forkserver._forkserver
    server._forkserver_address = address
    server.ensure_running = forkserver.ensure_running = lambda: None


def _process(target, args=(), log=""):
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there, as in every process
    forkserver.ensure_running()
    arguments = (dict(os.environ), log, target, args, forkserver._forkserver._forkserver_address)
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


def _fork_workers():
    """The same in a process that ends with its command."""
    from clear_bench.training import workers

    workers.multiprocessing = SimpleNamespace(get_context=context)


def wait_until(ready, going, looks=3000):
    """Wait until something is there, while something else goes on."""
    for _ in range(looks):
        if ready():
            return
        assert going()
        time.sleep(0.1)
    raise AssertionError("it never came")
