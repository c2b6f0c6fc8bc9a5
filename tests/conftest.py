"""Settings of every test, before anything heavy is imported, and what is made once a session.

What is made once is for reading alone: it is shared by all workers of pytest-xdist, and a session
that finds it changed fails.  A test that changes, kills or trains again makes its own, or a copy.
"""

import os
import shutil
from typing import NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may depend on a hub, or wait for one

import pytest
from filelock import FileLock
from hypothesis import settings

from clear_bench.utils.memory import keep_freed_memory

# What tests write need not outlive a power cut, and waiting for disks was a tenth of their time.
os.fsync = lambda _: None

# A deadline an example would make a test fail where the machine is busy; nothing is timed by it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


FORKS = {"Fresh", "fresh", "kill", "quick_workers"}
"""Names in a module of tests by which it starts processes, see `fresh`."""


def pytest_collection_finish():
    """Look for garbage rarely: what was collected and imported is none, and is looked through."""
    keep_freed_memory()


def pytest_collection_modifyitems(items):
    """Put what starts processes first: it takes longest, and the end of a session is to be even."""
    items.sort(key=lambda item: not FORKS & set(vars(item.module)))


@pytest.fixture(scope="session", autouse=True)
def one_tracking_store(tmp_path_factory):
    """One MLflow store a worker: an empty one takes two seconds of migrations in each folder.

    A test that looks into the store of its own folder takes ``own_tracking_store``.
    """
    address = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        yield


@pytest.fixture(scope="module")
def own_tracking_store(one_tracking_store):
    """MLflow's usual store, in the current folder, for a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI")
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """The folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    return root


@pytest.fixture(scope="session")
def empty_store(shared):
    """The bytes of an empty MLflow store, which takes seconds to make."""
    from clear_bench.training import mlflow_mirror

    file = shared / "empty-mlflow.db"
    mlflow_mirror.prepare()
    with FileLock(shared / "empty-mlflow.lock"):
        if not file.is_file():
            mlflow_mirror.open_store(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture(scope="session")
def made_once(shared):
    """Return a function that makes a folder of a name, once for all workers, and returns it.

    What a worker took from it must be as it was when the worker ends.
    """
    taken = {}

    def once(name, make):
        root = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not root.is_dir():
                try:
                    make(root)
                except BaseException:  # no other worker is to take half of it
                    shutil.rmtree(root, ignore_errors=True)
                    raise
            taken[root] = state(root)
        return root

    yield once
    for root, before in taken.items():
        assert state(root) == before, f"a test changed {root.name}, which all of them share"


@pytest.fixture(scope="session")
def market(made_once):
    """A small Market-1501, see `layouts.write_market`; to be read alone."""
    from layouts import write_market

    return made_once("market", write_market)


class Trained(NamedTuple):
    """A tiny CLEAR on the small Market-1501: where its runs are, recognition and retrieval."""

    root: object
    runs: list
    records: list


@pytest.fixture(scope="session")
def trained(shared, market):
    """The tiny CLEAR of `tiny.go`, trained once a session; to be read or copied alone."""
    from tiny import go

    root = shared / "runs"
    with FileLock(shared / "runs.lock"), pytest.MonkeyPatch.context() as patch:
        patch.chdir(shared)
        found = Trained(root, *go(market, root))
        before = state(root)
    yield found
    assert state(root) == before, "a test changed what all of them share"


def state(root):
    """Return size and time of every file below a folder."""
    files = (f for f in root.rglob("*") if f.is_file())
    return {f: (f.stat().st_size, f.stat().st_mtime_ns) for f in files}


@pytest.fixture(autouse=True)
def spoken(monkeypatch):
    """What one test made quiet is not for the next."""
    monkeypatch.setattr("clear_bench.utils.progress._quiet", False)
