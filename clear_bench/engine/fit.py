"""One training under an mmengine Runner: from a run, its model and what it reads to its history."""

import logging
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from multiprocessing import get_start_method
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper, utils
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from clear_bench.engine import evaluators  # noqa: F401 - registers metrics and loops
from clear_bench.engine.batches import loader
from clear_bench.engine.building import building
from clear_bench.engine.distributed import main_process, share_of_batch, wait_for_all
from clear_bench.engine.hooks import ListenerHook, SelectionHook, Told
from clear_bench.engine.memory import checkpoint_blocks
from clear_bench.engine.optimizer import optimizer
from clear_bench.engine.resuming import mend
from clear_bench.engine.schedules import schedule
from clear_bench.runs.files import LAST, LOG
from clear_bench.runs.run import Run

# mmengine looks for mmcv on the disk once for each module of a network.
utils.mmcv_full_available = cache(utils.mmcv_full_available)


@dataclass(frozen=True)
class Feed:
    """What a training reads.

    Args:
        arrays: Name to ``.npy`` file of what a batch holds.
        rows: ``train`` and ``val`` to ``.npy`` files of row numbers.
        names: File with one image name a row, for error messages.
        validation: ``val_cfg`` and ``val_evaluator`` of the Runner; None where no images are held
            out, and ``val`` is not there either.
    """

    arrays: Mapping[str, Path]
    rows: Mapping[str, Path]
    names: Path
    validation: Mapping[str, Any] | None


@dataclass(frozen=True)
class Start:
    """Where a training starts, if not at random.

    Args:
        weights: File of the weights.
        rates: Parameter to ``lr_mult`` and ``decay_mult``, where they are not 1.
    """

    weights: Path
    rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class PlainConfig(Config):
    """mmengine's, whose text is not laid out as Python code: each checkpoint holds that text."""

    @property
    def pretty_text(self) -> str:
        """The configuration as one line."""
        return repr(self.to_dict())


class NothingDrawn:
    """Stands where mmengine would draw: its own imports matplotlib and makes an empty picture."""

    def add_config(self, config: Config) -> None:
        """Do nothing: checkpoints hold the configuration."""


class QuietRunner(Runner):
    """mmengine's; what it and its libraries say goes to the log of the run, warnings and worse."""

    def build_visualizer(self, visualizer: Any = None) -> Any:
        """Return what draws nothing: figures are made of records."""
        return NothingDrawn()

    def _log_env(self, env_cfg: Any) -> None:
        """Do nothing: records say where they were made; mmengine's own asks compilers."""

    def build_logger(self, log_level: Any = None, log_file: Any = None, **known: Any) -> Any:
        """Return a logger that writes warnings to `LOG`, and only errors to the terminal."""
        file = Path(self.work_dir).parent / LOG
        logger = super().build_logger("WARNING", log_file=str(file), **known)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.ERROR)
        return logger

    def load_or_resume(self) -> None:
        """Load weights; mmengine prints from where, and which of them do not fit."""
        with (
            (Path(self.work_dir).parent / LOG).open("a", encoding="utf-8") as log,
            redirect_stdout(log if main_process() else StringIO()),
        ):
            super().load_or_resume()


def fit(
    run: Run,
    model: dict[str, Any],
    feed: Feed,
    *,
    launcher: str = "none",
    start: Start | None = None,
    listen: Told | None = None,
) -> list[dict[str, float]]:
    """Train a run's model, from where an earlier attempt stopped.

    Its folder gets ``selected.pth``, ``last.pth`` and ``train.log``.  What cannot be gone on from
    is set aside, see `clear_bench.engine.resuming`.

    Args:
        run: The run.
        model: Full configuration of its model (``type`` and arguments).
        feed: What it reads.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        start: Where it starts; None is at random.
        listen: Is told the val metrics of each epoch; stops the training by raising.

    Returns:
        The history: one dict an epoch.

    Raises:
        Diverged: If the loss stops being finite.
        UserError: If the batch cannot be shared among the processes.
    """
    train = run.section["train"]
    last = run.folder / LAST
    if main_process():
        mend(run, model, start.rates if start else None)
    wait_for_all()
    begin = start and str(start.weights)
    config = {
        **_session(run, launcher),
        "model": model,
        **_loaders(run, feed),
        **(feed.validation or {"val_cfg": {"type": "NothingHeldOut"}, "val_evaluator": []}),
        "train_cfg": _loop(train),
        "optim_wrapper": optimizer(train, start.rates if start else None),
        "param_scheduler": schedule(train, run.metric, held_out=feed.validation is not None),
        "custom_hooks": _hooks(run, feed),
        "resume": last.exists(),
        "load_from": str(last) if last.exists() else begin,
    }
    init_default_scope("mmengine")
    with building():
        runner = QuietRunner.from_cfg(PlainConfig(config))
    if listen:
        runner.register_hook(ListenerHook(listen))
    _speed_up(runner.model, train)
    runner.train()
    wait_for_all()  # the main process writes the checkpoints
    return next(h for h in runner.hooks if isinstance(h, SelectionHook)).history


def _session(run: Run, launcher: str) -> dict[str, Any]:
    """Return where and how a Runner works, and none of mmengine's own lines."""
    config: dict[str, Any] = {
        "work_dir": str(run.folder / "mmengine"),
        "experiment_name": run.folder.name,
        "launcher": launcher,
        "env_cfg": {
            "dist_cfg": {"backend": "nccl"},
            "mp_cfg": {"mp_start_method": get_start_method(allow_none=True) or "fork"},
        },
        "randomness": {"seed": run.seed, "deterministic": True},
        "default_hooks": {"runtime_info": {"type": "QuietInfoHook"}, "timer": None,
                          "logger": None, "checkpoint": None},
    }  # fmt: skip
    if launcher != "none" and not torch.cuda.is_available():
        # mmengine's own default names a GPU.
        config["model_wrapper_cfg"] = {
            "type": "MMDistributedDataParallel",
            "device_ids": None,
            "broadcast_buffers": False,
        }
    return config


def _loaders(run: Run, feed: Feed) -> dict[str, Any]:
    """Return the loaders of training and validation; a batch is that of all processes together."""
    train, arrays = run.section["train"], dict(feed.arrays)
    batch = share_of_batch(train["batch_size"])
    common: dict[str, Any] = {"seed": run.seed, "workers": train["workers"]}
    val = feed.rows.get("val", feed.rows["train"])  # mmengine wants one; `NothingHeldOut` does not
    return {
        "train_dataloader": loader(arrays, feed.rows["train"], batch, shuffle=True, **common),
        "val_dataloader": loader(arrays, val, 4 * batch, shuffle=False, **common),
    }


def _loop(train: dict[str, Any]) -> dict[str, Any]:
    """Return the loop over epochs; a batch in one piece needs none but mmengine's."""
    common = {"max_epochs": train["epochs"], "val_interval": 1}
    if train["accumulate"] == 1:
        return {"by_epoch": True, **common}
    return {"type": "InPieces", "pieces": train["accumulate"], **common}


def _hooks(run: Run, feed: Feed) -> list[dict[str, Any]]:
    """Return what happens around each step and epoch."""
    share = run.section["train"]["ema"]
    ema = {"type": "EMAHook", "ema_type": "ExponentialMovingAverage", "momentum": share}
    selected_by = run.metric if run.rules.select == "val" else ""
    selection = {"metric": selected_by, "folder": str(run.folder), "every": run.rules.keeps_oracle}
    shown = run.metric if feed.validation else ""
    progress = {"title": run.id, "log": str(run.folder / LOG), "metric": shown}
    return [
        {"type": "EpochSeedHook"},
        {"type": "LossHook", "names": str(feed.names)},
        {"type": "SelectionHook", **selection},
        {"type": "ProgressHook", **progress},
        *([ema] if share else []),
    ]


def _speed_up(model: Any, train: dict[str, Any]) -> None:
    """Set what changes what a step takes and at most the last digits of its numbers."""
    # Deterministic algorithms also fill memory that nobody reads: 3 to 7 % of a step.
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False
    inner = model.module if is_model_wrapper(model) else model
    if train["channels_last"]:
        inner.to(memory_format=torch.channels_last)
    if train["checkpointing"]:
        checkpoint_blocks(inner)
    if train["compile"]:
        inner.loss = torch.compile(inner.loss)
