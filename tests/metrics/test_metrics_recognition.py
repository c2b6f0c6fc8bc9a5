"""Recognition metrics against loops that follow the definitions, and against scikit-learn."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from clear_bench.metrics.recognition import instance_scores, per_attribute, recognition_metrics
from clear_bench.utils.errors import UserError

LEVELS = [0.0, 0.25, 0.5, 0.75, 1.0]  # few values: ties, and some exactly at the threshold
EPS = 1e-20  # of the field's code


def data(n=200, a=12, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, a)) < rng.uniform(0.1, 0.9, a)).astype(np.uint8)
    noisy = 0.35 * labels + 0.65 * rng.random((n, a))
    return noisy.astype(np.float32), labels


@st.composite
def tied(draw):
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 5)))
    values = draw(hnp.arrays(np.float32, shape, elements=st.sampled_from(LEVELS)))
    return values, draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 1)))


def images_by_loop(probabilities, labels, threshold):
    rows = []
    for values, truth in zip(probabilities, labels, strict=True):
        guessed = {a for a, v in enumerate(values) if v > threshold}
        present = {a for a, v in enumerate(truth) if v == 1}
        both = len(guessed & present)
        p, r = both / (len(guessed) + EPS), both / (len(present) + EPS)
        rows.append((both / (len(guessed | present) + EPS), p, r, 2 * p * r / (p + r + EPS)))
    names = ("accuracy", "precision", "recall", "f1")
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def attribute_by_loop(values, truth, threshold):
    """Return true positive rate, true negative rate, precision, f1 and ap of one attribute."""
    tp = fp = tn = fn = 0
    for v, t in zip(values, truth, strict=True):
        if v > threshold:
            tp, fp = tp + (t == 1), fp + (t == 0)
        else:
            fn, tn = fn + (t == 1), tn + (t == 0)
    ap, recall = 0.0, 0.0
    for level in sorted(set(values.tolist()), reverse=True):
        retrieved = [t for v, t in zip(values, truth, strict=True) if v >= level]
        new = sum(map(int, retrieved)) / (tp + fn) if tp + fn else math.nan
        ap += (new - recall) * sum(map(int, retrieved)) / len(retrieved)
        recall = new
    return {
        "tpr": tp / (tp + fn) if tp + fn else math.nan,
        "tnr": tn / (tn + fp) if tn + fp else math.nan,
        "precision": tp / (tp + fp) if tp + fp else math.nan,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
        "ap": ap,
    }


def metrics_by_loop(probabilities, labels, threshold, undefined):
    rates = []
    for values, truth in zip(probabilities.T, labels.T, strict=True):
        row = attribute_by_loop(values, truth, threshold)
        defined = not (math.isnan(row["tpr"]) or math.isnan(row["tnr"]))
        if defined or undefined == "half":
            zeroed = [0.0 if math.isnan(row[k]) else row[k] for k in ("tpr", "tnr")]
            rates.append(sum(zeroed) / 2)
    rows = images_by_loop(probabilities, labels, threshold)
    mean = {k: sum(v) / len(v) for k, v in rows.items()}
    p, r = mean["precision"], mean["recall"]
    return {
        "mA": sum(rates) / len(rates) if rates else None,
        "accuracy": mean["accuracy"],
        "precision": p,
        "recall": r,
        "f1": 2 * p * r / (p + r + EPS),
        "f1_instance": mean["f1"],
        "mAP": map_by_loop(probabilities, labels),
        "ece": np.mean([ece_by_loop(v, t, 15) for v, t in zip(probabilities.T, labels.T)]),  # noqa: B905
    }


def map_by_loop(probabilities, labels):
    """Return the mean average precision over the attributes that some image has."""
    pairs = zip(probabilities.T, labels.T, strict=True)
    found = [attribute_by_loop(v, t, 0.5)["ap"] for v, t in pairs if t.any()]
    return sum(found) / len(found) if found else 0.0


def ece_by_loop(values, truth, bins):
    """Return the expected calibration error of one attribute, bin by bin."""
    error, pairs = 0.0, list(zip(values.tolist(), truth.tolist(), strict=True))
    for k in range(bins):
        inside = [(v, t) for v, t in pairs if (v > k / bins or k == 0) and v <= (k + 1) / bins]
        if inside:
            confidence, share = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            error += len(inside) / len(pairs) * abs(confidence - share)
    return error


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5])
@given(arrays=tied())
def test_everything_equals_its_loop(arrays, threshold):
    for undefined in ("half", "drop"):
        expected = metrics_by_loop(*arrays, threshold, undefined)
        if expected["mA"] is None:
            with pytest.raises(UserError, match="undefined=half"):
                recognition_metrics(*arrays, threshold, undefined)
        else:
            scores = recognition_metrics(*arrays, threshold, undefined)
            assert scores == pytest.approx(expected, abs=1e-12)
    scores = instance_scores(*arrays, threshold)
    for name, values in images_by_loop(*arrays, threshold).items():
        np.testing.assert_allclose(scores[name], values, atol=1e-12)
    table = per_attribute(*arrays, threshold)
    for a, (values, truth) in enumerate(zip(arrays[0].T, arrays[1].T, strict=True)):
        row = attribute_by_loop(values, truth, threshold)
        row |= {"recall": row["tpr"], "mA": (row["tpr"] + row["tnr"]) / 2}
        row["positives"] = int(truth.sum())
        assert {k: v[a] for k, v in table.items()} == pytest.approx(row, abs=1e-12, nan_ok=True)


@given(arrays=tied(), seed=st.integers(0, 99))
def test_order_of_images_and_attributes_does_not_matter(arrays, seed):
    rng = np.random.default_rng(seed)
    order = np.ix_(*(rng.permutation(n) for n in arrays[0].shape))
    shuffled = [array[order] for array in arrays]
    expected = recognition_metrics(*arrays)
    assert recognition_metrics(*shuffled) == pytest.approx(expected, abs=1e-12)
    assert all(0 <= v <= 1 for v in expected.values())
    assert expected["f1"] >= expected["f1_instance"] - 1e-12


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_sklearn_agrees(threshold):
    probabilities, labels = data()
    predicted = (probabilities > threshold).astype(int)
    metrics = recognition_metrics(probabilities, labels, threshold)
    per = {"average": "samples", "zero_division": 0}
    balanced = [sk.balanced_accuracy_score(t, p) for t, p in zip(labels.T, predicted.T)]  # noqa: B905
    assert metrics["mA"] == pytest.approx(np.mean(balanced))
    assert metrics["accuracy"] == pytest.approx(sk.jaccard_score(labels, predicted, **per))
    assert metrics["precision"] == pytest.approx(sk.precision_score(labels, predicted, **per))
    assert metrics["recall"] == pytest.approx(sk.recall_score(labels, predicted, **per))
    assert metrics["f1_instance"] == pytest.approx(sk.f1_score(labels, predicted, **per))
    table = per_attribute(probabilities, labels, threshold)
    np.testing.assert_allclose(table["mA"], balanced)
    per_column = {"average": None, "zero_division": np.nan}
    np.testing.assert_allclose(table["f1"], sk.f1_score(labels, predicted, **per_column))
    np.testing.assert_allclose(
        table["precision"], sk.precision_score(labels, predicted, **per_column)
    )
    np.testing.assert_allclose(table["recall"], sk.recall_score(labels, predicted, **per_column))


@given(arrays=tied())
def test_sklearn_agrees_on_tied_average_precision(arrays):
    ap = per_attribute(*arrays)["ap"]
    for ours, values, truth in zip(ap, arrays[0].T, arrays[1].T, strict=True):
        if truth.any():
            assert ours == pytest.approx(sk.average_precision_score(truth, values))
        else:
            assert math.isnan(ours)


def test_attribute_without_positives():
    labels = np.array([[1, 0], [0, 0], [1, 0]], np.uint8)
    perfect = labels.astype(np.float32)
    assert recognition_metrics(perfect, labels)["mA"] == (1 + 0.5) / 2
    assert recognition_metrics(perfect, labels, undefined="drop")["mA"] == 1
    table = per_attribute(perfect, labels)
    assert table["positives"].tolist() == [2, 0]
    assert table["tnr"].tolist() == [1, 1]
    assert all(math.isnan(table[k][1]) for k in ("tpr", "recall", "mA", "precision", "f1", "ap"))


def test_attribute_without_negatives():
    labels = np.ones((3, 1), np.uint8)
    assert recognition_metrics(labels * 0.9, labels)["mA"] == 0.5
    assert math.isnan(per_attribute(labels * 0.9, labels)["tnr"][0])


def test_nothing_predicted():
    _, labels = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no division by zero on the way
        metrics = recognition_metrics(np.zeros(labels.shape, np.float32), labels)
    nothing = dict.fromkeys(("accuracy", "precision", "recall", "f1", "f1_instance"), 0.0)
    assert {k: metrics[k] for k in ("mA", *nothing)} == {"mA": 0.5, **nothing}
    # All values tie: each precision is the share of positives, and so is the surplus of bin 0.
    assert [metrics["mAP"], metrics["ece"]] == pytest.approx([labels.mean()] * 2)


def test_image_without_attributes_counts_as_zero_even_if_right():
    probabilities = np.array([[0.9, 0.1], [0.1, 0.1]], np.float32)
    labels = np.array([[1, 0], [0, 0]], np.uint8)
    scores = instance_scores(probabilities, labels)
    assert all(v.tolist() == [1, 0] for v in scores.values())


def test_single_image():
    metrics = recognition_metrics(np.array([[0.9, 0.8, 0.1]]), np.array([[1, 0, 1]], np.uint8))
    expected = {"mA": 0.5 / 3, "accuracy": 1 / 3, "precision": 0.5, "recall": 0.5}
    expected |= {"f1": 0.5, "f1_instance": 0.5, "mAP": 1.0, "ece": (0.1 + 0.8 + 0.9) / 3}
    assert metrics == pytest.approx(expected)


def test_threshold_is_strict():
    labels = np.ones((1, 1), np.uint8)
    assert recognition_metrics(np.full((1, 1), 0.5, np.float32), labels)["recall"] == 0
    assert recognition_metrics(np.full((1, 1), 0.5001, np.float32), labels)["recall"] == 1


def test_the_threshold_is_a_half_unless_said():
    probabilities, labels = np.array([[0.48, 0.52]]), np.array([[0, 1]], np.uint8)
    assert recognition_metrics(probabilities, labels)["f1"] == 1
    assert instance_scores(probabilities, labels)["f1"].tolist() == [1]
    assert per_attribute(probabilities, labels)["tpr"][1] == 1
    assert per_attribute(probabilities, labels)["tnr"][0] == 1


def test_f1_of_means_is_not_the_mean_of_f1():
    probabilities = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], float)
    labels = np.array([[1, 0, 0, 0], [1, 1, 1, 1]], np.uint8)
    metrics = recognition_metrics(probabilities, labels)
    assert metrics["f1"] == pytest.approx(0.625)  # P = R = (1/4 + 1) / 2
    assert metrics["f1_instance"] == pytest.approx(0.4)


def test_users_mistakes():
    probabilities, labels = data(4, 2)
    with pytest.raises(UserError, match="not a number"):
        recognition_metrics(np.full((4, 2), np.nan), labels)
    with pytest.raises(UserError, match="0, 1 or 255"):
        instance_scores(probabilities, labels * 2)
    with pytest.raises(UserError, match="0 images, 2 attributes"):
        per_attribute(probabilities[:0], labels[:0])
    with pytest.raises(UserError, match="half"):
        recognition_metrics(probabilities, labels, undefined="halve")
    with pytest.raises(ValueError, match=r"\(N, A\)"):
        recognition_metrics(probabilities, labels[:, :1])  # would broadcast
