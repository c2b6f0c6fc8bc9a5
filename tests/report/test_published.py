"""The published numbers: complete, in range, and consistent with themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clear_bench.config.plugins import available
from clear_bench.metrics.recognition import recognition_metrics

FILE = Path(__file__).parents[2] / "baselines" / "published.csv"
COLUMNS = [
    "method", "task", "dataset", "protocol", "f1_convention", "metric", "value", "source",
    "source_key",
]  # fmt: skip
RETRIEVAL = {"rank1", "rank5", "rank10", "mAP", "mINP"}


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(FILE, keep_default_na=False)


def test_every_row_says_what_and_whence(table):
    assert list(table.columns) == COLUMNS
    for column in ("method", "task", "dataset", "protocol", "metric", "source", "source_key"):
        assert (table[column].str.strip() != "").all()
    assert set(table["method"]) <= set(available("method"))
    labels = np.array([[1, 0], [0, 1]], np.uint8)
    recognition = set(recognition_metrics(labels.astype(float), labels))
    for task, metric in zip(table["task"], table["metric"], strict=True):
        assert metric in {"recognition": recognition, "retrieval": RETRIEVAL}[task]
    assert table["value"].between(0, 100).all()
    assert (table["value"] > 1).all()  # per cent, not fractions


def test_no_number_stands_twice(table):
    key = ["method", "task", "dataset", "protocol", "metric", "f1_convention"]
    assert not table.duplicated(key).any()


def test_f1_has_a_convention_that_its_precision_and_recall_bear_out(table):
    is_f1 = table["metric"].isin(["f1", "f1_instance"])
    assert (table["f1_convention"] != "")[is_f1].all()
    assert (table["f1_convention"] == "")[~is_f1].all()
    assert set(table["f1_convention"]) <= {"", "of_means", "mean_of_f1", "unclear"}
    for _, rows in table[table["task"] == "recognition"].groupby(
        ["method", "dataset", "protocol", "source_key"]
    ):
        value = dict(zip(rows["metric"], rows["value"], strict=True))
        if "precision" not in value:
            continue
        (convention,) = set(rows["f1_convention"]) - {""}
        p, r = value["precision"], value["recall"]
        f1 = value.get("f1", value.get("f1_instance"))
        difference = f1 - 2 * p * r / (p + r)
        if convention == "of_means":
            assert abs(difference) < 0.03
        elif convention == "mean_of_f1":
            assert "f1_instance" in value and -1 < difference < -0.05
        else:
            assert abs(difference) > 0.03
