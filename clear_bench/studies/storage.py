"""Optuna's storages: where the trials of a study are kept, for all its workers."""

import logging
import os
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.study import Study

from clear_bench.utils.errors import UserError
from clear_bench.utils.locks import locked
from clear_bench.utils.secrets import masked

TRIES = 3  # to open a storage
HEARTBEAT, GRACE = 10, 60  # seconds; a worker that was silent for so long is taken for dead


class JournalLock(BaseJournalFileLock):
    """Lets one process at a time write to a journal, and mends what a dead one left.

    Optuna's own locks stay when their holder is killed, and make all others wait for half a minute.

    Args:
        file: The journal.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.held = ExitStack()

    def acquire(self) -> bool:
        """Hold the lock; half a line at the end is of one that was killed, or had no space."""
        self.held.enter_context(locked(self.file.with_name(f".{self.file.name}.lock")))
        with self.file.open("r+b") as stream:
            content = stream.seek(0, os.SEEK_END)
            if content and _last_byte(stream) != b"\n":
                stream.truncate(_end_of_lines(stream))
        return True

    def release(self) -> None:
        """Let go of it."""
        self.held.close()


def _last_byte(stream: BinaryIO) -> bytes:
    """Return the last byte of a file."""
    stream.seek(-1, os.SEEK_END)
    return stream.read(1)


def _end_of_lines(stream: BinaryIO) -> int:
    """Return the length of a file without what follows its last line."""
    stream.seek(0)
    return stream.read().rfind(b"\n") + 1


def open_study(storage: str, name: str) -> Study:
    """Return the Optuna study of a name, made if it is new.

    Args:
        storage: ``postgresql://...`` or what else Optuna's `RDBStorage` takes but SQLite,
            ``grpc://HOST:PORT`` of an Optuna proxy, or ``journal:FILE``.
        name: Of the study.

    Raises:
        UserError: If the storage cannot be reached or its driver is not installed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    for left in reversed(range(TRIES)):
        try:
            base = _storage(storage)
            return optuna.create_study(
                storage=base, study_name=name, direction="maximize", load_if_exists=True
            )
        except Exception as error:  # each driver has its own kinds
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        time.sleep(min(left, 1))  # two that come first both create the tables, and one fails
    cause = masked(cause)
    shown = masked(storage)
    raise UserError(f"--storage {shown}: cannot be used ({cause}); is server and driver there?")


def name_metric(study: Study, name: str) -> None:
    """Let whoever looks into a storage read what the value of a trial is, and not "Objective 0"."""
    if study.metric_names != [name]:
        study.set_metric_names([name])


def _storage(address: str) -> Any:
    """Return an Optuna storage that hands each trial out once."""
    kind, _, place = address.partition(":")
    if kind == "journal":
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        backend = JournalFileBackend(place, lock_obj=JournalLock(Path(place)))
        return optuna.storages.JournalStorage(backend)
    if kind == "grpc":
        host, _, port = place.strip("/").partition(":")
        return optuna.storages.GrpcStorageProxy(host=host, port=int(port or 13000))
    if kind.startswith("sqlite"):
        raise UserError("SQLite may give one trial to two workers; use journal:FILE or PostgreSQL")
    return optuna.storages.RDBStorage(address, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
