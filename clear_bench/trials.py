"""Jobs as trials of an Optuna study, so that any number of workers on any machines share them.

Optuna's storage is the only thing that workers share besides the folder of runs.  A trial stands
for one job; its parameters are in the user attributes, since a grid needs no sampler.  Each worker
enqueues what nobody has, takes the oldest waiting trial (which the storage hands out once) and
steps back if an older trial already has the same job, so that two workers that enqueue at the same
moment still run it once.  A worker that dies leaves a running trial behind: on the same machine its
process is looked for, on others Optuna's heartbeat tells; then the job is enqueued again.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from clear_bench.cache import Cache
from clear_bench.errors import UserError
from clear_bench.execute import once
from clear_bench.record import write_text
from clear_bench.storage import open_study
from clear_bench.sweep import Job, fresh

LIVE = (TrialState.WAITING, TrialState.RUNNING)
HOST = socket.gethostname()


@dataclass(frozen=True)
class Work:
    """What a worker is to do.

    Args:
        storage: See `open_study`.
        name: Of the Optuna study.
        jobs: Run id to job, parents first.
        began: When the command began; what failed before that is tried again.
        cache: For everything derived.
        processes: Of one run, through torchrun; 1 does without.
    """

    storage: str
    name: str
    jobs: Mapping[str, Job]
    began: float
    cache: Cache
    processes: int = 1


def work(task: Work) -> None:
    """Carry jobs out until none is left that this worker could do."""
    be_quiet()
    study = open_study(task.storage, task.name)
    while not settled(study, task.jobs, task.began):
        bury(study)
        enqueue(study, task.jobs, task.began)
        if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            time.sleep(0.5)  # others run what is left; should they die, it comes back
            continue
        study.optimize(partial(_objective, study, task), n_trials=1, catch=(Exception,))


def be_quiet() -> None:
    """Say nothing: the lines of several workers would mix; each run has its log."""
    from clear_bench import execute, progress

    progress.quiet = True
    execute.console.quiet = True


def of(study: Study) -> dict[str, list[FrozenTrial]]:
    """Return run id -> its trials in order of number, but for those that stepped back."""
    found: dict[str, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        if "run" in trial.user_attrs and trial.state != TrialState.PRUNED:
            found.setdefault(trial.user_attrs["run"], []).append(trial)
    return found


def enqueue(study: Study, jobs: Mapping[str, Job], began: float) -> None:
    """Enqueue the jobs that nobody has, has finished, or has seen fail in this command."""
    known = of(study)
    for run_id, job in jobs.items():
        trials = known.get(run_id, [])
        if not any(_holds(trial, job, began) for trial in trials):
            attributes = {"run": run_id, "variant": job.label, "seed": job.seed}
            study.enqueue_trial({}, user_attrs=attributes)


def settled(study: Study, jobs: Mapping[str, Job], began: float) -> bool:
    """Return whether every job has finished or has failed in this command."""
    known = of(study)
    return all(
        any(t.state not in LIVE and _holds(t, job, began) for t in known.get(run_id, ()))
        for run_id, job in jobs.items()
    )


def failures(study: Study, jobs: Iterable[str]) -> dict[str, str]:
    """Return run id -> reason of those jobs whose last trial failed."""
    known = of(study)
    last = {run_id: known[run_id][-1] for run_id in jobs if run_id in known}
    found = {}
    for run_id, trial in last.items():
        if trial.state == TrialState.FAIL and "reason" in trial.user_attrs:
            found[run_id] = trial.user_attrs["reason"]
        elif trial.state == TrialState.COMPLETE and trial.user_attrs.get("host") != HOST:
            found[run_id] = f"finished on {trial.user_attrs.get('host')}; import its records"
    return found


def bury(study: Study) -> None:
    """Let the trials fail whose worker on this machine is no more; see the module."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        attributes = trial.user_attrs
        if attributes.get("host") == HOST and "started" in attributes and not _alive(attributes):
            _fail(study, trial)


def adopt(study: Study, jobs: Mapping[str, Job]) -> list[str]:
    """Enter runs that have finished before as complete trials, so that other machines know.

    Returns:
        The run ids of the jobs whose records are here.
    """
    known, found = of(study), []
    for run_id, job in jobs.items():
        record = job.record()
        if record is None:
            continue
        found.append(run_id)
        trials = known.get(run_id, [])
        if any(t.state == TrialState.COMPLETE or t.state in LIVE for t in trials):
            continue
        attributes = {"run": run_id, "variant": job.label, "seed": job.seed, **here(job)}
        value = record.metrics["selected"]["val"][job.metric]
        study.add_trial(
            optuna.trial.create_trial(state=TrialState.COMPLETE, value=value, user_attrs=attributes)
        )
    return found


def _objective(study: Study, task: Work, trial: Trial) -> float:
    """Carry out the job of a trial and return the val metric that selects its checkpoint."""
    job = task.jobs.get(trial.user_attrs.get("run", ""))
    if job is None:  # somebody else took the last one, or asked for more than this command
        raise optuna.TrialPruned("nothing for this worker")
    older = [t for t in of(study)[job.run_id] if t.number < trial.number]
    if any(_holds(t, job, task.began) for t in older):
        raise optuna.TrialPruned("an older trial has this job")
    for name, value in here(job).items():
        trial.set_user_attr(name, value)
    try:
        return _carry_out(job, failures(study, task.jobs), task)
    except Exception as error:
        trial.set_user_attr("reason", reason_of(error))
        if not isinstance(error, UserError):
            _keep_traceback(job, error)
        raise


def reason_of(error: Exception) -> str:
    """Return an error as the reason of a failed trial; a bug's name stands before it."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"[:500]


def _carry_out(job: Job, failed: Mapping[str, str], task: Work) -> float:
    """Carry out a job, or what is missing of its parents first, and return its val metric."""
    chain = job.chain()
    for parent in chain[:-1]:
        if parent.id in failed and not fresh(parent).finished:
            raise UserError(f"not run, since its parent {parent.id} failed: {failed[parent.id]}")
    if task.processes > 1:
        launch(job, chain[-1].task, task)
    record = [once(run, task.cache) for run in chain][-1]
    return record.metrics["selected"]["val"][job.metric]


def launch(job: Job, kind: str, task: Work) -> None:
    """Carry a job out in several processes, by torchrun on this machine.

    Raises:
        UserError: If they fail; their last line is the reason.
    """
    s = job.setting
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone",
             f"--nproc-per-node={task.processes}", "-m", "clear_bench.train",
             "--launcher=pytorch", "--studies", f"--task={kind}", f"--method={job.base}",
             f"--dataset={s.dataset}", f"--profile={s.profile}", f"--seed={job.seed}",
             f"--runs={s.root}", f"--cache={task.cache.root}",
             *([f"--data-root={s.data_root}"] if s.data_root else []),
             *(f"--set={k}={json.dumps(v)}" for k, v in job.overrides.items())]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        raise UserError(said[-1] if said else f"torchrun failed: {done.stderr[-300:]}")


def _holds(trial: FrozenTrial, job: Job, began: float) -> bool:
    """Return whether a trial makes it needless to enqueue its job once more."""
    if trial.state in LIVE:
        return True
    if trial.state == TrialState.COMPLETE:
        here = {k: trial.user_attrs.get(k) for k in ("host", "root")}
        return here != _place(job) or _finished(job)
    said = "reason" in trial.user_attrs  # without one it was killed
    done = trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0
    return trial.state == TrialState.FAIL and said and done >= began


_seen_finished: set[str] = set()


def _finished(job: Job) -> bool:
    """Return whether a job's record is there; what has finished stays so while we run."""
    if job.run_id not in _seen_finished and job.record() is not None:
        _seen_finished.add(job.run_id)
    return job.run_id in _seen_finished


def _place(job: Job) -> dict[str, str]:
    """Return where a job's record lies."""
    return {"host": HOST, "root": str(job.setting.root.resolve())}


def here(job: Job) -> dict[str, Any]:
    """Return where this process carries a job out."""
    return here_is(job.setting.root)


def here_is(root: Path) -> dict[str, Any]:
    """Return machine, folder of runs and process, as a trial's attributes."""
    own = psutil.Process()
    place = {"host": HOST, "root": str(root.resolve())}
    return {**place, "process": own.pid, "started": own.create_time()}


def _alive(attributes: Mapping[str, Any]) -> bool:
    """Return whether a worker of this machine is there, and not another process of its number."""
    try:
        return psutil.Process(attributes["process"]).create_time() == attributes["started"]
    except psutil.NoSuchProcess:
        return False


def _fail(study: Study, trial: FrozenTrial) -> None:
    """Let a running trial fail, unless somebody else was faster."""
    try:
        study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return


def _keep_traceback(job: Job, error: BaseException) -> None:
    """Write what a bug said beside where the run would lie."""
    import traceback

    text = "".join(traceback.format_exception(error))
    write_text(job.chain()[-1].folder / "error.txt", text)
