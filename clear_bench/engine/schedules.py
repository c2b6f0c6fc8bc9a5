"""How the learning rate goes from epoch to epoch."""

import math
from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

TRAINING_LOSS = "loss"
VAL_LOSS = "val_loss"
"""What a plateau may watch besides the metric that selects the checkpoint."""


@PARAM_SCHEDULERS.register_module()
class EpochCosine(LRSchedulerMixin, _ParamScheduler):
    """A cosine that moves once an epoch and is counted from the start of the warm-up.

    As timm's CosineLRScheduler in the released code of VTB and PromptPAR, which ask it for the
    rate of epoch t = 1, 2, ... before they train it: ``0.01 + 0.99 t / warmup`` of the full rate
    while t < warmup, then ``floor + (1 - floor) (1 + cos(pi t / epochs)) / 2``.

    Args:
        optimizer: The optimiser, or its wrapper.
        warmup: Epochs.
        epochs: Of the whole training.
        floor: Share of the full rate in the last epoch.
        rest: See mmengine's schedulers.
    """

    START = 0.01

    def __init__(self, optimizer: Any, warmup: int, epochs: int, floor: float, **rest: Any) -> None:
        self.warmup, self.epochs, self.floor = warmup, epochs, floor
        super().__init__(optimizer, **rest)

    def share(self, epoch: int) -> float:
        """Return the share of the full rate at which an epoch trains, the first being 0."""
        t = epoch + 1
        if t < self.warmup:
            return self.START + (1 - self.START) * t / self.warmup
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * t / self.epochs)) / 2

    def _get_value(self) -> list[float]:
        """Return the present rate of each group."""
        return [value * self.share(self.last_step) for value in self.base_values]


def schedule(train: dict[str, Any], metric: str, *, held_out: bool = True) -> list[dict[str, Any]]:
    """Return the learning-rate schedule: a linear warm-up by step, then the chosen kind.

    Args:
        train: Section ``train`` of a configuration.
        metric: Name of the val metric that selects the checkpoint.
        held_out: Whether there are images to watch that are not trained on.
    """
    warmup, epochs, kind = train["warmup_epochs"], train["epochs"], train["schedule"]
    if kind == "cosine-epochs":
        return [{"type": "EpochCosine", "warmup": warmup, "epochs": epochs,
                 "floor": train["floor"], "by_epoch": True}]  # fmt: skip
    schedulers: list[dict[str, Any]] = []
    if warmup:
        schedulers.append({"type": "LinearLR", "start_factor": 0.01, "by_epoch": True, "begin": 0,
                      "end": warmup, "convert_to_iter_based": True})  # fmt: skip
    if kind == "cosine":
        schedulers.append({"type": "CosineAnnealingLR", "T_max": max(1, epochs - warmup),
                      "begin": warmup, "end": epochs, "by_epoch": True,
                      "eta_min_ratio": train["floor"], "convert_to_iter_based": True})  # fmt: skip
    elif kind == "step":
        schedulers.append({"type": "MultiStepLR", "milestones": train["milestones"],
                      "gamma": train["factor"], "by_epoch": True})  # fmt: skip
    elif kind == "plateau":
        watched = metric if train["watch"] == "metric" else VAL_LOSS if held_out else TRAINING_LOSS
        schedulers.append({"type": "ReduceOnPlateauLR", "monitor": watched,
                      "rule": "greater" if train["watch"] == "metric" else "less",
                      "factor": 0.1, "patience": 4, "begin": warmup})  # fmt: skip
    return schedulers
