"""Processes of this machine that carry calls out, each with a GPU of its own where there are some.

`train`, `evaluate` and the studies share this: how many fit, how they start, how they stop.
"""

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from typing import Any

from clear_bench.runs.run import Run
from clear_bench.training.forks import forking
from clear_bench.training.gpus import gpus
from clear_bench.utils.errors import UserError
from clear_bench.utils.processes import end_with_parent
from clear_bench.utils.progress import be_quiet
from clear_bench.utils.run_progress import Listener, reporting
from clear_bench.utils.run_state import State

THREADS = "OMP_NUM_THREADS"


class WorkerDied(UserError):  # noqa: N818 - the word says it
    """A process ended in the middle of a call: it was killed, or ran out of memory."""


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Args:
        key: What the call was named.
        value: What it returned.
        error: What it raised instead.
    """

    key: Any
    value: Any = None
    error: Exception | None = None


@dataclass
class _Worker:
    """A process, the line to it, and the key of the call that it is at."""

    process: BaseProcess
    line: Connection
    key: Any = None


class Workers:
    """A pool of processes, see `clear_bench.training.forks`; leaving it stops them at once.

    Args:
        count: Processes at most; they start when they are needed.
        threads: Of each.
        gpu_each: Whether each sees one GPU alone, where there are any.
        listen: Is told how far the runs of the processes are.
    """

    def __init__(
        self,
        count: int,
        threads: int,
        *,
        gpu_each: bool = True,
        listen: Listener = lambda state: None,
    ) -> None:
        self.count, self.threads, self.listen = count, threads, listen
        self.gpus = gpus() if gpu_each else []
        self.started = 0
        self.idle: list[_Worker] = []
        self.at_work: list[_Worker] = []
        self.waiting: deque[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = deque()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.idle, *self.at_work]:
            worker.process.terminate()
        for worker in [*self.idle, *self.at_work]:
            worker.process.join()
            worker.line.close()

    @property
    def busy(self) -> int:
        """How many calls have not ended."""
        return len(self.waiting) + len(self.at_work)

    def submit(self, key: Any, function: Callable[..., Any], *args: Any) -> None:
        """Let a process call a function of a module; what becomes of it comes from `wait`."""
        self.waiting.append((key, function, args))
        self._hand_out()

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has ended, after waiting for at least one call.

        Args:
            timeout: Seconds to wait at most; then nothing may have ended.
        """
        outcomes: list[Outcome] = []
        while self.at_work and not outcomes:
            ready = set(wait_for([worker.line for worker in self.at_work], timeout))
            for worker in [w for w in self.at_work if w.line in ready]:
                outcomes += self._heard(worker)
            if timeout is not None:
                break
        self._hand_out()
        return outcomes

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of every call that was submitted, as they end."""
        while self.busy:
            yield from self.wait()

    def _heard(self, worker: _Worker) -> list[Outcome]:
        """Return what a process says of its call, or that it is no more; of a state nothing."""
        try:
            said = worker.line.recv()
        except EOFError:
            self.at_work.remove(worker)
            worker.process.join()
            worker.line.close()
            status = worker.process.exitcode
            return [Outcome(worker.key, error=WorkerDied(
                f"its process ended with status {status} (killed, or out of memory?); run the "
                "same command again to go on"))]  # fmt: skip
        if isinstance(said, State):
            self.listen(said)
            return []
        self.at_work.remove(worker)
        self.idle.append(worker)
        return [Outcome(worker.key, *said)]

    def _hand_out(self) -> None:
        """Give waiting calls to processes that are free, or that may still be started."""
        while self.waiting and (self.idle or len(self.at_work) < self.count):
            worker = self.idle.pop() if self.idle else self._start()
            worker.key, function, args = self.waiting.popleft()
            worker.line.send((function, args))
            self.at_work.append(worker)

    def _start(self) -> _Worker:
        """Start a process: a fork of one that is `warm` if there is one, else a fresh one.

        Ctrl-C is for this process alone, which then stops the others.
        """
        gpu = self.gpus[self.started % len(self.gpus)] if self.gpus else ""
        before = os.environ.get(THREADS)
        os.environ[THREADS] = str(self.threads)  # inherited before it imports anything
        surroundings = dict(os.environ)
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with forking(self.threads) as forks:
                context = forks or multiprocessing.get_context("spawn")
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, gpu, surroundings))
                process.start()
        finally:
            signal.signal(signal.SIGINT, usual)
            os.environ.pop(THREADS)
            os.environ |= {THREADS: before} if before is not None else {}
        theirs.close()
        self.started += 1
        return _Worker(process, ours)


def workers_for(runs: Sequence[Run], asked: int) -> int:
    """Return how many processes carry runs out; see `count_workers`.

    A run and its parent never go side by side, so one experiment needs one process.
    """
    threads = max(run.config["threads"] for run in runs)
    parents = {run.parent.id for run in runs if run.parent}
    experiments = {run.id for run in runs} - parents
    return count_workers(asked, len(experiments), threads)


def count_workers(asked: int, experiments: int, threads: int) -> int:
    """Return how many processes work side by side: one a GPU, or else one a core.

    Args:
        asked: What the user wants; 0 chooses.
        experiments: How many there are that do not wait for one another.
        threads: Of each process.
    """
    fit = len(gpus()) or (os.cpu_count() or 1) // threads
    return asked or max(1, min(experiments, fit))


def _serve(line: Connection, gpu: str, surroundings: Mapping[str, str]) -> None:
    """Carry out calls until nobody asks any more."""
    end_with_parent()
    os.environ.clear()  # those of whom it was forked from may be older
    os.environ.update(surroundings)
    be_quiet()  # the lines of several would mix; each run has its log
    if gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    while True:
        try:
            function, args = line.recv()
        except EOFError:
            return
        with reporting(line.send):
            answer = _answer(function, args)
        line.send(answer)


def _answer(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    """Return what a function returns, or what it raises, with its traceback as a note."""
    try:
        return function(*args), None
    except Exception as error:
        if not isinstance(error, UserError):
            error.add_note("".join(traceback.format_exception(error)))
        return None, error
