"""The paired bootstrap against one that measures every resample anew."""

import numpy as np
import pytest

from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.metrics.recognition import instance_scores, recognition_metrics
from clear_bench.results.bootstrap import ROWS, bootstrap_p, draws, resampled
from clear_bench.results.unit_scores import Units

IMAGES, ATTRIBUTES = 23, 5


def units(probabilities, labels, undefined="half"):
    scores = instance_scores(probabilities, labels)
    right = (probabilities > 0.5) == (labels == 1)
    known = labels != UNKNOWN
    known = None if known.all() else known
    return Units(np.arange(len(labels)), scores, labels == 1, right, undefined, known)


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("undefined", ["half", "drop"])
@pytest.mark.parametrize("metric", ["mA", "f1"])
def test_each_resample_is_measured_anew(metric, undefined, unknown):
    rng = np.random.default_rng(0)
    labels = (rng.random((IMAGES, ATTRIBUTES)) < [0.05, 0.3, 0.5, 0.7, 0.9]).astype(np.uint8)
    labels[0] = 1
    if unknown:
        labels[rng.random(labels.shape) < 0.3] = UNKNOWN
        labels[3:5] = UNKNOWN  # images of which nothing is known
        labels[2:, 4] = UNKNOWN  # known of two images: some resamples have neither
    seeds = [[rng.random((IMAGES, ATTRIBUTES)) for _ in range(count)] for count in (1, 3)]
    groups = [[units(values, labels, undefined) for values in group] for group in seeds]
    found = resampled(groups, metric)
    drawn = np.concatenate(list(draws(IMAGES))).astype(int)
    neither = (drawn[:, :2] == 0).all(axis=1)
    for place in (0, 1, ROWS, len(drawn) - 1, int(neither.argmax())):
        rows = np.repeat(np.arange(IMAGES), drawn[place])
        slow = [
            np.mean([recognition_metrics(v[rows], labels[rows], 0.5, undefined)[metric] for v in g])
            for g in seeds
        ]
        assert found[:, place] == pytest.approx(slow, abs=1e-6)


def test_each_resample_has_as_many_images():
    counts = np.concatenate(list(draws(7, 1000)))
    assert counts.shape == (1000, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    assert len(np.unique(counts, axis=0)) > 200


def test_a_p_value_by_counting():
    gaps = np.array([[1, 2, 3, -1], [1, 1, 1, 1], [0, 0, 0, 0], [-1, -1, -1, 2]])
    assert bootstrap_p(gaps).tolist() == [0.8, 0.4, 1.0, 0.8]


def test_what_is_equal_differs_nowhere_and_noise_rarely():
    rng = np.random.default_rng(1)
    labels = (rng.random((400, 3)) < 0.5).astype(np.uint8)
    falsely = 0
    for _ in range(40):
        pair = [[units(rng.random((400, 3)), labels)] for _ in range(2)]
        one, other = resampled(pair, "mA")
        falsely += bootstrap_p((one - other)[None])[0] < 0.05
    assert falsely <= 6  # 2 expected; 7 or more have a chance of 1 %
