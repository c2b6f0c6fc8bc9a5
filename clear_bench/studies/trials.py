"""Jobs as trials of an Optuna study, so that any number of workers on any machines share them.

Optuna's storage is the only thing that workers share besides the folder of runs.  A trial stands
for one job; its parameters are in the user attributes, since a grid needs no sampler.  Each worker
enqueues what nobody has, takes the oldest waiting trial (which the storage hands out once) and
steps back if an older trial already has the same job, so that two workers that enqueue at the same
moment still run it once.  A worker that dies leaves a running trial behind: on the same machine its
process is looked for, on others Optuna's heartbeat tells; then the job is enqueued again.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from clear_bench.runs.files import ERROR
from clear_bench.runs.run import Run
from clear_bench.studies.jobs import Job
from clear_bench.studies.several_processes import launch
from clear_bench.studies.storage import open_study
from clear_bench.training.cache import Cache
from clear_bench.training.execute import once
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text
from clear_bench.utils.processes import HOST, birth
from clear_bench.utils.secrets import masked

LIVE = (TrialState.WAITING, TrialState.RUNNING)
NOBODY = 10.0
_of_nobody: dict[tuple[str, int], float] = {}
"""Trial to the moment, of this process's own clock, when it was first seen without a worker."""


@dataclass(frozen=True)
class Work:
    """What a worker is to do; plain data.

    Args:
        storage: See `open_study`.
        name: Of the Optuna study.
        jobs: Run id to job, parents first.
        before: Numbers of the trials that had failed before the command began, which are tried
            again.  Numbers, since clocks differ between machines and may be set back.
        cache: For everything derived.
        processes: Of one run, through torchrun; 1 does without.
    """

    storage: str
    name: str
    jobs: Mapping[str, Job]
    before: frozenset[int]
    cache: Cache
    processes: int = 1


def work(task: Work) -> None:
    """Carry jobs out until none is left that this worker could do."""
    study = open_study(task.storage, task.name)
    while not all_ended(study, task.jobs, task.before):
        fail_dead(study)
        enqueue(study, task.jobs, task.before)
        if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            time.sleep(0.5)  # others run what is left; should they die, it comes back
            continue
        study.optimize(partial(_objective, study, task), n_trials=1, catch=(Exception,))


def trials_by_run(study: Study) -> dict[str, list[FrozenTrial]]:
    """Return run id -> its trials in order of number, but for those that stepped back."""
    trials: dict[str, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        if "run" in trial.user_attrs and trial.state != TrialState.PRUNED:
            trials.setdefault(trial.user_attrs["run"], []).append(trial)
    return trials


def enqueue(study: Study, jobs: Mapping[str, Job], before: frozenset[int]) -> None:
    """Enqueue the jobs that nobody has, has finished, or has seen fail in this command."""
    by_run = trials_by_run(study)
    for run_id, job in jobs.items():
        if not any(_holds(trial, job, before) for trial in by_run.get(run_id, [])):
            study.enqueue_trial({}, user_attrs=_of_job(job))


def all_ended(study: Study, jobs: Mapping[str, Job], before: frozenset[int]) -> bool:
    """Return whether every job has finished or has failed in this command."""
    by_run = trials_by_run(study)
    return all(
        any(t.state not in LIVE and _holds(t, job, before) for t in by_run.get(run_id, ()))
        for run_id, job in jobs.items()
    )


def failed_before(study: Study) -> frozenset[int]:
    """Return the numbers of the trials that have failed up to now."""
    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return frozenset(trial.number for trial in failed)


def failures(study: Study, jobs: Iterable[str]) -> dict[str, str]:
    """Return run id -> reason of those jobs whose last trial failed.

    A trial that waits says nothing: two workers that enqueue at the same moment leave one behind.
    """
    reasons = {}
    by_run = trials_by_run(study)
    taken = {
        run_id: [t for t in by_run.get(run_id, ()) if t.state != TrialState.WAITING]
        for run_id in jobs
    }
    last = {run_id: trials[-1] for run_id, trials in taken.items() if trials}
    for run_id, trial in last.items():
        if trial.state == TrialState.FAIL and "reason" in trial.user_attrs:
            reasons[run_id] = trial.user_attrs["reason"]
        elif trial.state == TrialState.COMPLETE and trial.user_attrs.get("host") != HOST:
            reasons[run_id] = f"finished on {trial.user_attrs.get('host')}; import its records"
    return reasons


def fail_dead(study: Study) -> None:
    """Let the trials fail whose worker on this machine is no more; see the module.

    A worker says who it is right after it has taken a trial.  One that died in between leaves a
    trial of nobody, which fails after `NOBODY` seconds in which we saw it so.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        attributes = trial.user_attrs
        if "started" not in attributes:
            key = (study.study_name, trial.number)
            if time.monotonic() - _of_nobody.setdefault(key, time.monotonic()) > NOBODY:
                _fail(study, trial)
        elif attributes.get("host") == HOST and not _alive(attributes):
            _fail(study, trial)


def register_finished(study: Study, jobs: Mapping[str, Job]) -> list[str]:
    """Enter runs that have finished before as complete trials, so that other machines know.

    Returns:
        The run ids of the jobs whose records are here.
    """
    by_run, finished = trials_by_run(study), []
    for run_id, job in jobs.items():
        record = job.run.found()
        if record is None or record.status != "finished":
            continue
        finished.append(run_id)
        trials = by_run.get(run_id, [])
        if any(t.state == TrialState.COMPLETE or t.state in LIVE for t in trials):
            continue
        attributes = {**_of_job(job), **worker_attributes(job.run.root)}
        value = job.run.judge(record)
        study.add_trial(
            optuna.trial.create_trial(state=TrialState.COMPLETE, value=value, user_attrs=attributes)
        )
    return finished


def reason_of(error: Exception) -> str:
    """Return an error as the reason of a failed trial; a bug's name stands before it."""
    name = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return masked(f"{name}{error}")[: None if isinstance(error, UserError) else 500]


def worker_attributes(root: Path) -> dict[str, Any]:
    """Return machine, folder of runs and this process, as a trial's attributes."""
    return {**_place(root), "process": os.getpid(), "started": birth(os.getpid())}


def _objective(study: Study, task: Work, trial: Trial) -> float:
    """Carry out the job of a trial and return `Run.judge` of its record."""
    job = task.jobs.get(trial.user_attrs.get("run", ""))
    if job is None:  # somebody else took the last one, or asked for more than this command
        raise optuna.TrialPruned("nothing for this worker")
    older = [t for t in trials_by_run(study)[job.run.id] if t.number < trial.number]
    if any(_holds(t, job, task.before) for t in older):
        raise optuna.TrialPruned("an older trial has this job")
    for name, value in worker_attributes(job.run.root).items():
        trial.set_user_attr(name, value)
    try:
        return _carry_out(job.run, failures(study, task.jobs), task)
    except Exception as error:
        trial.set_user_attr("reason", reason_of(error))
        if not isinstance(error, UserError):
            _keep_traceback(job.run, error)
        raise


def _carry_out(run: Run, failed: Mapping[str, str], task: Work) -> float:
    """Carry out a run, or what is missing of its parents first, and return `Run.judge` of it."""
    for parent in run.line[:-1]:
        if parent.id in failed and not parent.finished:
            raise UserError(f"not run, since its parent {parent.id} failed: {failed[parent.id]}")
    if task.processes > 1 and not run.finished:
        launch(run, task.cache, task.processes)
    record = [once(each, task.cache) for each in run.line][-1]
    return run.judge(record)


def _of_job(job: Job) -> dict[str, Any]:
    """Return what a trial says of its job."""
    return {"run": job.run.id, "variant": job.label, "seed": job.run.seed}


def _holds(trial: FrozenTrial, job: Job, before: frozenset[int]) -> bool:
    """Return whether a trial makes it needless to enqueue its job once more."""
    if trial.state in LIVE:
        return True
    if trial.state == TrialState.COMPLETE:
        place = {k: trial.user_attrs.get(k) for k in ("host", "root")}
        return place != _place(job.run.root) or _finished(job.run)
    said = "reason" in trial.user_attrs  # without one it was killed
    return trial.state == TrialState.FAIL and said and trial.number not in before


_seen_finished: set[str] = set()


def _finished(run: Run) -> bool:
    """Return whether a run's record is there; what has finished stays so while we run."""
    if run.id not in _seen_finished and run.finished:
        _seen_finished.add(run.id)
    return run.id in _seen_finished


def _place(root: Path) -> dict[str, str]:
    """Return where records lie."""
    return {"host": HOST, "root": str(root.resolve())}


def _alive(attributes: Mapping[str, Any]) -> bool:
    """Return whether a worker of this machine is there, and not another process of its number."""
    return birth(attributes["process"]) == attributes["started"]


def _fail(study: Study, trial: FrozenTrial) -> None:
    """Let a running trial fail, unless somebody else was faster."""
    try:
        study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return


def _keep_traceback(run: Run, error: BaseException) -> None:
    """Write what a bug said beside where the run would lie."""
    import traceback

    text = "".join(traceback.format_exception(error))
    write_text(run.folder / ERROR, masked(text))
