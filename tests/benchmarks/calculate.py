"""What the ``paper`` profile would take on the real data sets: calculated, none of it measured.

``python tests/benchmarks/calculate.py`` writes ``docs/performance/calculated.json``.
"""

import json
from pathlib import Path

import torch

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.training.cost import flops_per_image
from clear_bench.training.model_config import recognition_config

OUT = Path(__file__).parents[2] / "docs/performance/calculated.json"
NAMES = ("pa100k", "rapv2", "market1501", "upar")


def of(name: str, activations: float | None) -> dict[str, float | str]:
    """Return sizes and operations of CLEAR's recognition run on one data set."""
    source = plugins.load("data set", name).SOURCE
    key, facts = next(iter(source.official.items()))
    train_images = facts.get("images train", facts.get("images train+val", 0))
    attributes = int(key.rpartition("/")[2])
    config = compose("clear", name, "paper")
    schema = Schema(tuple(Attribute(f"a{k}", "wearing", "x", "y") for k in range(attributes)))
    model = recognition_config(config, schema, Path()) | {"pretrained": False}
    built = build(model).eval()
    parameters = sum(p.numel() for p in built.parameters())
    train = config["recognition"]["train"]
    images = facts["images"]
    height, width = config["data"]["image_size"]
    each = activations or saved_bytes(built, (height, width))
    flops = flops_per_image(built)
    return {
        "data set": source.title,
        "training images": train_images,
        "attributes": attributes,
        "parameters": parameters,
        "flops an image": flops,
        "flops of training": 3 * flops * train_images * train["epochs"],  # backward is twice
        "training state bytes": 16 * parameters,  # weights, gradients, two moments, float32
        "activation bytes": each * train["batch_size"],
        "activation bytes an image": each,
        "pixel cache bytes": images * height * width * 3,
        "feature cache bytes": 2 * 4 * images * built.feature_dim,
    }


def saved_bytes(model: torch.nn.Module, size: tuple[int, int]) -> float:
    """Return the bytes that one image's forward pass keeps for the backward pass."""
    seen: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = model.train().features(torch.zeros(2, 3, *size))
    model.eval()
    del kept
    return sum(seen.values()) / 2


if __name__ == "__main__":
    rows: list[dict[str, float | str]] = []
    for name in NAMES:
        rows.append(of(name, rows[0]["activation bytes an image"] if rows else None))  # type: ignore[arg-type]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
