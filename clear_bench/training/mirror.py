"""The mirror of runs in MLflow, seen from the commands: it never fails, delays or blocks one.

What is to be sent goes to a process of its own (`clear_bench.training.mlflow_runs`), which starts
with the command and imports MLflow while the command works.  A `Follower` shows runs there while
they are made; their records, once they are on disk, complete them.  If the store says no, or
nothing for some seconds, that process is ended, one line says so, and the command does not try
again; ``python -m clear_bench.record mirror`` brings everything up to date later.  The store is
MLflow's usual ``MLFLOW_TRACKING_URI``, by default a SQLite file in the current directory.
"""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from clear_bench.runs.files import RECORD, folders_of_runs
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.runs.study_result import StudyResult, all_results
from clear_bench.training import mlflow_mirror, mlflow_runs
from clear_bench.training.follower import Follower
from clear_bench.training.workers import Workers
from clear_bench.utils.errors import UserError
from clear_bench.utils.secrets import masked

IMPORTS = 120.0  # seconds for what asks nobody
SILENCE = 15.0  # seconds for one answer of a server
BUSY = 120.0  # the same of a file, which waits for nothing but processors that train
FAREWELL = 3.0  # the same where the user waits for the command to stop
ADVICE = "python -m clear_bench.record mirror"


class Mirror:
    """Sends runs and studies while it is open; after the first failure it does nothing more.

    Its methods may be called by several threads; the first call by the main one.
    """

    def __init__(self) -> None:
        self.address = os.environ.get("MLFLOW_TRACKING_URI") or mlflow_mirror.store()
        self.workers = Workers(1, 1, gpu_each=False)
        self.lock = Lock()
        self.begun = self.ready = self.hurried = False
        self.failure = ""
        self.sent: set[tuple[Path, int]] = set()
        self.follower: Follower | None = None

    @property
    def patience(self) -> float:
        """Seconds for one answer."""
        if self.hurried:
            return FAREWELL
        return BUSY if self.address.startswith(mlflow_mirror.SQLITE) else SILENCE

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if self.follower:
                self._stop(self.follower, killed=kind is KeyboardInterrupt)
        finally:
            self.workers.__exit__(kind, error, _)

    def follow(self, runs: Iterable[Run]) -> None:
        """Show runs from now on while they are made, and send their records, beside the command."""
        distinct = list({run.id: run for run in runs}.values())
        if not distinct:
            return
        self._begin()
        if self.follower is None:
            self.follower = Follower(self.progress, lambda folder: self.runs([folder]))
            self.follower.start()
        self.follower.add(distinct)

    def runs(self, folders: Iterable[Path]) -> int:
        """Send the records of run directories, and return how many the store lacked.

        A record that has been sent already by this mirror is not sent again.
        """
        new = 0
        for folder in folders:
            record = folder, (folder / RECORD).stat().st_mtime_ns
            if record not in self.sent and not self.failure:
                new += bool(self._call(mlflow_runs.send_record, self.address, folder))
                self.sent.add(record)
        return new

    def progress(self, record: Record, began: float) -> bool:
        """Show a run that is being made, see `mlflow_runs.send_progress`."""
        return bool(self._call(mlflow_runs.send_progress, self.address, record, began))

    def study(self, result: StudyResult, root: Path) -> None:
        """Send a study's result; its runs' records are below ``root``."""
        self._call(mlflow_runs.send_study, self.address, result, root)

    def _stop(self, follower: Follower, *, killed: bool) -> None:
        """Send what is new and end what has no record; somebody who stopped a command waits less.

        What is not sent then is made right by the next command.
        """
        self.hurried = killed
        if (killed and not self.ready) or not follower.stop(FAREWELL if killed else None):
            self.failure = self.failure or "stopped"
            return
        for making in follower.unfinished(look=not killed):
            status = "KILLED" if killed else "FAILED"
            self._call(mlflow_runs.end_progress, self.address, making, status)

    def _begin(self) -> None:
        """Start the process, which begins to import."""
        if not self.begun:
            self.begun = True
            self.workers.submit("begin", mlflow_runs.begin)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returns in the other process; None after a failure."""
        with self.lock:
            if self.failure:
                return None
            if not self.ready:
                self._begin()
                self._hear(IMPORTS)
                self._answer(self.patience, mlflow_runs.open_store, self.address)
                self.ready = True
            return self._answer(self.patience, function, *args)

    def _answer(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        """Return an answer that comes within some seconds; a bug of ours is raised."""
        if self.failure:
            return None
        self.workers.submit(function.__name__, function, *args)
        return self._hear(seconds)

    def _hear(self, seconds: float) -> Any:
        """Return the answer to what was asked last."""
        outcomes = self.workers.wait(seconds)
        if not outcomes:
            self._fail(f"no answer in {seconds:g} s")
            return None
        (outcome,) = outcomes
        if isinstance(outcome.error, UserError):
            self._fail(str(outcome.error))
        elif outcome.error:
            raise outcome.error
        return outcome.value

    def _fail(self, cause: str) -> None:
        """Keep why nothing more is sent, and say it once."""
        if self.failure:
            return
        self.failure = masked(f"{self.address}: {cause}")
        if self.hurried:
            return
        line = f"warning: not mirrored to MLflow ({self.failure}); run later: {ADVICE}"
        print(line, file=sys.stderr, flush=True)


def mirror_all(root: Path) -> tuple[int, int]:
    """Send every record and study below a folder; return how many records there are, and were new.

    Raises:
        UserError: If there is no such folder, or the store cannot be used.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of runs")
    folders = list(folders_of_runs(root))
    with Mirror() as mirror:
        new = mirror.runs(folders)
        for result in all_results(root):
            mirror.study(result, root)
    if mirror.failure:
        raise UserError(f"MLflow: {mirror.failure}")
    return len(folders), new
