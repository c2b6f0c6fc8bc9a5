"""Thresholds chosen on val against a search over every threshold that could matter."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from test_metrics_recognition import tied

from clear_bench.metrics.recognition import per_attribute
from clear_bench.metrics.thresholds import chosen_thresholds


def score(values, truth, threshold, by):
    """Return one attribute's metric at a threshold, counted image by image."""
    predicted = [v > threshold for v in values]
    tp = sum(p and t == 1 for p, t in zip(predicted, truth, strict=True))
    fp = sum(p and t == 0 for p, t in zip(predicted, truth, strict=True))
    present = sum(truth)
    absent = len(truth) - present
    if by == "mA":
        return tp / present + (absent - fp) / absent
    return 2 * tp / (tp + fp + present)


def by_search(values, truth, by):
    """Return the best threshold: nearest to 0.5, then lower."""
    if len(set(truth)) < 2:
        return 0.5
    levels = sorted(set(values))
    tried = [0.5, levels[0] / 2]
    tried += [(a + b) / 2 for a, b in pairwise(levels)]
    scores = {t: score(values, truth, t, by) for t in tried}
    best = max(scores.values())
    return min((t for t in tried if scores[t] == best), key=lambda t: (abs(t - 0.5), t))


@pytest.mark.parametrize("by", ["mA", "f1"])
@given(arrays=tied())
def test_they_equal_the_search(arrays, by):
    values, labels = arrays
    columns = zip(values.T.tolist(), labels.T.tolist(), strict=True)
    expected = [by_search(v, t, by) for v, t in columns]
    assert chosen_thresholds(values, labels, by).tolist() == expected


@pytest.mark.parametrize("by", ["mA", "f1"])
def test_no_threshold_does_better_on_the_same_images(by):
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 6)) < rng.uniform(0.05, 0.6, 6)).astype(np.uint8)
    values = 0.3 * labels + 0.7 * rng.random((300, 6))
    own = per_attribute(values, labels, chosen_thresholds(values, labels, by))[by]
    for threshold in np.linspace(0, 0.99, 34):
        assert (own >= per_attribute(values, labels, float(threshold))[by] - 1e-12).all()
    assert (own > per_attribute(values, labels)[by]).any()
