"""Optuna's storages: where the trials of a study are kept, for all its workers."""

import logging
import time
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study

from clear_bench.utils.errors import UserError

TRIES = 3  # to open a storage
HEARTBEAT, GRACE = 10, 60  # seconds; a worker that was silent for so long is taken for dead


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
            cause = str(error).strip().splitlines()[0]
        time.sleep(min(left, 1))  # two that come first both create the tables, and one fails
    shown = storage.rpartition("@")[2]  # the part before may hold a password
    raise UserError(f"--storage {shown}: cannot be used ({cause}); is server and driver there?")


def _storage(address: str) -> Any:
    """Return an Optuna storage that hands each trial out once."""
    kind, _, place = address.partition(":")
    if kind == "journal":
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        backend = JournalFileBackend(place)
        return optuna.storages.JournalStorage(backend)
    if kind == "grpc":
        host, _, port = place.strip("/").partition(":")
        return optuna.storages.GrpcStorageProxy(host=host, port=int(port or 13000))
    if kind.startswith("sqlite"):
        raise UserError("SQLite may give one trial to two workers; use journal:FILE or PostgreSQL")
    return optuna.storages.RDBStorage(address, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
