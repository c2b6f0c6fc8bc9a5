"""Statistics by hand, by enumeration of all sign flips, and by Holm's own procedure."""

from itertools import product
from math import isnan, sqrt

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from clear_bench.results.statistics import RESAMPLES, difference, estimate, holm, paired_tests


def test_an_estimate_by_hand():
    found = estimate([1.0, 2.0, 6.0])
    half = 4.302652729749464 * sqrt(7 / 3)  # Student's quantile of two degrees
    assert (found.mean, found.n) == (3.0, 3)
    assert found.std == pytest.approx(sqrt(7))
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))


def test_one_value_and_equal_values():
    one = estimate([4.0])
    assert (one.mean, one.n) == (4.0, 1)
    assert isnan(one.std) and isnan(one.low) and isnan(one.high)
    same = estimate([4.0, 4.0])
    assert (same.mean, same.std, same.low, same.high, same.n) == (4.0, 0.0, 4.0, 4.0, 2)


def test_a_difference_is_paired():
    found = difference([1.0, 5.0], [2.0, 3.0])
    assert (found.mean, found.n) == (0.5, 2)
    assert found.std == pytest.approx(1.5 * sqrt(2))


def holm_by_hand(p_values):
    """Return the p-values, from the smallest on, times how many are left, never falling."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = largest
    return corrected


@pytest.mark.parametrize("count", range(9))
def test_holm_by_its_procedure(count):
    for seed in range(5):
        p_values = (np.random.default_rng(seed).random(count) ** 3).round(2).tolist()
        assert holm(p_values) == pytest.approx(holm_by_hand(p_values))
        if count == 8 and not seed:
            assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def by_enumeration(gaps):
    """Return the share of all sign flips whose mean is as far from 0."""
    least = abs(sum(gaps)) - 1e-9
    flips = list(product((-1, 1), repeat=len(gaps)))
    return sum(abs(np.dot(signs, gaps)) >= least for signs in flips) / len(flips)


@pytest.mark.parametrize("units", [1, 2, 7, 10, 13])
def test_few_units_are_tested_exactly(units):
    rng = np.random.default_rng(units)
    gaps = np.stack([rng.integers(-3, 4, units), rng.integers(-1, 6, units), np.ones(units)])
    reference = rng.random(units).round(2)
    found = paired_tests(gaps + reference, reference)
    assert found.tolist() == [by_enumeration(each.tolist()) for each in gaps]


@pytest.mark.parametrize("units", [14, 15, 17, 64, 65])
def test_many_units_are_resampled(units):
    """Beyond 2^13 ways the p-value is of 9,999 flips and the one that was seen."""
    (found,) = paired_tests(np.full((1, units), 1.0), np.zeros(units))
    counted = found * (1 + RESAMPLES)
    assert counted == pytest.approx(round(counted), abs=1e-9)
    assert 1 <= round(counted) <= 10
    assert found * 2**units != 2


@pytest.mark.parametrize("units", [15, 64, 71, 80, 201])
@pytest.mark.parametrize("end", [slice(0, 8), slice(-8, None)])
def test_every_unit_is_flipped(units, end):
    """Eight equal gaps at an end and none elsewhere: 2 of 2^8 ways to flip are as extreme."""
    gaps = np.zeros((1, units))
    gaps[0, end] = 1.0
    assert paired_tests(gaps, np.zeros(units)) == pytest.approx(2 / 2**8, abs=0.004)
