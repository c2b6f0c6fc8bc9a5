"""Calibration and mean average precision where attributes are rare; their loops are beside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_metrics_recognition import data, ece_by_loop, tied

from clear_bench.metrics.calibration import calibration_errors
from clear_bench.metrics.recognition import per_attribute, recognition_metrics


@given(arrays=tied(), bins=st.integers(1, 9))
def test_calibration_equals_its_loop_at_any_number_of_bins(arrays, bins):
    """Levels such as 0.25 lie on the edges of four or eight bins."""
    values, labels = arrays
    found = calibration_errors(values, labels == 1, bins)
    for a in range(labels.shape[1]):
        assert found[a] == pytest.approx(ece_by_loop(values[:, a], labels[:, a], bins), abs=1e-9)


def test_attributes_that_nobody_has_are_left_out_of_map_but_not_of_calibration():
    labels = np.array([[1, 0], [0, 0], [1, 0]], np.uint8)
    values = np.array([[0.9, 0.4], [0.2, 0.4], [0.7, 0.4]])
    metrics = recognition_metrics(values, labels)
    assert metrics["mAP"] == 1
    assert metrics["ece"] == pytest.approx(((0.1 + 0.2 + 0.3) / 3 + 0.4) / 2)
    assert recognition_metrics(values, 0 * labels)["mAP"] == 0


def test_a_threshold_an_attribute_is_each_attribute_at_its_own():
    probabilities, labels = data()
    own = np.linspace(0.2, 0.8, labels.shape[1])
    table = per_attribute(probabilities, labels, own)
    for a, threshold in enumerate(own):
        alone = per_attribute(probabilities[:, [a]], labels[:, [a]], float(threshold))
        assert table["mA"][a] == alone["mA"][0]
    mean = recognition_metrics(probabilities, labels, own)["mA"]
    assert mean == pytest.approx(table["mA"].mean())
