"""The mirror of records in MLflow, seen from the commands: it never fails, delays or blocks one.

What is to be sent goes to a process of its own (`clear_bench.training.mlflow_mirror`) once a
command's runs are on disk.  If the store says no, or nothing for some seconds, that process is
ended, one line says so, and the command does not try again; ``python -m clear_bench.record mirror``
brings everything up to date later.  The store is MLflow's usual ``MLFLOW_TRACKING_URI``, by default
a SQLite file in the current directory.
"""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from clear_bench.runs.files import folders_of_runs
from clear_bench.runs.study_result import StudyResult, all_results
from clear_bench.training import mlflow_mirror
from clear_bench.training.workers import Workers
from clear_bench.utils.errors import UserError
from clear_bench.utils.secrets import masked

IMPORTS = 120.0  # seconds for what asks nobody
SILENCE = 15.0  # seconds for one answer of the store
ADVICE = "python -m clear_bench.record mirror"


class Mirror:
    """Sends records and studies while it is open; after the first failure it does nothing more."""

    def __init__(self) -> None:
        self.address = os.environ.get("MLFLOW_TRACKING_URI") or mlflow_mirror.store()
        self.workers = Workers(1, 1, gpu_each=False)
        self.open = False
        self.failure = ""

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.workers.__exit__(kind, error, _)

    def runs(self, folders: Iterable[Path]) -> int:
        """Send the records of run directories, and return how many the store lacked."""
        sent = [self._call(mlflow_mirror.send_record, self.address, f) for f in folders]
        return sum(map(bool, sent))

    def study(self, result: StudyResult, root: Path) -> None:
        """Send a study's result; its runs' records are below ``root``."""
        self._call(mlflow_mirror.send_study, self.address, result, root)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returns in the other process; None after a failure."""
        if not self.open and not self.failure:
            self.open = True
            self._answer(IMPORTS, mlflow_mirror.prepare)
            self._answer(SILENCE, mlflow_mirror.open_store, self.address)
        return self._answer(SILENCE, function, *args)

    def _answer(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        """Return an answer that comes within some seconds; a bug of ours is raised."""
        if self.failure:
            return None
        self.workers.submit(function.__name__, function, *args)
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
        self.failure = masked(f"{self.address}: {cause}")
        line = f"warning: not mirrored to MLflow ({self.failure}); run later: {ADVICE}"
        print(line, file=sys.stderr, flush=True)


def mirror_runs(folders: Iterable[Path]) -> None:
    """Send the records of run directories, see `Mirror`."""
    with Mirror() as mirror:
        mirror.runs(folders)


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
