"""Predictions that nobody trained, and the metrics that follow from them; see `fake_runs`."""

import numpy as np

from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.retrieval import retrieval_metrics
from clear_bench.runs.record import plain

NAMES = ("female", "backpack", "hat", "up_red", "down_blue", "long_hair")


def labels(dataset="synthped", split="test", images=40, names=NAMES, distinct=None):
    """Return ``(images, A)`` uint8 labels: the same for every run of a data set.

    Args:
        distinct: Draw so many rows, and show each to several images; None draws one an image.
    """
    rng = np.random.default_rng([len(dataset), sum(map(ord, dataset + split)), len(names)])
    drawn = rng.random((distinct or images, len(names))) < rng.uniform(0.15, 0.6, len(names))
    return drawn[np.arange(images) % len(drawn)].astype(np.uint8)


def _recognition(rng, config, dataset, quality, images, names, distinct):
    metrics, arrays = {}, {}
    rules = config["protocol"]
    for split in ("val", "test"):
        truth = labels(dataset, split, images, names, distinct)
        logits = quality * (2.0 * truth - 1) + rng.normal(0, 1, truth.shape)
        probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
        metrics[split] = recognition_metrics(
            probabilities, truth, rules["threshold"], rules["undefined"]
        )
        arrays |= {f"{split}_rows": np.arange(images) + (1000 if split == "val" else 2000),
                   f"{split}_probabilities": probabilities, f"{split}_labels": truth}  # fmt: skip
    table = per_attribute(arrays["test_probabilities"], arrays["test_labels"], rules["threshold"])
    return metrics, {"name": list(names), **plain(table)}, arrays


def _retrieval(rng, config, dataset, quality, images, names, distinct):
    truth = labels(dataset, "test", images, names, distinct)
    vectors, category = np.unique(truth, axis=0, return_inverse=True)
    spread = rng.normal(0, 1, (images, len(names)))
    arrays = {
        "rows": np.arange(images) + 2000, "vectors": vectors, "category": category.ravel(),
        "query_category": np.arange(len(vectors)),
        "queries": _unit(2.0 * vectors - 1),
        "images": _unit(quality * (2.0 * truth - 1) + spread),
    }  # fmt: skip
    rules = {k: config["protocol"][k] for k in ("ap", "ties", "no_positives")}
    found = retrieval_metrics(
        arrays["queries"], arrays["images"], arrays["query_category"], arrays["category"], **rules
    )
    arrays["average_precision"] = found.average_precision
    arrays["rank_of_first"] = found.rank_of_first
    metrics = plain(found.metrics)
    return {"val": metrics, "test": metrics}, {}, arrays


def _unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
