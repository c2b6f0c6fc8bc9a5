"""Small retrieval problems for tests: a table, features that tell their category, a model."""

from pathlib import Path

import numpy as np
import torch

from clear_bench.config.plugins import available, load
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build

UNTRAINED = ("agreement", "chance", "label_prior", "likelihood", "l1_distance", "queried_product")
LEARNED = ("aihm", "asmr", "clear", "clear_hard", "clear_soft", "cmce", "deep_cca", "sal",
           "two_way_net")  # fmt: skip
RETRIEVAL = (*UNTRAINED, *LEARNED, "clip_zero_shot")


def retrieval_methods() -> list[str]:
    """Return the keys of all methods with a retrieval recipe."""
    return [k for k in available("method") if load("method", k).METHOD.retrieval is not None]


def schema(attributes: int, group_sizes: tuple[int, ...]) -> Schema:
    """Return a schema whose first attributes form exclusive groups of these sizes."""
    owner = [f"group{g}" for g, size in enumerate(group_sizes) for _ in range(size)]
    owner += [""] * (attributes - len(owner))
    return Schema(
        tuple(Attribute(f"a{k}", "with", f"x{k}", f"no x{k}", group=g) for k, g in enumerate(owner))
    )


def write_table(
    folder: Path,
    attributes: int = 12,
    group_sizes: tuple[int, ...] = (4, 3),
    *,
    categories: int = 8,
    features: int = 24,
    images: int = 32,
) -> dict[str, np.ndarray]:
    """Write ``table.npz`` and return a split whose features tell the category of each image."""
    rng = np.random.default_rng(0)
    known = schema(attributes, group_sizes)
    vectors = np.zeros((0, attributes), np.uint8)
    while len(vectors) < categories:
        drawn = rng.integers(0, 2, (4 * categories, attributes), dtype=np.uint8)
        for group in known.groups:
            if len(group) > 1:
                member = rng.integers(0, len(group) + 1, len(drawn))  # the last: none of them
                drawn[:, group] = member[:, None] == np.arange(len(group))
        vectors = np.unique(drawn, axis=0)
    vectors = vectors[rng.permutation(len(vectors))[:categories]]
    category = np.concatenate([np.arange(categories), rng.integers(0, categories, images)])[:images]
    centre = rng.normal(size=(categories, features))
    shown = centre[category] + 0.3 * rng.normal(size=(images, features))
    groups = np.zeros(attributes, np.int64)
    for number, columns in enumerate(known.groups):
        groups[columns] = number
    split = {
        "vectors": vectors,
        "one_hot": known.one_hot(vectors),
        "text": rng.normal(size=(categories, 10)).astype(np.float32),
        "features": shown.astype(np.float32),
        "probabilities": rng.random((images, attributes)).astype(np.float32),
        "category": category.astype(np.int64),
        "query_category": np.arange(categories),
        "removed_query": np.zeros(0, np.int64),
        "removed_image": np.zeros(0, np.int64),
    }
    table = {k: split[k] for k in ("vectors", "one_hot", "text")}
    counts = np.bincount(category, minlength=categories)
    mean = split["features"].mean(axis=0)
    np.savez(folder / "table.npz", **table, counts=counts, groups=groups, feature_mean=mean)
    return split


def make_model(key: str, folder: Path, **changes):
    """Return a method's retrieval model over the table in a folder, seeded."""
    recipe = load("method", key).METHOD.retrieval
    torch.manual_seed(0)
    return build({**recipe["model"], **changes, "table": str(folder / "table.npz")})


def as_batch(split) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features and categories of a split as tensors."""
    return torch.from_numpy(split["features"]), torch.from_numpy(split["category"])


def train(model, split, steps: int, *, lr: float = 1e-3) -> None:
    """Take full-batch steps with the common optimiser."""
    torch.manual_seed(1)
    features, category = as_batch(split)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        sum(model.loss(features, category).values()).backward()
        optimizer.step()
    model.eval()
