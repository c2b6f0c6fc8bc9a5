"""The networks that studies make of a method's own, for golden numbers."""

import json
from typing import Any

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.config.study import Study

ALSO: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("clear", "retrieval"): [
        {"depth": depth, **more} for depth in (3, 4) for more in ({"width": 512}, {"shared": True})
    ],
}
"""Of methods and tasks, networks that no study of the project makes and one of a user's may."""


def variants(method: str, task: str, model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the models that the studies of a method make besides its own, by their differences.

    Args:
        method: Key of the method.
        task: Whose model.
        model: Full configuration of the method's own.
    """
    distinct: dict[str, dict[str, Any]] = {}
    for differs in ALSO.get((method, task), []):
        named = json.dumps(_named(differs, method, task), sort_keys=True)
        distinct[named] = {**model, **differs}
    for key in sorted(plugins.available("study")):
        study: Study = plugins.load("study", key).STUDY
        for variant in study.variants():
            if variant.method != method:
                continue
            changed = {k: v for k, v in variant.overrides.items() if k != "recognition.init"}
            config = compose(method, "synthped", "default", 0, changed)
            size = {"image_size": config["data"]["image_size"]} if task == "recognition" else {}
            other = {**model, **config[task]["model"], **size}
            other |= {"pretrained": False} if "pretrained" in other else {}
            differs = {k: v for k, v in other.items() if v != model.get(k)}
            if differs:
                distinct[json.dumps(_named(differs, method, task), sort_keys=True)] = other
    return distinct


def _named(model: dict[str, Any], method: str, task: str) -> dict[str, Any]:
    """Return a network's settings without those that say what was so before they were there."""
    neutral = plugins.load("method", method).METHOD.neutral

    def kept(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            return value
        below = {k: (v, f"{place}.{k}") for k, v in value.items()}
        return {k: kept(v, at) for k, (v, at) in below.items() if neutral.get(at, ...) != v}

    return {k: kept(v, f"{task}.model.{k}") for k, v in model.items()}
