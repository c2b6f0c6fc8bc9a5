"""The pool of `train`, `evaluate` and the studies: calls, errors, deaths, GPUs."""

import os
import signal
import sys
import time

import pytest

from clear_bench.training import forks
from clear_bench.training import workers as pool
from clear_bench.training.workers import WorkerDied, Workers, count_workers
from clear_bench.utils.errors import UserError


@pytest.fixture(params=["fresh", "forks"], autouse=True)
def started(request, monkeypatch):
    """Both ways in which processes begin."""
    monkeypatch.setattr(forks, "_threads", [])
    monkeypatch.setattr(forks, "HEAVY", ("clear_bench.training.workers",))
    if request.param == "forks":
        forks.warm(1)
    return request.param


def test_calls_are_answered_and_errors_come_back():
    with Workers(2, 1) as workers:
        for number in (4, 9, 0):
            workers.submit(number, divmod, 36, number)
        workers.submit("user", UserError, "no luck")  # returned, not raised
        ended = {outcome.key: outcome for outcome in workers.outcomes()}
        assert workers.busy == 0
        assert workers.started <= 2
    assert (ended[4].value, ended[9].value) == ((9, 0), (4, 0))
    assert isinstance(ended[0].error, ZeroDivisionError)
    assert (
        "divmod" in "".join(ended[0].error.__notes__) or "Traceback" in ended[0].error.__notes__[0]
    )
    assert str(ended["user"].value) == "no luck"


def test_a_dead_process_fails_its_call_alone():
    with Workers(2, 1) as workers:
        workers.submit("dies", os._exit, 7)
        workers.submit("lives", abs, -3)
        workers.submit("waits", abs, -4)
        ended = {outcome.key: outcome for outcome in workers.outcomes()}
    assert isinstance(ended["dies"].error, WorkerDied)
    assert "status 7" in str(ended["dies"].error)
    assert (ended["lives"].value, ended["waits"].value) == (3, 4)


def test_leaving_stops_what_is_running():
    with Workers(1, 1) as workers:
        workers.submit("sleeps", time.sleep, 600)
        assert workers.wait(0.1) == []
        (worker,) = workers.at_work
        assert worker.process.is_alive()
    assert worker.process.exitcode == -signal.SIGTERM


def test_each_process_sees_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(pool, "gpus", lambda: ["3", "5"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with Workers(2, 1) as workers:
        for number in range(2):
            workers.submit(number, os.getenv, "CUDA_VISIBLE_DEVICES")
        seen = sorted(outcome.value for outcome in workers.outcomes())
    with Workers(1, 1, gpu_each=False) as workers:
        workers.submit("all", os.getenv, "CUDA_VISIBLE_DEVICES")
        (every,) = workers.outcomes()
    # A process that is free takes the next call too, so both may have been the first one's.
    assert set(seen) <= {"3", "5"}
    assert every.value == "3,5"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"


@pytest.mark.parametrize(
    ("asked", "experiments", "threads", "gpus", "count"),
    [(0, 9, 1, 0, 8), (0, 3, 1, 0, 3), (0, 9, 4, 0, 2), (0, 9, 16, 0, 1), (5, 1, 1, 0, 5),
     (0, 9, 1, 2, 2), (0, 1, 1, 4, 1)],
)  # fmt: skip
def test_how_many_fit(monkeypatch, asked, experiments, threads, gpus, count):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(pool, "gpus", lambda: [str(k) for k in range(gpus)])
    assert count_workers(asked, experiments, threads) == count


def test_forks_have_what_is_imported_and_the_present_surroundings(started, monkeypatch, tmp_path):
    monkeypatch.setenv("NEWER", "than the process that is forked")
    monkeypatch.chdir(tmp_path)
    with Workers(1, 1) as workers:
        workers.submit("parent", os.getppid)
        workers.submit("variable", os.getenv, "NEWER")
        workers.submit("folder", os.getcwd)
        workers.submit("safe", os.getenv, "PYTHONSAFEPATH")
        workers.submit("path", _path)
        ended = {outcome.key: outcome.value for outcome in workers.outcomes()}
    assert (ended["parent"] == os.getpid()) == (started == "fresh")
    assert ended["variable"] == "than the process that is forked"
    assert ended["folder"] == str(tmp_path)
    assert ended["safe"] == os.environ.get("PYTHONSAFEPATH")
    assert ended["path"] == sys.path


def _path():
    return sys.path


def test_other_threads_and_gpus_are_no_forks(started, monkeypatch):
    with forks.forking(2) as context:
        assert context is None
    monkeypatch.setattr(forks, "driver", lambda: "libcuda.so.1")
    monkeypatch.setattr(forks, "_threads", [])
    forks.warm(1)
    with forks.forking(1) as context:
        assert context is None
