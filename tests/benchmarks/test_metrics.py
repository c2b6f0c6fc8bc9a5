"""Metrics against peers, on the same inputs, with equal results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rankings import NAMED, PEERS, product_and_pass, ranking

from clear_bench.metrics.recognition import decided_metrics
from clear_bench.metrics.retrieval import retrieval_metrics

SOME = 16  # queries of peers that would take minutes for all


def unclocked(function):
    """Return a function that answers nothing: its own time is not the answer."""
    return lambda: (function(), None)[1]


@pytest.mark.parametrize(("queries", "images", "ids"), [(484, 16483, 484), (3368, 15913, 751)])
def test_retrieval(versus, queries, images, ids):
    data = ranking(queries, images, ids)
    few = (data[0][:SOME], data[1], data[2][:SOME], data[3])
    expected = retrieval_metrics(*data).average_precision[:SOME].mean()
    ways = {
        "clear_bench": lambda: (retrieval_metrics(*data), None)[1],
        "matrix product and one pass": lambda: product_and_pass(*data),
    }
    share, targets = {}, {"matrix product and one pass": ("at most", 2.5)}
    for name, peer in PEERS.items():
        run = peer(*few)
        assert run() == pytest.approx(expected, abs=1e-3)  # torchmetrics adds up in float32
        ways[name], share[name] = unclocked(run), SOME / queries
        targets[name] = ("at least", 50.0 if name.endswith("(Python)") else 2.0)
    for name, peer in NAMED.items():
        assert peer(*few)() == pytest.approx(expected, abs=1e-5)
        ways[name], targets[name] = unclocked(peer(*data)), ("at least", 2.0)
    versus(f"retrieval metrics, {queries} x {images}, 256-d, similarity included", ways, targets,
           rounds=5, share=share)  # fmt: skip


def test_a_gallery_of_a_million_in_a_file(keep, tmp_path):
    """In a process of its own, whose memory is nobody else's."""
    script = Path(__file__).with_name("gallery.py")
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(script.parents[2])}
    words = [sys.executable, str(script), str(tmp_path / "gallery.npy")]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=env)
    keep(axis="gallery in a file", **json.loads(done.stdout))


def sklearn_metrics(probabilities, labels):
    from sklearn.metrics import jaccard_score, multilabel_confusion_matrix
    from sklearn.metrics import precision_recall_fscore_support as scores

    predicted = probabilities > 0.5
    by_column = multilabel_confusion_matrix(labels, predicted)
    rates = by_column[:, (0, 1), (0, 1)] / by_column.sum(axis=2)
    scores(labels, predicted, average="samples", zero_division=0)
    jaccard_score(labels, predicted, average="samples", zero_division=0)
    return rates.mean()


def torchmetrics_metrics(probabilities, labels):
    from torchmetrics.functional.classification import multilabel_stat_scores as stats

    p, y = torch.from_numpy(probabilities), torch.from_numpy(labels).long()
    tp, fp, tn, fn, _ = stats(p, y, p.shape[1], average=None).T.double()
    stats(p[:, :, None], y[:, :, None], p.shape[1], average="micro", multidim_average="samplewise")
    return float((tp / (tp + fn) + tn / (tn + fp)).mean() / 2)


def one_pass(probabilities, labels):
    """Read both arrays, decide and compare, and count along both axes: what any metric must do."""
    right = (probabilities > 0.5) == labels.view(bool)
    np.einsum("ij->i", right.view(np.uint8))
    np.einsum("ij->j", right.view(np.uint8))


def test_recognition(versus):
    random = np.random.default_rng(0)
    labels = (random.random((100_000, 54)) < 0.3).astype(np.uint8)
    probabilities = random.random((100_000, 54), dtype=np.float32)
    data = (probabilities, labels)
    expected = decided_metrics(*data)["mA"]
    for peer in (sklearn_metrics, torchmetrics_metrics):
        assert peer(*data) == pytest.approx(expected, abs=1e-6)
    ways = {
        "clear_bench": lambda: (decided_metrics(*data), None)[1],
        "scikit-learn": lambda: (sklearn_metrics(*data), None)[1],
        "torchmetrics": lambda: (torchmetrics_metrics(*data), None)[1],
        "one pass over the arrays": lambda: one_pass(*data),
    }
    targets = {
        "one pass over the arrays": ("at most", 5.0),
        "scikit-learn": ("at least", 2.0),
        "torchmetrics": ("at least", 2.0),
    }
    versus("recognition metrics, 100000 x 54", ways, targets)
