"""Workers that share a storage: every job once, whatever they do at the same time."""

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from clear_bench.studies import storage, trials
from clear_bench.studies.jobs import Job
from clear_bench.training.cache import Cache
from clear_bench.utils.errors import UserError


@pytest.fixture
def task(tmp_path):
    """Six jobs on a fresh storage."""
    jobs = {}
    for k in range(6):
        run: Any = SimpleNamespace(id=f"run{k}", seed=0, metric="mAP", root=tmp_path / "runs")
        jobs[run.id] = Job(run, f"v{k}")
    address = f"journal:{tmp_path / 'optuna.log'}"
    return trials.Work(address, "study", jobs, frozenset(), Cache(tmp_path / "cache"))


@pytest.fixture
def done(monkeypatch):
    """What was carried out, in order; a job takes a moment and leaves a record."""
    found = []
    lock = threading.Lock()

    def carry_out(run, failed, task):
        time.sleep(0.05)
        with lock:
            found.append(run.id)
        return 0.5

    monkeypatch.setattr(trials, "_carry_out", carry_out)
    monkeypatch.setattr(trials, "_finished", lambda run: run.id in found)
    return found


def together(task, workers):
    threads = [threading.Thread(target=trials.work, args=(task,)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_workers_that_start_together_run_each_job_once(task, done):
    together(task, 4)
    assert sorted(done) == sorted(task.jobs)


def test_jobs_that_were_enqueued_twice_run_once(task, done):
    study = storage.open_study(task.storage, task.name)
    for _ in range(2):
        for run_id in task.jobs:
            study.enqueue_trial({}, user_attrs={"run": run_id})
    together(task, 2)
    assert sorted(done) == sorted(task.jobs)
    states = [t.state for t in study.trials]
    assert states.count(TrialState.COMPLETE) == 6
    assert TrialState.RUNNING not in states


def test_a_failure_is_kept_and_tried_again_by_the_next_command(task, done, monkeypatch):
    right = trials._carry_out

    def wrong(run, failed, task):
        if run.id == "run2":
            raise UserError("no luck")
        return right(run, failed, task)

    monkeypatch.setattr(trials, "_carry_out", wrong)
    together(task, 2)
    study = storage.open_study(task.storage, task.name)
    assert trials.failures(study, task.jobs) == {"run2": "no luck"}
    monkeypatch.setattr(trials, "_carry_out", right)
    before = trials.failed_before(study)
    again = trials.Work(task.storage, task.name, task.jobs, before, task.cache)
    together(again, 1)
    assert done.count("run2") == 1
    assert sorted(done) == sorted(task.jobs)
    assert not trials.failures(study, task.jobs)


def test_a_clock_that_goes_back_carries_nothing_out_again(task, done, monkeypatch):
    """A job that fails is tried once a command, whatever the time of its end says."""
    from datetime import datetime, timedelta

    class Back(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - timedelta(hours=1)

    tries = []

    def wrong(run, failed, task):
        tries.append(run.id)
        assert len(tries) < 20, "again and again"
        raise UserError("no luck")

    monkeypatch.setattr(trials, "_carry_out", wrong)
    for module in ("_cached_storage", "_in_memory", "journal._storage", "_rdb.storage"):
        name = f"optuna.storages.{module}"
        if name in sys.modules and hasattr(sys.modules[name], "datetime"):
            there = sys.modules[name].datetime
            patched = Back if isinstance(there, type) else SimpleNamespace(datetime=Back)
            monkeypatch.setattr(sys.modules[name], "datetime", patched)
    together(task, 1)
    assert sorted(tries) == sorted(task.jobs)


def test_half_a_line_of_a_dead_writer_is_cut_off(task, done):
    together(task, 1)
    journal = Path(task.storage.removeprefix("journal:"))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 5, "wor')
    study = storage.open_study(task.storage, task.name)
    study.enqueue_trial({}, user_attrs={"run": "run0"})
    assert journal.read_bytes().startswith(whole + b"{")
    assert len(storage.open_study(task.storage, task.name).trials) == 7
    assert [f.name for f in journal.parent.iterdir()] == [journal.name]


def test_a_lock_of_optunas_that_a_dead_process_left_blocks_nobody(task, done):
    together(task, 1)
    journal = Path(task.storage.removeprefix("journal:"))
    journal.with_name(f"{journal.name}.lock").symlink_to(journal)  # as optuna makes it
    began = time.monotonic()
    storage.open_study(task.storage, "another")
    assert time.monotonic() - began < 10


def test_a_job_that_was_enqueued_twice_hides_no_failure(task, done, monkeypatch):
    def wrong(run, failed, task):
        raise UserError("no luck")

    monkeypatch.setattr(trials, "_carry_out", wrong)
    together(task, 1)
    study = storage.open_study(task.storage, task.name)
    study.enqueue_trial({}, user_attrs={"run": "run2"})  # by one that had not seen the other's
    assert trials.failures(study, ["run2"]) == {"run2": "no luck"}


def test_the_job_of_a_dead_worker_comes_back(task, done):
    study = storage.open_study(task.storage, task.name)
    study.enqueue_trial({}, user_attrs={"run": "run0"})
    trial = study.ask()
    place = trials.worker_attributes(task.jobs["run0"].run.root)
    for name, value in {**place, "started": place["started"] - 100}.items():
        trial.set_user_attr(name, value)  # a process of that number, but another one
    together(task, 1)
    assert sorted(done) == sorted(task.jobs)
    assert study.trials[0].state == TrialState.FAIL


def test_a_trial_whose_worker_died_before_it_said_its_name_comes_back(task, done, monkeypatch):
    monkeypatch.setattr(trials, "NOBODY", 0.2)
    study = storage.open_study(task.storage, task.name)
    study.enqueue_trial({}, user_attrs={"run": "run0"})
    study.ask()  # taken, and nobody says by whom
    together(task, 2)
    assert sorted(done) == sorted(task.jobs)
    assert study.trials[0].state == TrialState.FAIL


def test_a_worker_that_ended_unnoticed_is_dead(task, done):
    """Nobody has asked for its status yet, so the system still lists it."""
    study = storage.open_study(task.storage, task.name)
    study.enqueue_trial({}, user_attrs={"run": "run0"})
    trial = study.ask()
    ended = multiprocessing.get_context("fork").Process(target=os._exit, args=(0,))
    ended.start()
    zombie = psutil.Process(ended.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    place = trials.worker_attributes(task.jobs["run0"].run.root)
    ticks = int(Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[19])
    place |= {"process": ended.pid, "started": ticks}
    for name, value in place.items():
        trial.set_user_attr(name, value)
    together(task, 1)
    assert sorted(done) == sorted(task.jobs)
    assert study.trials[0].state == TrialState.FAIL
    ended.join()


def test_what_another_machine_finished_is_not_run(task, done):
    study = storage.open_study(task.storage, task.name)
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.COMPLETE,
            value=0.3,
            user_attrs={"run": "run1", "host": "elsewhere", "root": "/x"},
        )
    )
    together(task, 1)
    assert sorted(done) == sorted(set(task.jobs) - {"run1"})
    assert trials.failures(study, ["run1"]) == {"run1": "finished on elsewhere; import its records"}


def test_a_record_that_was_deleted_is_made_again(task, done):
    together(task, 1)
    done.remove("run3")
    together(task, 1)
    assert done.count("run3") == 1
    assert len(done) == 6


@pytest.mark.filterwarnings("ignore")
def test_a_storage_that_cannot_be_used_says_so_without_its_password(monkeypatch):
    monkeypatch.setattr(storage, "TRIES", 1)
    with pytest.raises(UserError, match="cannot be used") as error:
        storage.open_study("postgresql://me:secret@127.0.0.1:1/x", "s")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="cannot be used"):
        storage.open_study("journal:/proc/nothing/x.log", "s")
    with pytest.raises(UserError, match="two workers"):
        storage.open_study("sqlite:///x.db", "s")


def test_a_storage_says_what_its_values_are(tmp_path):
    """And a dashboard shows that, not "Objective 0"; it is written once."""
    address = f"journal:{tmp_path / 'optuna.log'}"
    for _ in range(2):
        study = storage.open_study(address, "study")
        storage.name_metric(study, "val mAP")
    assert storage.open_study(address, "study").metric_names == ["val mAP"]
    assert (tmp_path / "optuna.log").read_text().count("study:metric_names") == 1
