"""Where a training that was interrupted goes on: at checkpoints that pass every check, or at none.

`LAST` is the epoch that was finished last, `SELECTED` the best one; both hold all that it takes to
go on.  A checkpoint that is damaged, of another run or of another model is set aside under the name
``NAME.unusable``, which is said, and the training goes on from the other one, or from the start.
Whatever it goes on from, the bits at its end are those of a training that nothing interrupted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import build_optim_wrapper
from torch.optim import Optimizer

from clear_bench.engine.building import build
from clear_bench.engine.checkpoint_file import (
    epoch_of,
    is_finite,
    read_checkpoint,
    require_history,
    require_weights,
)
from clear_bench.engine.optimizer import optimizer
from clear_bench.engine.schedules import schedule
from clear_bench.runs.files import EPOCH, LAST, SELECTED
from clear_bench.runs.run import Run
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_bytes
from clear_bench.utils.progress import say

META = {"epoch", "iter", "cfg", "seed", "experiment_name", "time", "mmengine_version",
        "dataset_meta"}  # fmt: skip
"""What our checkpoints say of themselves.  mmengine would run the text of a key ``config``."""

Rates = Mapping[str, Mapping[str, float]]
HUB: dict[str, Any] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}


@dataclass(frozen=True)
class _Point:
    """A checkpoint that can be gone on from: its epoch, and the one that counts so far.

    Where the last epoch counts that is still to come, unless this is it.
    """

    epoch: int
    best: int


def mend(run: Run, model: Mapping[str, Any], rates: Rates | None = None) -> None:
    """Leave checkpoints in a run's folder that a training can go on from, or none.

    Args:
        run: The run.
        model: Full configuration of its model.
        rates: See `optimizer`.
    """
    files = {name: run.folder / name for name in (LAST, SELECTED)}
    if not files[LAST].exists():  # killed before the first epoch ended: it is run again
        return
    built = build(dict(model))
    learner = build_optim_wrapper(built, optimizer(run.section["train"], rates)).optimizer
    points = {n: _point(run, built, learner, file) for n, file in files.items() if file.exists()}
    last, selected = points.get(LAST), points.get(SELECTED)
    ahead = last and (last.best > last.epoch or (selected and selected.epoch == last.epoch + 1))
    if last and (ahead or (selected and selected.epoch == last.best)):
        good = last
    elif last and last.best == last.epoch:
        write_bytes(files[SELECTED], files[LAST].read_bytes(), durable=True)
        good = last
    elif selected:
        write_bytes(files[LAST], files[SELECTED].read_bytes(), durable=True)
        good = selected
    else:
        good = None
    kept = sorted(run.folder.glob(EPOCH.replace("{:04d}", "*")))
    if good and (not run.rules.keeps_oracle or _epochs_there(run, built, good.epoch)):
        return
    for file in [*files.values(), *kept]:
        if file.exists():
            _set_aside(file, "nothing to go on from")
    say(f"{run.id}: starts from the beginning")


def _point(run: Run, built: Any, learner: Optimizer, file: Path) -> _Point | None:
    """Return what a checkpoint is of; None, after setting it aside, if it is not usable."""
    try:
        return _checked(run, built, learner, file)
    except UserError as error:
        _set_aside(file, str(error).removeprefix(f"{file}: "))
        return None


def _checked(run: Run, built: Any, learner: Optimizer, file: Path) -> _Point:
    """Return what a checkpoint is of.

    Raises:
        UserError: If the training could not go on from there.
    """
    train, content = run.section["train"], read_checkpoint(file)
    epoch = epoch_of(content, file)
    meta = content["meta"]
    if epoch > train["epochs"] or not _is_count(meta.get("iter"), epoch):
        raise UserError(f"{file}: not a usable checkpoint (epoch {epoch} of {train['epochs']})")
    if not set(meta) <= META or meta.get("dataset_meta"):
        raise UserError(f"{file}: not a usable checkpoint (says what ours do not)")
    named = str(meta.get("experiment_name"))
    owner = re.sub(r"_\d{8}_\d{6}$", "", named)  # mmengine adds when it began
    if owner != run.folder.name or meta.get("seed") != run.seed:
        raise UserError(f"{file}: is of another run ({owner})")
    require_weights(built, content.get("state_dict"), file)
    selects = run.metric if run.rules.select == "val" else ""
    require_history(content.get("history"), epoch, selects, file)
    schedulers = schedule(train, run.metric, held_out="val" in run.measured)
    _require_state(learner, content, file, len(schedulers))
    if train["ema"]:
        averaged: Any = content.get("ema_state_dict")
        steps = averaged.pop("steps", None) if isinstance(averaged, dict) else None
        if not torch.is_tensor(steps):
            raise UserError(f"{file}: not a usable checkpoint (keeps no averaged weights)")
        weights = {str(k).removeprefix("module."): v for k, v in averaged.items()}
        require_weights(built, weights, file, "averaged ")
    if not selects:
        return _Point(epoch, train["epochs"])
    values = [row[selects] for row in content["history"]]
    return _Point(epoch, 1 + values.index(max(values)))


def _require_state(
    learner: Optimizer, content: Mapping[str, Any], file: Path, schedulers: int
) -> None:
    """Raise a `UserError` unless optimiser and schedules can go on where they were."""
    rates = content.get("param_schedulers")
    parameters = [p for group in learner.param_groups for p in group["params"]]
    try:
        state: Any = content["optimizer"]
        sizes = [len(group["params"]) for group in state["param_groups"]]
        places = [place for group in state["param_groups"] for place in group["params"]]
        moments = [moment for each in state["state"].values() for moment in each.values()]
        fits = sizes == [len(group["params"]) for group in learner.param_groups]
        fits &= places == list(range(len(parameters))) and all(
            not torch.is_tensor(moment) or moment.dim() == 0 or moment.shape == parameters[k].shape
            for k, each in state["state"].items()
            for moment in each.values()
        )
    except (AttributeError, IndexError, KeyError, TypeError):
        fits, moments = False, []
    fits &= isinstance(rates, list) and len(rates) == schedulers
    fits &= content.get("message_hub") == HUB
    if not fits or not all(is_finite(t) for t in moments if torch.is_tensor(t)):
        raise UserError(f"{file}: not a usable checkpoint (its optimiser's state does not fit)")


def _is_count(value: Any, epochs: int) -> bool:
    """Return whether a value is a number of steps that so many equal epochs have."""
    return isinstance(value, int) and value >= epochs and value % epochs == 0


def _epochs_there(run: Run, built: Any, last: int) -> bool:
    """Return whether the weights of every epoch so far are there, for the selection on test."""
    try:
        for epoch in range(1, last + 1):
            file = run.folder / EPOCH.format(epoch)
            content = read_checkpoint(file)
            require_weights(built, content.get("state_dict"), file)
            if epoch_of(content, file) != epoch:
                raise UserError(f"{file}: is of epoch {epoch_of(content, file)}")
    except UserError as error:
        say(f"{run.id}: {error}")
        return False
    return True


def _set_aside(file: Path, cause: str) -> None:
    """Give a file a name that nothing reads, and say so."""
    aside = file.with_name(f"{file.name}.unusable")
    file.replace(aside)
    say(f"{file}: {cause}; set aside as {aside.name}")
