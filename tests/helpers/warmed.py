"""What forks need not do again, see `fresh`: imported by the process that they are forks of."""

import os

import alembic.command  # noqa: F401
import pandas  # noqa: F401 - data sets are read with it
import sqlalchemy.dialects.sqlite  # noqa: F401

from clear_bench import ablate, train  # noqa: F401
from clear_bench.config import plugins
from clear_bench.data.sets import market1501  # noqa: F401
from clear_bench.runs.code import code_of
from clear_bench.runs.provenance import environment_hash, machine
from clear_bench.training import mlflow_mirror

os.fsync = lambda _: None  # as in ``conftest.py``
mlflow_mirror.prepare()
machine()
environment_hash()
for task in ("recognition", "retrieval"):
    code_of("clear", task)
plugins.load("method", "clear")
