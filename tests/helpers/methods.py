"""Recognition models of any method, built as a run builds them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from clear_bench.config.compose import compose
from clear_bench.config.plugins import available, load
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.runs.files import PHRASES
from clear_bench.training.model_config import recognition_config

RECIPES = {key: load("method", key).METHOD.recognition for key in sorted(available("method"))}
# A recipe with a ``source`` is published weights and nothing else; its own tests deal with it.
RECOGNITION = [k for k, recipe in RECIPES.items() if recipe and "source" not in recipe["model"]]
TRAINED = [k for k in RECOGNITION if RECIPES[k].get("train") != {"epochs": 0}]


def schema_of(attributes: int, *, grouped: bool = False) -> Schema:
    """Return a schema of wearables; grouped ones come in exclusive groups of five."""
    return Schema(
        tuple(
            Attribute(f"a{k}", "wearing", f"thing {k}", f"no thing {k}",
                      group=f"g{k // 5}" if grouped else "")
            for k in range(attributes)
        )
    )  # fmt: skip


def config_of(
    key: str,
    folder: Path,
    attributes: int = 8,
    *,
    profile: str = "smoke",
    grouped: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """Return a model's full configuration without published weights; writes its phrases."""
    config = compose(key, "synthped", profile)
    if "text" in config["recognition"]:
        text = np.random.default_rng(0).normal(size=(attributes, 12)).astype(np.float32)
        np.savez(folder / PHRASES, text=text)
    schema = schema_of(attributes, grouped=grouped)
    ratio = np.linspace(0.2, 0.7, attributes).tolist()
    model = {**recognition_config(config, schema, folder, ratio), **changes}
    return model | ({"pretrained": False} if "pretrained" in model else {})


def build_method(key: str, folder: Path, attributes: int = 8, *, seed: int = 0, **rest: Any) -> Any:
    """Return the model that `config_of` describes, initialised from a seed."""
    torch.manual_seed(seed)
    return build(config_of(key, folder, attributes, **rest))


def size(module: torch.nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in module.parameters())


def with_gradient(model: torch.nn.Module) -> set[str]:
    """Return the first part of the names of all parameters that some gradient reached."""
    return {
        name.partition(".")[0]
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.abs().sum() > 0
    }


def batch(count: int, attributes: int = 8, height: int = 64, width: int = 32) -> Any:
    """Return images and labels; every attribute has positives and negatives."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, height, width, generator=generator)
    labels = (torch.rand(count, attributes, generator=generator) < 0.4).float()
    labels[0], labels[1] = 0, 1
    return images, labels
