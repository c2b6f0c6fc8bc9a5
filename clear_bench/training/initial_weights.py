"""Where a recognition network's training starts, if not at random: weights of another training.

What is copied is decided by name and shape, and never anything that depends on the attributes;
what was copied and what was not, and why, stands in the record.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.runner import set_random_seed
from torch import Tensor

from clear_bench.engine.building import build
from clear_bench.engine.distributed import main_process, wait_for_all
from clear_bench.models.imgfocus import fitted, vit_weights, weights_file
from clear_bench.runs.files import LAST, LOG, START
from clear_bench.runs.run import Run
from clear_bench.training.checkpoints import selected_model
from clear_bench.training.model_config import config_for_weights
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import scratch, write_bytes


def begin(run: Run, model: dict[str, Any]) -> dict[str, Any]:
    """Write the weights that a recognition run starts from, if not at random.

    Args:
        run: The run.
        model: Full configuration of its model.

    Returns:
        ``start``, what the record says of it, see `write_start`.
    """
    init = run.section["init"]
    said: dict[str, Any] = {}
    if init and main_process():
        if run.parent:
            weights = selected_model(run.parent, config_for_weights(run.parent)).cpu().state_dict()
        else:
            weights = fitted(build(model), vit_weights(weights_file()))
        report = write_start(run.folder / START, model, run.seed, init, weights)
        said = {"start": report}
        if not (run.folder / LAST).exists():
            with (run.folder / LOG).open("a", encoding="utf-8") as log:
                log.write(words(report) + "\n")
    wait_for_all()
    return said


def write_start(
    file: Path, model: dict[str, Any], seed: int, init: str, weights: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Write the weights that training starts from, whole or not at all.

    Args:
        file: Where to.
        model: Full configuration of the model that is to be trained.
        seed: Of what is not copied.
        init: What the start is called, for messages.
        weights: Name to tensor, where it starts from.

    Returns:
        For the record: names ``copied``, ``fresh`` ones with the reason, and ``unused`` ones of
        the start.

    Raises:
        UserError: If nothing fits.
    """
    set_random_seed(seed)
    built = build(model)
    tensors = built.state_dict()
    bound = attribute_tensors(model)
    fresh = {
        name: reason for name in tensors if (reason := _reason(name, tensors[name], weights, bound))
    }
    copied = [name for name in tensors if name not in fresh]
    if not copied:
        raise UserError(f"recognition.init={init}: not one of its tensors fits {model['type']}")
    built.load_state_dict({name: weights[name] for name in copied}, strict=False)
    save_start(file, built)
    return {
        "init": init,
        "copied": copied,
        "fresh": fresh,
        "unused": [name for name in weights if name not in tensors],
    }


def save_start(file: Path, model: Any) -> None:
    """Write the weights of a model in the form that `clear_bench.engine.fit.fit` starts from."""
    content = io.BytesIO()
    torch.save({"state_dict": model.state_dict(), "history": []}, content)
    write_bytes(file, content.getbuffer(), durable=True)


def attribute_tensors(model: dict[str, Any]) -> set[str]:
    """Return the names of a model's tensors that would have another shape for other attributes.

    Found by building it for one attribute more, in a group of its own.
    """
    ratio = list(model["positive_ratio"])
    wider = {**model, "attributes": model["attributes"] + 1, "positive_ratio": [*ratio, 0.5]}
    if model.get("groups"):
        wider["groups"] = [*model["groups"], max(model["groups"]) + 1]
    if "pretrained" in model:
        model, wider = {**model, "pretrained": False}, {**wider, "pretrained": False}
    with scratch() as folder:
        if "phrases" in model:
            wider["phrases"] = _one_phrase_more(Path(model["phrases"]), folder)
        shapes = [{k: v.shape for k, v in build(m).state_dict().items()} for m in (model, wider)]
    return {name for name, shape in shapes[0].items() if shapes[1].get(name) != shape}


def words(report: Mapping[str, Any]) -> str:
    """Return one line that says what was copied and what was not."""
    fresh = json.dumps(report["fresh"]) if report["fresh"] else "none"
    return (
        f"start {report['init']}: {len(report['copied'])} tensors copied, "
        f"{len(report['unused'])} of the start not used, left at random: {fresh}"
    )


def _reason(name: str, own: Tensor, weights: Mapping[str, Tensor], bound: set[str]) -> str:
    """Return why a tensor cannot be copied; "" if it can."""
    if name in bound:
        return "depends on the attributes"
    if name not in weights:
        return "not in the start"
    there = tuple(weights[name].shape)
    return "" if there == tuple(own.shape) else f"{tuple(own.shape)} here, {there} there"


def _one_phrase_more(phrases: Path, folder: Path) -> str:
    """Return a file of the same phrases and the first one again."""
    with np.load(phrases, allow_pickle=False) as arrays:
        text = arrays["text"]
    np.savez(folder / phrases.name, text=np.concatenate([text, text[:1]]))
    return str(folder / phrases.name)
