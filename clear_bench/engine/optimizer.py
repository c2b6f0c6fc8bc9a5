"""How parameters learn: the optimiser, its learning rate, the precision of a step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class QuietOptimWrapper(OptimWrapper):
    """mmengine's, without reading the gradient's norm back, and with a step in half precision.

    Args:
        half: Whether the forward pass computes in bfloat16 where that is safe.  Its range is that
            of float32, so losses are not scaled.
        rest: See `OptimWrapper`.
    """

    def __init__(self, half: bool = False, **rest: Any) -> None:
        super().__init__(**rest)
        self.half = half

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Surround the forward pass."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, self.half):
            yield

    def _clip_grad(self) -> None:
        """Clip the norm of all gradients together."""
        params = [p for group in self.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(params, **self.clip_grad_kwargs)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class FewGroups(DefaultOptimWrapperConstructor):
    """One group of parameters a setting, where mmengine makes one a parameter.

    The optimiser then steps over all of them at once; the numbers are the same.
    """

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Add a module's parameters to ``params``, in place."""
        super().add_params(params, module, prefix, is_dcn_module)
        groups: dict[Any, dict[str, Any]] = {}
        for each in params:
            settings = {k: v for k, v in each.items() if k != "params"}
            group = groups.setdefault(tuple(settings.items()), {**settings, "params": []})
            group["params"] += each["params"]
        params[:] = groups.values()


def half_precision(precision: str) -> bool:
    """Return whether steps compute in bfloat16: ``auto`` does on a GPU that has it."""
    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bf16"


def optimizer(
    train: dict[str, Any], rates: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, Any]:
    """Return the configuration of the optimiser, from the ``train`` section.

    Args:
        train: The section.
        rates: Parameter to ``lr_mult`` and ``decay_mult``, where they are not 1.
    """
    settings: dict[str, Any] = {"lr": train["lr"], "weight_decay": train["weight_decay"]}
    if train["optimizer"] == "SGD":
        settings |= {"momentum": 0.9, "nesterov": True}
    else:
        settings["fused"] = True  # one pass over all parameters
    wrapper: dict[str, Any] = {
        "type": "QuietOptimWrapper",
        "constructor": "FewGroups",
        "half": half_precision(train["precision"]),
        "optimizer": {"type": train["optimizer"], **settings},
        "clip_grad": {"max_norm": train["clip_norm"]},
    }
    if train["optimizer"] == "AdamW":  # decay is for matrices
        wrapper["paramwise_cfg"] = {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0}
    if rates:
        wrapper.setdefault("paramwise_cfg", {})["custom_keys"] = dict(rates)
    return wrapper


def schedule(train: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Return the learning-rate schedule: a linear warm-up by step, then the chosen kind."""
    warmup, epochs = train["warmup_epochs"], train["epochs"]
    schedulers: list[dict[str, Any]] = []
    if warmup:
        schedulers.append({"type": "LinearLR", "start_factor": 0.01, "by_epoch": True, "begin": 0,
                      "end": warmup, "convert_to_iter_based": True})  # fmt: skip
    if train["schedule"] == "cosine":
        schedulers.append({"type": "CosineAnnealingLR", "T_max": max(1, epochs - warmup),
                      "begin": warmup, "end": epochs, "by_epoch": True, "eta_min_ratio": 0.01,
                      "convert_to_iter_based": True})  # fmt: skip
    elif train["schedule"] == "plateau":
        schedulers.append({"type": "ReduceOnPlateauLR", "monitor": metric, "rule": "greater",
                      "factor": 0.1, "patience": 4, "begin": warmup})  # fmt: skip
    return schedulers
