"""What each numbers version stands for, as a few numbers of tiny data; see ``test_numbers.py``.

Every probe moves when the code behind its version gives other numbers, and as little as possible
moves with it: the engine is probed by a method of its own, methods by a loop of their own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_probes import Values, data, images
from layouts import write_market
from methods import batch, config_of
from probe_variants import variants
from retrieval_tables import as_batch, write_table
from tiny_clip import write_tiny_clip

from clear_bench.config import plugins
from clear_bench.config.numbers import VERSIONS
from clear_bench.config.protocol import PROTOCOLS
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.metrics.gallery_rules import gallery_order, removed_images
from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.retrieval import dot_products, retrieval_metrics
from clear_bench.metrics.thresholds import chosen_thresholds
from clear_bench.metrics.upar import challenge_score, mean_adm
from clear_bench.text.descriptions import PHRASINGS, TEMPLATES, attribute_phrases, describe_all
from clear_bench.text.store import embed
from clear_bench.training.cache import Cache
from clear_bench.training.execute import task_of
from clear_bench.training.plan import plan
from clear_bench.utils.hashing import digest

STEPS = 3
YOUNGER = {"recognition": ("ece", "mAP"), "retrieval": ()}


def names() -> list[str]:
    """Return every numbers version that there is, as `clear_bench.config.numbers` names them."""
    methods = [f"method.{m}.{t}" for m in plugins.available("method") for t in plugins.tasks_of(m)]
    datasets = [f"data.{name}" for name in plugins.available("data set")]
    return sorted([*methods, *datasets, *VERSIONS])


def values_of(name: str, folder: Path) -> Values:
    """Return the numbers that a version stands for, now.

    Args:
        name: One of `names`.
        folder: An empty one.
    """
    torch.set_num_threads(1)
    kind, _, rest = name.partition(".")
    if kind == "method":
        method, _, task = rest.rpartition(".")
        return METHODS[task](method, folder)
    return data(rest, folder) if kind == "data" else OTHERS[name](folder)


def text(folder: Path) -> Values:
    """Return every template's sentences of some vectors, and the embedding of one of them."""
    schema = Schema((
        Attribute("female", "person", "woman", "man"),
        Attribute("hat", "wearing", "a hat", "no hat"),
        Attribute("up_red", "wearing", "a red top", "", group="upper"),
        Attribute("up_blue", "wearing", "a blue top", "", group="upper"),
        Attribute("backpack", "carrying", "a backpack", "no backpack"),
    ))  # fmt: skip
    vectors = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 0, 0, 0, 1]])
    values: Values = {
        template: json.dumps(describe_all(schema, vectors.astype(np.uint8), template))
        for template in sorted(TEMPLATES)
    }
    values |= {f"phrases {p}": json.dumps(attribute_phrases(schema, p)) for p in sorted(PHRASINGS)}
    for encoder in ("minilm", "glove"):
        vector = embed(encoder, ["a woman wearing a red top"], folder)[0]
        values[encoder] = [float(x) for x in vector[:16]]
    return values


def recognition_protocol(folder: Path) -> Values:
    """Return the metrics of fixed predictions under every rule."""
    random = np.random.default_rng(3)
    labels = (random.random((120, 6)) < 0.3).astype(np.uint8)
    labels[:, 5] = 0  # an attribute without positives
    probabilities = np.clip(0.5 * labels + random.random((120, 6)) * 0.6, 0, 1)
    values: Values = {}
    for undefined in ("half", "drop"):
        for threshold in (0.5, 0.3):
            metrics = recognition_metrics(probabilities, labels, threshold, undefined)
            values |= listed(f"{undefined} {threshold}", metrics)
    for by in ("mA", "f1"):
        chosen = chosen_thresholds(probabilities, labels, by)  # type: ignore[arg-type]
        values[f"thresholds by {by}"] = [float(x) for x in chosen]
    table = per_attribute(probabilities, labels, 0.5)
    for column in sorted(table):
        values[column] = [float(x) for x in np.nan_to_num(table[column], nan=-1.0)]
    values["challenge"] = [float(challenge_score(0.5, 0.25))]
    return values


def listed(name: str, metrics: dict[str, float], task: str = "recognition") -> Values:
    """Return metrics as golden numbers: the first ones as one list, each younger one by itself.

    So a metric that is added leaves all the others as they are.
    """
    first = [float(metrics[k]) for k in sorted(metrics) if k not in YOUNGER[task]]
    return {name: first} | {f"{name} {k}": [float(metrics[k])] for k in YOUNGER[task]}


def retrieval_protocol(folder: Path) -> Values:
    """Return the metrics of fixed embeddings under every named protocol."""
    random = np.random.default_rng(4)
    category = random.integers(0, 9, 60)
    person = np.array([str(k // 2) for k in range(60)])
    camera = np.array([str(k % 3) for k in range(60)])
    paths = np.array([f"{k % 7}/{(37 * k) % 60:03d}.png" for k in range(60)])
    embedded_images = random.integers(-2, 3, (60, 4)).astype(np.float32)  # whole numbers tie
    embedded_queries = random.integers(-2, 3, (9, 4)).astype(np.float32)
    values: Values = {}
    for query in (np.arange(60) % 4 == 0, np.ones(60, bool)):
        for rules in PROTOCOLS.values():
            order = gallery_order(rules.gallery_order, category, paths, query)
            removed = removed_images(rules.removal, category, person, camera, query)
            rule: Any = {"ap": rules.ap, "ties": rules.ties, "no_positives": "skip"}
            metrics = retrieval_metrics(
                embedded_queries, embedded_images[order], np.arange(9), category[order], **rule
            ).metrics
            key = f"{rules.name} {query.sum()}"
            values[key] = [float(metrics[name]) for name in sorted(metrics)]
            values[f"{key} order"] = digest([order.tolist(), removed.tolist()])
    vectors = (np.arange(9)[:, None] >> np.arange(4) & 1).astype(np.uint8)
    scores = dot_products(embedded_queries, embedded_images)
    values["mADM"] = [float(mean_adm(scores, vectors, vectors[category]))]
    return values


def engine(task: str) -> Callable[[Path], Values]:
    """Return the probe of one task: a whole run of the smallest method."""

    def run(folder: Path) -> Values:
        write_market(folder / "market")
        with pytest.MonkeyPatch.context() as patch:
            packages = (*plugins.PACKAGES["method"], "golden_methods")
            patch.setitem(plugins.PACKAGES, "method", packages)
            plugins.forget()
            places: Any = {"root": folder / "runs", "data_root": folder / "market"}
            runs = plan("probe", "market1501", "default", 0, {}, **places)
            for each in runs if task == "retrieval" else runs[:1]:
                each.folder.mkdir(parents=True)
                record = task_of(each, Cache(folder / "cache")).make()
                record.save(each.folder)
        plugins.forget()
        values: Values = {}
        for checkpoint, splits in record.metrics.items():
            for split, metrics in splits.items():
                values |= listed(f"{checkpoint} {split}", metrics, task)
        kept = ("loss", runs[-1].metric if task == "retrieval" else runs[0].metric)
        return values | {name: [row[name] for row in record.history] for name in kept}

    return run


def recognition(method: str, folder: Path) -> Values:
    """Return losses of some steps of a method, and what it predicts after them."""
    changes = {}
    if method == "clip_zero_shot":  # its weights are published: here they are small and random
        changes = {"source": str(write_tiny_clip(folder / "clip"))}
    config = config_of(method, folder, 8, profile="default", grouped=True, **changes)
    values: Values = {}
    models = {"": config, **shifted(config), **variants(method, "recognition", config)}
    for name, model in models.items():
        height, width = model["image_size"]
        pictures, labels = batch(8, 8, height, width)
        torch.manual_seed(0)
        built = build(model)
        after = losses(built, (pictures, labels), 1 if name else STEPS)
        with torch.inference_mode():
            features, probabilities = built.eval()(pictures, None, None)
        seen = [probabilities.mean()] if name else probabilities.flatten()
        values |= {f"{name} losses": after, f"{name} features": summary(features)}
        values[f"{name} probabilities"] = [float(x) for x in seen]
    return values


def shifted(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a model with a shifted window that does not divide the map, if it has a Swin.

    The nano scale has none: each of its stages is one block.
    """
    if "swin" not in model.get("branches", ()):
        return {}
    return {"shifted": {**model, "swin": {**model["swin"], "depths": [1, 1, 2, 1]}}}


def retrieval(method: str, folder: Path) -> Values:
    """Return losses of some steps of a method, and what it makes of queries and images."""
    width = {"features": 10} if method == "clip_zero_shot" else {}  # that of its text
    split = write_table(folder, **width)
    put = {k: torch.from_numpy(v) for k, v in split.items()}
    recipe = {
        "table": str(folder / "table.npz"),
        **plugins.load("method", method).METHOD.retrieval["model"],
    }
    values: Values = {}
    for name, config in {"": recipe, **variants(method, "retrieval", recipe)}.items():
        torch.manual_seed(0)
        model = build(config)
        values[f"{name} losses"] = losses(model, as_batch(split), 1 if name else STEPS)
        scores = ranked(model.eval(), put)
        seen = [scores.double().abs().mean()] if name else scores[:4].flatten()
        values[f"{name} scores"] = [float(x) for x in seen]
    return values


@torch.inference_mode()
def ranked(model: Any, put: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the scores ``(Q, N)`` that a retrieval model gives."""
    vectors = put["vectors"].float()
    if not model.embeds:
        return model.scores(vectors, put["features"], put["probabilities"])
    queries = model.embed_queries(vectors, put["one_hot"], put["text"])
    return queries @ model.embed_images(put["features"], put["probabilities"]).T


def losses(model: Any, inputs: tuple[torch.Tensor, torch.Tensor], steps: int) -> list[float]:
    """Return the losses of some steps of plain gradient descent; none if nothing learns.

    Plain, since an optimiser that divides by the gradient's size makes much of its last digits.
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    if not learning:
        return []
    torch.manual_seed(1)
    model.train()
    values = []
    for _ in range(steps):
        model.zero_grad()
        parts = model.loss(*inputs)
        total = sum(value for name, value in parts.items() if "loss" in name)
        total.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        with torch.no_grad():
            for parameter in learning:
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        values.append(total.item())
    return values


def summary(features: torch.Tensor) -> list[float]:
    """Return mean and deviation of each image's features."""
    table = features.double()
    return [*table.mean(dim=1).tolist(), *table.std(dim=1, correction=0).tolist()]


METHODS = {"recognition": recognition, "retrieval": retrieval}
OTHERS: dict[str, Callable[[Path], Values]] = {
    "engine.recognition": engine("recognition"),
    "engine.retrieval": engine("retrieval"),
    "images": images,
    "protocol.recognition": recognition_protocol,
    "protocol.retrieval": retrieval_protocol,
    "text": text,
}
