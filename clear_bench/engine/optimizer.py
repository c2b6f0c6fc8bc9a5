"""How parameters learn: the optimiser, the rates of a network's parts, the precision of a step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.optim.optimizer import default_constructor
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from torch import nn

from clear_bench.models.finetuned import FinetunedRetrieval
from clear_bench.utils.errors import UserError

# mmengine looks for mmcv on the whole path at every module of a network; once a process is enough.
default_constructor.mmcv_full_available = cache(default_constructor.mmcv_full_available)


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

    The optimiser then steps over all of them at once; the numbers are the same.  Beside mmengine's
    own keys ``paramwise_cfg`` may have ``parts``: part of the network to the factor of its rate,
    see `factors`.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Return the optimiser of a model's parameters."""
        inner: Any = getattr(model, "module", model)
        self.factor_by_id = factors(inner, (self.paramwise_cfg or {}).get("parts", {}))
        return super().__call__(model)

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Add a module's parameters to ``params``, in place."""
        super().add_params(params, module, prefix, is_dcn_module)
        if not prefix and self.factor_by_id:  # the whole network has been added
            params[:] = [self._at_its_rate(each, p) for each in params for p in each["params"]]
        groups: dict[Any, dict[str, Any]] = {}
        for each in params:
            settings = {k: v for k, v in each.items() if k != "params"}
            group = groups.setdefault(tuple(settings.items()), {**settings, "params": []})
            group["params"] += each["params"]
        params[:] = groups.values()

    def _at_its_rate(self, group: Mapping[str, Any], parameter: nn.Parameter) -> dict[str, Any]:
        """Return a group of one parameter, with the rate of the part that it belongs to."""
        rate = group.get("lr", self.base_lr) * self.factor_by_id.get(id(parameter), 1.0)
        return {**group, "params": [parameter], "lr": rate}


def factors(model: nn.Module, parts: Mapping[str, float]) -> dict[int, float]:
    """Return id of a parameter to the factor of its learning rate, where a part has one.

    Args:
        model: The network; of one that retrieval trains further, its retrieval head is meant.
        parts: Name of a module or parameter, dotted, to factor; the longest name that fits counts.

    Raises:
        UserError: If a part is not there or has nothing to learn; its parts are listed.
    """
    root = model.head if isinstance(model, FinetunedRetrieval) else model
    learning = {name: p for name, p in root.named_parameters() if p.requires_grad}
    found: dict[int, float] = {}
    for part in sorted(parts, key=len):
        inside = [p for name, p in learning.items() if f"{name}.".startswith(f"{part}.")]
        if not inside:
            names = dict.fromkeys(name.partition(".")[0] for name in learning)
            raise UserError(
                f"train.rates: the network has no part '{part}' that learns; it has "
                f"{', '.join(names)}, and parts of these (NAME.NAME)"
            )
        found |= {id(p): parts[part] for p in inside}
    return found


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
        settings |= {"momentum": 0.9, "nesterov": train["nesterov"]}
    else:
        settings["fused"] = True  # one pass over all parameters
    wrapper: dict[str, Any] = {
        "type": "QuietOptimWrapper",
        "constructor": "FewGroups",
        "half": half_precision(train["precision"]),
        "optimizer": {"type": train["optimizer"], **settings},
    }
    if train["clip_norm"]:
        wrapper["clip_grad"] = {"max_norm": train["clip_norm"]}
    if train["optimizer"] == "AdamW":  # decay is for matrices
        wrapper["paramwise_cfg"] = {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0}
    if rates:
        wrapper.setdefault("paramwise_cfg", {})["custom_keys"] = dict(rates)
    if train["rates"]:
        wrapper.setdefault("paramwise_cfg", {})["parts"] = dict(train["rates"])
    return wrapper
