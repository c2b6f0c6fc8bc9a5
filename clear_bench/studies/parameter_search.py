"""Search a study's numeric factors on val: Optuna's TPE with pruning, within a stated budget.

The test split is not touched by a search: a trial trains and is judged by its val history alone.
The best trial's values are then trained and evaluated like any variant, on all seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial, Trial, TrialState

from clear_bench.config.study import Space, Study, Variant
from clear_bench.runs.study_result import SearchResult, SearchTrial, StudyResult
from clear_bench.studies.crew import Crew
from clear_bench.studies.jobs import Setting, combinations, jobs_of
from clear_bench.studies.outcome import collect, result_name
from clear_bench.studies.storage import name_metric, open_study
from clear_bench.studies.trials import fail_dead, reason_of, worker_attributes
from clear_bench.training.cache import Cache
from clear_bench.training.execute import learn, once
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import digest
from clear_bench.utils.run_progress import RunsProgress

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
SEED = 0  # a search looks at this seed alone; all seeds judge what it found


@dataclass(frozen=True)
class ParameterSearch:
    """What a worker of a search is to do; plain data.

    Args:
        storage: Address of the Optuna storage.
        name: Of the Optuna study.
        base: The method.
        task: ``recognition`` or ``retrieval``.
        overrides: Of the reference variant, under the values that are searched.
        spaces: Configuration key to its range.
        setting: Where.
        budget: Trials in all, of all workers and commands.
        cache: For everything derived.
    """

    storage: str
    name: str
    base: str
    task: str
    overrides: Mapping[str, Any]
    spaces: Mapping[str, Space]
    setting: Setting
    budget: int
    cache: Cache


def search_parameters(
    name: str, study: Study, setting: Setting, budget: int, crew: Crew
) -> StudyResult:
    """Search, train the best values on all seeds, and return the study's result with it.

    Args:
        name: Of the study.
        study: The study; its ``search`` says what is searched.
        setting: Where.
        budget: Number of trials.  What earlier commands spent counts.
        crew: Who works.

    Raises:
        UserError: If the study has nothing to search, or no trial succeeded.
    """
    if not study.search:
        raise UserError(f"{name}: has no numeric factors; add `search` to ablations/{name}.py")
    reference = next(v for v in study.variants() if v.reference)
    overrides = {**setting.changed, **reference.overrides}
    spaces = {k: [s.low, s.high, s.log] for k, s in study.search.items()}
    key = digest({"overrides": overrides, "spaces": spaces})[:6]
    title = f"search {result_name(name, setting, {})} {setting.dataset} {setting.profile} {key}"
    task = ParameterSearch(
        storage=crew.address,
        name=title,
        base=reference.method,
        task=study.task,
        overrides=overrides,
        spaces=study.search,
        setting=setting,
        budget=budget,
        cache=Cache(crew.cache),
    )
    optuna_study = _open(task)
    _carry_out(task, optuna_study, crew)
    kept = counted(optuna_study, budget)
    complete = [t for t in kept if t.state == TrialState.COMPLETE]
    if not complete:
        reasons = {t.user_attrs.get("reason", "pruned") for t in kept}
        raise UserError(f"{title}: no trial succeeded: {'; '.join(sorted(reasons))}")
    best = max(complete, key=lambda t: t.value or 0.0)
    overrides = {**reference.overrides, **best.params}
    variant = Variant({"search": "best"}, overrides, "selected", False, reference.method)
    runs = _retrain(study, setting, variant, f"{title} best", crew)
    return _merged(name, study, setting, _result(optuna_study, task, best, runs))


def work(task: ParameterSearch) -> None:
    """Carry out trials until the budget is spent."""
    study = _open(task)
    while len(counted(study, task.budget)) < task.budget:
        fail_dead(study)
        study.optimize(partial(_objective, task), n_trials=1, catch=(Exception,))


def counted(study: OptunaStudy, budget: int) -> list[FrozenTrial]:
    """Return the trials that count: the first ``budget`` that were not killed."""
    kept = [
        t
        for t in study.get_trials(deepcopy=False)
        if t.state != TrialState.FAIL or "reason" in t.user_attrs
    ]
    return kept[:budget]


def _open(task: ParameterSearch) -> OptunaStudy:
    """Return the Optuna study of a search; each worker samples for itself."""
    study = open_study(task.storage, task.name)
    done = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=done, constant_liar=True, multivariate=True)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
    return study


def _objective(task: ParameterSearch, trial: Trial) -> float:
    """Train with a trial's values and return the best val metric of its epochs."""
    for name, value in worker_attributes(task.setting.root).items():
        trial.set_user_attr(name, value)
    earlier = counted(trial.study, task.budget)
    if len(earlier) == task.budget and trial.number > earlier[-1].number:
        raise optuna.TrialPruned("the budget is spent")
    values = {key: _suggest(trial, key, space) for key, space in task.spaces.items()}
    try:
        runs = task.setting.plan(task.base, {**task.overrides, **values}, SEED)
        run = [r for r in runs if r.task == task.task][-1]
        for ancestor in run.line[:-1]:
            once(ancestor, task.cache)
        if "val" not in run.measured:
            raise UserError("data.train_on=train+val: no images are held out that a search can use")
        metric = run.metric
        trial.set_user_attr("metric", metric)
        name_metric(trial.study, run.judge_name)
        history = learn(run, task.cache, partial(_report, trial, metric))
    except optuna.TrialPruned:
        raise
    except Exception as error:  # a bug fails its trial, and is not tried for ever
        trial.set_user_attr("reason", reason_of(error))
        raise
    return max(row[metric] for row in history)


def _report(trial: Trial, metric: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """Tell Optuna the val metric of an epoch; stop a trial that is not worth going on."""
    if metric in metrics:
        trial.report(metrics[metric], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"after epoch {epoch}")


def _suggest(trial: Trial, key: str, space: Space) -> float | int:
    """Return a trial's value of a key; a range between whole numbers has whole numbers."""
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(key, space.low, space.high, log=space.log)
    return trial.suggest_float(key, space.low, space.high, log=space.log)


def _carry_out(task: ParameterSearch, study: OptunaStudy, crew: Crew) -> None:
    """Start the workers and show each trial as it ends."""
    ended = {t.number for t in counted(study, task.budget) if t.state in ENDED}
    left = task.budget - len(ended)
    count = crew.count(left, 1) if left else 0
    progress = RunsProgress(task.name, task.budget, len(ended), count)
    if not left:
        return
    with progress:
        crew.work(
            work, task, count, 1, lambda: _tell(study, task, ended, progress), progress.update
        )
        fail_dead(study)
        _tell(study, task, ended, progress)


def _tell(
    study: OptunaStudy, task: ParameterSearch, ended: set[int], progress: RunsProgress
) -> None:
    """Show the trials that have ended since the last look."""
    for trial in counted(study, task.budget):
        if trial.state not in ENDED or trial.number in ended:
            continue
        ended.add(trial.number)
        values = ", ".join(f"{key} {value:.4g}" for key, value in trial.params.items())
        state = {TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}.get(trial.state)
        reached = state or f"val {100 * (trial.value or 0.0):.2f}"
        progress.tell(f"trial {trial.number}: {values}: {reached}")


def _retrain(
    study: Study, setting: Setting, variant: Variant, title: str, crew: Crew
) -> dict[int, str]:
    """Train the best values on all seeds and return seed -> run id.

    Raises:
        UserError: If one of them fails.
    """
    combined = combinations(study, setting, {}, (variant,))
    failures = crew.carry_out(title, jobs_of(combined))
    if failures:
        raise UserError(f"{title}: {'; '.join(failures.values())}")
    return {c.seed: c.runs[-1].id for c in combined}


def _result(
    study: OptunaStudy, task: ParameterSearch, best: FrozenTrial, runs: dict[int, str]
) -> SearchResult:
    """Return what a search found, as data."""
    states: dict[TrialState, Any] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
    }
    kept = counted(study, task.budget)
    complete = {t.value for t in kept if t.state == TrialState.COMPLETE}
    importance: dict[str, float] = {}
    if len(complete) > 1 and len(task.spaces) > 1:
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return SearchResult(
        metric=best.user_attrs.get("metric", "val"),
        budget=task.budget,
        trials=[
            SearchTrial(number=t.number, state=states[t.state], values=t.params, val=_value(t))
            for t in kept
        ],
        best=best.params,
        importance={k: float(v) for k, v in importance.items()},
        runs=runs,
    )


def _value(trial: FrozenTrial) -> float | None:
    """Return a trial's val metric: of a pruned one the last it reached."""
    if trial.value is not None:
        return float(trial.value)
    last = trial.last_step
    return None if last is None else float(trial.intermediate_values[last])


def _merged(name: str, study: Study, setting: Setting, search: SearchResult) -> StudyResult:
    """Return the study's result as its records say, with the search in it."""
    combined = combinations(study, setting, {})
    return collect(name, study, setting, combined, {}, {}).model_copy(update={"search": search})
