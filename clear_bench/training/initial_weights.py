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
from timm.models import clean_state_dict
from torch import Tensor

from clear_bench.config.start_files import start_files
from clear_bench.engine.building import build
from clear_bench.engine.distributed import main_process, wait_for_all
from clear_bench.engine.weight_files import flaw, read_weights
from clear_bench.models.imgfocus import fitted, vit_weights, weights_file
from clear_bench.models.released_layouts import c2t_weights
from clear_bench.runs.files import LAST, LOG, START
from clear_bench.runs.run import Run
from clear_bench.training.branch_weights import fitted as fitted_to_network
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
    init, files = run.section["init"], list(start_files(run.section))
    said: dict[str, Any] = {}
    if (init or files) and main_process():
        file = run.folder / START
        if run.parent:
            weights = selected_model(run.parent, config_for_weights(run.parent)).cpu().state_dict()
            report = write_start(file, model, run.seed, init, weights)
        elif init and files:
            report = write_checkpoint_start(file, model, run.seed, run.section)
        elif init:
            weights = fitted(build(model), vit_weights(weights_file()))
            report = write_start(file, model, run.seed, init, weights)
        else:
            report = write_network_start(file, model, run.seed, run.section)
        said = {"start": report}
        if not (run.folder / LAST).exists():
            with (run.folder / LOG).open("a", encoding="utf-8") as log:
                log.write(words(report) + "\n")
    wait_for_all()
    return said


def write_checkpoint_start(
    file: Path, model: dict[str, Any], seed: int, recipe: dict[str, Any]
) -> dict[str, Any]:
    """Write a C2T-Net checkpoint as the start of a model; what depends on attributes stays.

    Args:
        file: Where to.
        model: Full configuration of the model.
        seed: Of what depends on the attributes.
        recipe: The run's section, with the checkpoint's place and sha256.

    Returns:
        As `write_start`, and ``dropped`` names of the checkpoint with the reasons.

    Raises:
        UserError: If one of the checkpoint's names is unknown, or one of the model's is not given.
    """
    ((label, _, key, place),) = start_files(recipe)
    label, sha256 = f"{label}=c2t:{place}", recipe[key]
    stored = clean_state_dict(read_weights(Path(place), sha256))
    try:
        weights, dropped = c2t_weights(stored)
    except UserError as error:
        raise UserError(f"{label}: {error}") from None
    own, bound = build(model).state_dict(), attribute_tensors(model)
    strange = [name for name in weights if name not in own]
    lacking = [name for name in own if name not in weights and name not in bound]
    for names, what in ((strange, "has"), (lacking, "lacks")):
        if names:
            raise UserError(
                f"{label}: {what} {names[0]} and {len(names) - 1} more; its network and "
                "recognition.model differ"
            )
    for name, tensor in weights.items():
        if wrong := flaw(tensor, own[name]):
            raise UserError(f"{label}: {name} {wrong}")
    report = write_start(file, model, seed, label, weights)
    return {**report, "sha256": sha256, "dropped": dropped}


def write_network_start(
    file: Path, model: dict[str, Any], seed: int, recipe: dict[str, Any]
) -> dict[str, Any]:
    """Write a model of which networks have weights from files of their own as a start.

    Args:
        file: Where to.
        model: Full configuration of the model.
        seed: Of everything that no file gives.
        recipe: The run's section, with the files' places and sha256.

    Returns:
        For the record: ``init``, then ``copied``, ``fresh`` and ``unused`` as in `write_start`,
        names of the file behind the option's; ``sha256`` option to that of its file.

    Raises:
        UserError: If a file cannot be read or does not fit its network.
    """
    set_random_seed(seed)
    built = build(model)
    copied: list[str] = []
    fresh: dict[str, str] = {}
    unused: dict[str, str] = {}
    sha256: dict[str, str] = {}
    for key, section, known, place in start_files(recipe):
        kind, sha256[key] = key.split(".")[-2], section[known]
        weights = read_weights(Path(place), section[known])
        parts = {n: p for n, p in built.named_modules() if getattr(p, "kind", "") == kind}
        for name, part in parts.items():
            found = fitted_to_network(part.trunk, weights, f"{key}={place}")
            part.trunk.load_state_dict(found.tensors, strict=False)
            copied += [f"{name}.trunk.{tensor}" for tensor in found.tensors]
            fresh |= {f"{name}.trunk.{tensor}": "not in the file" for tensor in found.missing}
            unused |= {f"{key}: {tensor}": reason for tensor, reason in found.unused.items()}
    save_start(file, built)
    init = " ".join(f"{key}={place}" for key, _, _, place in start_files(recipe))
    return {"init": init, "copied": copied, "fresh": fresh, "unused": unused, "sha256": sha256}


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
