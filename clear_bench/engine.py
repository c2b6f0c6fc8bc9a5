"""From a resolved configuration to an mmengine Runner, and from a checkpoint back to a model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_start_method
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from clear_bench.data.batches import loader
from clear_bench.distributed import share_of_batch, wait_for_all
from clear_bench.errors import UserError
from clear_bench.hooks import LAST, SELECTED, SelectionHook
from clear_bench.metrics import evaluators  # noqa: F401 - registers metrics and loops
from clear_bench.optim import optimizer, schedule


class PlainConfig(Config):
    """mmengine's, whose text is not laid out as Python code: each checkpoint holds that text."""

    @property
    def pretty_text(self) -> str:
        """The configuration as one line."""
        return repr(self.to_dict())


def fit(
    *,
    folder: Path,
    title: str,
    seed: int,
    model: dict[str, Any],
    train: dict[str, Any],
    arrays: dict[str, Path],
    rows: dict[str, Path],
    names: Path,
    metric: str,
    validation: dict[str, Any],
    launcher: str,
    every: bool = False,
    start: Path | None = None,
    rates: Mapping[str, Mapping[str, float]] | None = None,
) -> list[dict[str, float]]:
    """Train a model under an mmengine Runner, from where an earlier attempt stopped.

    Args:
        folder: Run directory; gets ``selected.pth``, ``last.pth`` and ``train.log``.
        title: For the progress line.
        seed: Of initialisation, order and augmentation.
        model: Configuration of the model (``type`` and arguments).
        train: The ``train`` section of the configuration.
        arrays: Name to ``.npy`` file of what a batch holds.
        rows: ``train`` and ``val`` to ``.npy`` files of row numbers.
        names: File with one image name a row, for error messages.
        metric: Val metric that selects the checkpoint.
        validation: ``val_cfg`` and ``val_evaluator`` of the Runner.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        every: Whether to keep the weights of every epoch as well, see `clear_bench.oracle`.
        start: File of the weights to start from, see `clear_bench.starts`; None is at random.
        rates: Parameter to ``lr_mult`` and ``decay_mult``, where they are not 1.

    Returns:
        The history: one dict an epoch.

    Raises:
        Diverged: If the loss stops being finite.
        UserError: If the batch cannot be shared among the processes.
    """
    last = folder / LAST
    batch, workers = share_of_batch(train["batch_size"]), train["workers"]
    config = {
        "work_dir": str(folder / "mmengine"),
        "experiment_name": folder.name,
        "launcher": launcher,
        "log_level": "ERROR",  # our own progress lines say what matters
        "env_cfg": {
            "dist_cfg": {"backend": "nccl"},
            "mp_cfg": {"mp_start_method": get_start_method(allow_none=True) or "fork"},
        },
        "randomness": {"seed": seed, "deterministic": True},
        "model": model,
        "train_dataloader": loader(
            arrays, rows["train"], batch, shuffle=True, seed=seed, workers=workers
        ),
        "val_dataloader": loader(
            arrays, rows["val"], 4 * batch, shuffle=False, seed=seed, workers=workers
        ),
        "train_cfg": {"by_epoch": True, "max_epochs": train["epochs"], "val_interval": 1},
        **validation,
        "optim_wrapper": optimizer(train, rates),
        "param_scheduler": schedule(train, metric),
        "default_hooks": {"runtime_info": {"type": "QuietInfoHook"}, "timer": None,
                          "logger": None, "checkpoint": None},
        "custom_hooks": [
            {"type": "EpochSeedHook"},
            {"type": "LossHook", "names": str(names)},
            {"type": "SelectionHook", "metric": metric, "folder": str(folder), "every": every},
            {"type": "ProgressHook", "title": title, "log": str(folder / "train.log"),
             "metric": metric},
            *_ema(train),
        ],
        "resume": last.exists(),
        "load_from": str(last) if last.exists() else start and str(start),
    }  # fmt: skip
    if launcher != "none" and not torch.cuda.is_available():
        # mmengine's own default names a GPU.
        config["model_wrapper_cfg"] = {
            "type": "MMDistributedDataParallel",
            "device_ids": None,
            "broadcast_buffers": False,
        }
    init_default_scope("mmengine")
    with building():
        runner = Runner.from_cfg(PlainConfig(config))
    _speed_up(runner.model, train)
    runner.train()
    wait_for_all()  # the main process writes the checkpoints
    hook = next(h for h in runner.hooks if isinstance(h, SelectionHook))
    return hook.history


def build(model: dict[str, Any]) -> Any:
    """Return a model from its configuration, through mmengine's registry, without training."""
    init_default_scope("mmengine")
    with building():
        return MODELS.build(dict(model))


@contextmanager
def building() -> Iterator[None]:
    """Turn what a network's constructor says of impossible sizes into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        cause = " ".join(str(error).split())[:300]
        raise UserError(
            f"the model cannot be built: {type(error).__name__}: {cause}; check the values of "
            "data.image_size and of the section model"
        ) from error


def load(model: dict[str, Any], checkpoint: Path) -> Any:
    """Return a model with the weights of a checkpoint, ready to predict.

    The file goes through the restricted unpickler, and every weight must fit.

    Raises:
        UserError: If the file is missing, is not a checkpoint, or does not fit the model.
    """
    built = build(model)
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        built.load_state_dict(content["state_dict"], strict=True)
    except FileNotFoundError:
        raise UserError(f"{checkpoint}: no such checkpoint; train the run again") from None
    except Exception as error:  # torch raises a different one for each way of being broken
        cause = str(error).strip().splitlines()[0][:200]
        raise UserError(f"{checkpoint}: not a checkpoint of this model ({cause})") from None
    return built.to(device()).eval()


def device() -> torch.device:
    """Return the device that models run on: the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _speed_up(model: Any, train: dict[str, Any]) -> None:
    """Set what changes how fast a step is and at most the last digits of its numbers."""
    # Deterministic algorithms also fill memory that nobody reads: 3 to 7 % of a step.
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False
    inner = model.module if is_model_wrapper(model) else model
    if train["channels_last"]:
        inner.to(memory_format=torch.channels_last)
    if train["compile"]:
        inner.loss = torch.compile(inner.loss)


def _ema(train: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hook that averages weights, if it is on."""
    if not train["ema"]:
        return []
    return [{"type": "EMAHook", "ema_type": "ExponentialMovingAverage", "momentum": train["ema"]}]


__all__ = ["LAST", "SELECTED", "build", "device", "fit", "load"]
