"""Every metric with unknown labels against a loop that looks at known cells alone."""

import numpy as np
import pytest
from test_metrics_recognition import attribute_by_loop

from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.metrics.calibration import BINS
from clear_bench.metrics.gallery_rules import removed_images
from clear_bench.metrics.recognition import (
    instance_scores,
    per_attribute,
    probability_metrics,
    recognition_metrics,
)
from clear_bench.metrics.thresholds import chosen_thresholds
from clear_bench.utils.errors import UserError

RATES = ("tpr", "tnr", "precision", "f1", "ap")


def data(n=90, a=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, a)) < rng.uniform(0.2, 0.8, a)).astype(np.uint8)
    values = 0.3 * labels + 0.7 * rng.random((n, a))
    labels[rng.random((n, a)) < 0.3] = UNKNOWN
    labels[:, 3] = UNKNOWN  # an attribute that nobody knows
    labels[labels[:, 4] == 1, 4] = UNKNOWN  # one with no known positive
    labels[5] = UNKNOWN  # an image of which nothing is known
    return values.astype(np.float32), labels


def column(values, labels, a):
    """Return probabilities and labels of the images of which an attribute is known."""
    known = [i for i in range(len(labels)) if labels[i, a] != UNKNOWN]
    return values[known, a], labels[known, a]


def image_by_loop(values, truth, threshold):
    known = [k for k, t in enumerate(truth) if t != UNKNOWN]
    if not known:
        return None
    guessed = {k for k in known if values[k] > threshold}
    present = {k for k in known if truth[k] == 1}
    both, either = len(guessed & present), len(guessed | present)
    p, r = (both / len(part) if part else 0.0 for part in (guessed, present))
    return {
        "accuracy": both / either if either else 0.0,
        "precision": p,
        "recall": r,
        "f1": 2 * p * r / (p + r) if p + r else 0.0,
    }


def error_by_loop(values, truth):
    surplus = [0.0] * BINS
    for v, t in zip(values, truth, strict=True):
        place = next(b for b in range(BINS) if b == BINS - 1 or float(v) <= (b + 1) / BINS)
        surplus[place] += float(v) - t
    return sum(map(abs, surplus)) / len(values)


@pytest.mark.parametrize("undefined", ["half", "drop"])
@pytest.mark.parametrize("threshold", [0.5, 0.35])
def test_metrics_by_loop(threshold, undefined):
    values, labels = data()
    rates, aps, errors = [], [], []
    for a in range(6):
        v, t = column(values, labels, a)
        if not len(v):
            continue
        row = attribute_by_loop(v, t, threshold)
        errors.append(error_by_loop(v, t))
        if 1 in t:
            aps.append(row["ap"])
        both = np.array([row["tpr"], row["tnr"]])
        if undefined == "half" or not np.isnan(both).any():
            rates.append(np.nan_to_num(both).mean())
    images = [image_by_loop(v, t, threshold) for v, t in zip(values, labels, strict=True)]
    images = [image for image in images if image]
    mean = {name: np.mean([image[name] for image in images]) for name in images[0]}
    p, r = mean["precision"], mean["recall"]
    slow = {"mA": np.mean(rates), "f1": 2 * p * r / (p + r), "f1_instance": mean.pop("f1"),
            "mAP": np.mean(aps), "ece": np.mean(errors), **mean}  # fmt: skip
    found = recognition_metrics(values, labels, threshold, undefined)
    assert found == pytest.approx(slow, abs=1e-6)
    assert len(rates) == (5 if undefined == "half" else 4)


def test_each_attribute_and_each_image_by_loop():
    values, labels = data(seed=1)
    table = per_attribute(values, labels)
    for a in range(6):
        v, t = column(values, labels, a)
        assert table["known"][a] == len(v)
        assert table["positives"][a] == sum(t)
        slow = attribute_by_loop(v, t, 0.5)
        for name in RATES:
            expected = slow[name] if name != "ap" or sum(t) else np.nan
            assert table[name][a] == pytest.approx(expected, nan_ok=True)
    scores = instance_scores(values, labels)
    for i in range(len(values)):
        slow = image_by_loop(values[i], labels[i], 0.5)
        for name, found in scores.items():
            assert found[i] == pytest.approx(slow[name] if slow else np.nan, nan_ok=True)
    assert np.isnan(scores["f1"][5])


def test_what_stands_at_an_unknown_label_moves_nothing():
    values, labels = data()
    other = np.where(labels == UNKNOWN, 1 - values, values).astype(np.float32)
    assert recognition_metrics(values, labels) == recognition_metrics(other, labels)
    for one, two in zip(per_attribute(values, labels).values(),
                        per_attribute(other, labels).values(), strict=True):  # fmt: skip
        np.testing.assert_array_equal(one, two)
    for by in ("mA", "f1"):
        chosen = chosen_thresholds(values, labels, by)
        np.testing.assert_array_equal(chosen, chosen_thresholds(other, labels, by))
        for a in range(6):
            v, t = column(values, labels, a)
            alone = chosen_thresholds(v[:, None], t[:, None], by)[0] if len(v) else 0.5
            assert chosen[a] == alone


def test_with_all_known_the_numbers_are_the_same_bits_and_no_column_is_new():
    values, labels = data()
    labels = np.where(labels == UNKNOWN, 0, labels).astype(np.uint8)
    wide = labels.astype(np.int64)  # goes another way to the same answer
    assert recognition_metrics(values, labels) == recognition_metrics(values, wide)
    assert "known" not in per_attribute(values, labels)


def test_mistakes():
    values, labels = data()
    with pytest.raises(UserError, match="no label of 90 images is known"):
        probability_metrics(values, np.full_like(labels, UNKNOWN))
    labels[0, 0] = 3
    with pytest.raises(UserError, match=r"0, 1 or 255 \(unknown\)"):
        recognition_metrics(values, labels)


def test_sals_removal_has_no_rule_for_images_of_no_category():
    category = np.array([-1, 0, 0, -1, 1])
    person, camera = np.array(list("aaaab")), np.array(["1"] * 5)
    gone = removed_images("sal", category, person, camera, np.ones(5, bool))
    assert gone.tolist() == [False, True, True, False, True]
