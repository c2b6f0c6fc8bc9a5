"""Interquartile mean and probability of improvement, against slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, trim_mean

from clear_bench.results.aggregate import interquartile_mean, probability_of_improvement

SETS = st.lists(
    st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.35, 0.5, 0.7]), min_size=2, max_size=5),
    min_size=1, max_size=4,
)  # fmt: skip


@given(SETS)
def test_the_mean_is_scipys_trimmed_one(sets):
    found = interquartile_mean(sets)
    assert found.mean == pytest.approx(trim_mean([v for s in sets for v in s], 0.25))
    assert found.low - 1e-12 <= found.high
    assert found.n == sum(map(len, sets))


@given(SETS, st.integers(0, 9))
def test_improvement_is_mann_and_whitneys_share(sets, seed):
    rng = np.random.default_rng(seed)
    others = [rng.choice(s, 3) for s in sets]
    shares = [mannwhitneyu(a, b).statistic / (len(a) * len(b))
              for a, b in zip(sets, others, strict=True)]  # fmt: skip
    found = probability_of_improvement(sets, others)
    assert found.mean == pytest.approx(np.mean(shares))
    back = probability_of_improvement(others, sets)
    assert found.mean + back.mean == pytest.approx(1.0)


def test_the_interval_is_that_of_a_loop():
    sets = list(np.random.default_rng(3).random((2, 9)))
    found = interquartile_mean(sets)
    rng = np.random.default_rng(7)
    drawn = [trim_mean(np.concatenate([rng.choice(s, len(s)) for s in sets]), 0.25)
             for _ in range(4000)]  # fmt: skip
    assert [found.low, found.high] == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.04)


def test_one_seed_has_no_interval():
    found = interquartile_mean([[0.5], [0.7]])
    assert found.mean == pytest.approx(0.6)
    assert np.isnan(found.low)
