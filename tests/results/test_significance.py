"""Each metric is tested as what it is, on the same units, with several seeds."""

from types import SimpleNamespace

import numpy as np
import pytest

from clear_bench.results import significance
from clear_bench.results.significance import ALPHA, Comparison, compare, explanation, group_units
from clear_bench.results.unit_scores import Units
from clear_bench.utils.errors import UserError


@pytest.fixture
def groups(monkeypatch):
    """A function from a label and each seed's average precisions to a group."""
    monkeypatch.setattr(significance, "units_of", lambda folder, record: record)

    def make(label, *seeds, ids=None):
        numbers = np.arange(len(seeds[0])) if ids is None else np.array(ids)
        units = [Units(numbers, {"mAP": np.array(scores, float)}) for scores in seeds]
        runs = [SimpleNamespace(folder=None, record=each) for each in units]
        return SimpleNamespace(label=label, runs=runs)

    return make


@pytest.fixture
def recognisers(monkeypatch):
    """A function from a label and each seed's predictions to a group; half the labels are 1."""
    monkeypatch.setattr(significance, "units_of", lambda folder, record: record)
    labels = np.tile([[1, 0], [0, 1]], (100, 1)) == 1

    def make(label, *rights):
        runs = []
        for right in rights:
            scores = {"precision": right.mean(axis=1), "recall": right.mean(axis=1)}
            units = Units(np.arange(200), scores, labels, right)
            runs.append(SimpleNamespace(folder=None, record=units))
        return SimpleNamespace(label=label, runs=runs)

    return make


def test_seeds_on_unlike_units_are_refused(groups):
    group = groups("a", [1, 2], [3, 4])
    for place in (0, 1):
        other = groups("a", [1, 2], ids=[5, 6]).runs[0]
        runs = [other if k == place else run for k, run in enumerate(group.runs)]
        with pytest.raises(UserError, match="a: its seeds were measured on unlike units"):
            group_units(SimpleNamespace(label="a", runs=runs))


def test_all_but_the_reference_are_tested_and_corrected(groups):
    base = groups("base", np.zeros(10), np.zeros(10))
    ten, none = np.ones(10), np.tile([1, -1], 5)
    others = [groups("ten", 2 * ten, 0 * ten), groups("none", none, none)]
    empty = SimpleNamespace(label="empty", runs=[])
    elsewhere = groups("elsewhere", ten, ten, ids=range(1, 11))
    found = compare([base, *others, empty, elsewhere], base, ["mAP", "rank1"])
    assert found.p_values == {
        "mAP": {"ten": 2 * 2 / 2**10, "none": 1.0}
    }  # of rank1 nothing is kept
    assert found.untested == {"elsewhere": "measured on other units than base"}
    assert [found.differs(n, "mAP") for n in ("ten", "none", "base")] == [True, False, False]
    assert not found.differs("ten", "rank1")
    assert compare([base], base, ["mAP"]) == Comparison("base")


def test_a_skipped_query_has_no_part_in_a_test(groups):
    base, skipped = np.zeros(11), np.array([np.nan] + [1.0] * 10)
    found = compare([groups("a", skipped, skipped)], groups("base", base, base), ["mAP"])
    assert found.p_values["mAP"] == {"a": 2 / 2**10}


def test_one_seed_is_not_tested(groups):
    base = groups("base", np.zeros(10), np.zeros(10))
    found = compare([groups("one", np.ones(10))], base, ["mAP"])
    assert (found.p_values, found.untested) == ({}, {"one": significance.ONE_SEED})
    alone = groups("alone", np.zeros(10))
    assert compare([base], alone, ["mAP"]).untested == {"alone": significance.ONE_SEED}


def test_a_mark_stands_at_the_metric_that_differs(recognisers):
    rng = np.random.default_rng(0)
    good = rng.random((200, 2)) < 0.9
    poor = rng.random((200, 2)) < 0.5
    base = recognisers("base", good, good)
    found = compare([recognisers("poor", poor, poor), recognisers("same", good, good)], base,
                    ["mA", "precision", "f1"])  # fmt: skip
    for metric in ("mA", "precision", "f1"):
        assert found.differs("poor", metric)
        assert found.p_value("same", metric) == 1.0


def test_as_many_errors_on_a_rare_attribute_cost_more_mean_accuracy(groups):
    """Twenty images of each are wrong; but one method's are the twenty that have the attribute."""
    labels = np.arange(200)[:, None] < 20
    made = {}
    for name, wrong in (("a", np.arange(20, 40)), ("b", np.arange(20))):
        right = np.ones((200, 1), bool)
        right[wrong] = False
        scores = {"precision": right[:, 0].astype(float)}
        runs = [SimpleNamespace(folder=None, record=Units(np.arange(200), scores, labels, right))]
        made[name] = SimpleNamespace(label=name, runs=2 * runs)
    found = compare([made["b"]], made["a"], ["mA", "precision"])
    assert found.p_value("b", "precision") == 1.0
    assert found.differs("b", "mA")


def test_what_differs_is_below_5_percent():
    assert Comparison("a", {"mA": {"b": 0.0499}}).differs("b", "mA")
    assert not Comparison("a", {"mA": {"b": ALPHA}}).differs("b", "mA")
    assert ALPHA == 0.05
    assert "differs from x at 5 % in that metric, on the same test images" in explanation(
        "recognition", "x"
    )
    assert "on the same test queries" in explanation("retrieval", "x")
