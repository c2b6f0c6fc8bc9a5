"""What profiles would take on the real data sets: calculated, none of it measured.

``python tests/benchmarks/calculate.py`` writes ``docs/performance/calculated.json``.
"""

import json
from pathlib import Path

import torch

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.engine.memory import blocks_of
from clear_bench.training.cost import flops_per_image
from clear_bench.training.model_config import recognition_config

OUT = Path(__file__).parents[2] / "docs/performance/calculated.json"
NAMES = ("pa100k", "rapv2", "market1501", "upar")
PROFILES = ("paper", "base")


def of(name: str, profile: str, kept: tuple[float, float] | None) -> dict[str, float | str]:
    """Return sizes and operations of CLEAR's recognition run on one data set.

    Args:
        name: File name of the data set.
        profile: Whose network and recipe.
        kept: See `saved_bytes`, where another data set has asked already.
    """
    source = plugins.load("data set", name).SOURCE
    key, facts = next(iter(source.official.items()))
    train_images = facts.get("images train", facts.get("images train+val", 0))
    attributes = int(key.rpartition("/")[2])
    plugins.load("method", "clear")  # registers its network
    config = compose("clear", name, profile)
    schema = Schema(tuple(Attribute(f"a{k}", "wearing", "x", "y") for k in range(attributes)))
    model = recognition_config(config, schema, Path()) | {"pretrained": False}
    built = build(model).eval()
    parameters = sum(p.numel() for p in built.parameters())
    train = config["recognition"]["train"]
    images = facts["images"]
    height, width = config["data"]["image_size"]
    each, anew = kept or saved_bytes(built, (height, width))
    flops = flops_per_image(built)
    return {
        "profile": profile,
        "precision": "fp32" if train["precision"] == "fp32" else "bf16",
        "epochs": train["epochs"],
        "data set": source.title,
        "training images": train_images,
        "attributes": attributes,
        "parameters": parameters,
        "flops an image": flops,
        "flops of training": 3 * flops * train_images * train["epochs"],  # backward is twice
        "training state bytes": 16 * parameters,  # weights, gradients, two moments, float32
        "activation bytes": each * train["batch_size"],
        "activation bytes an image": each,
        "activation bytes an image, checkpointing": anew,
        "pixel cache bytes": images * height * width * 3,
        "feature cache bytes": 2 * 4 * images * built.feature_dim,
    }


def saved_bytes(model: torch.nn.Module, size: tuple[int, int]) -> tuple[float, float]:
    """Return the bytes that one image's forward pass keeps for the backward pass, two ways.

    The second is with ``train.checkpointing``: each block's input, what lies outside blocks, and
    what the largest block keeps while it is computed anew.
    """
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    inside: list[int] = [0]  # number of the block that is being computed, 0 outside
    seen: dict[int, dict[int, int]] = {0: {}}
    inputs = 0

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[inside[0]][storage.data_ptr()] = storage.nbytes()
        return tensor

    def begin(block: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        nonlocal inputs
        inputs += given[0].nbytes
        inside[0] = id(block)
        seen[id(block)] = {}

    def end(*_: object) -> None:
        inside[0] = 0

    hooks = [
        hook
        for block in blocks_of(model)
        for hook in (block.register_forward_pre_hook(begin), block.register_forward_hook(end))
    ]
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = model.train().features(torch.zeros(2, 3, *size))
    model.eval()
    del kept
    for hook in hooks:
        hook.remove()
    everything = {pointer: size for each in seen.values() for pointer, size in each.items()}
    outside = sum(seen.pop(0).values())
    largest = max(sum(each.values()) for each in seen.values())
    return sum(everything.values()) / 2, (outside + inputs + largest) / 2


if __name__ == "__main__":
    rows: list[dict[str, float | str]] = []
    for profile in PROFILES:
        kept = None
        for name in NAMES:
            row = of(name, profile, kept)
            kept = tuple(row[f"activation bytes an image{k}"] for k in ("", ", checkpointing"))  # type: ignore[assignment]
            rows.append(row)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
