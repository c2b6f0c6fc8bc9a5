"""Counts of bytes against numpy's own sums."""

import numpy as np
import pytest

from clear_bench.metrics.counts import MOST, count_columns, count_rows


@pytest.mark.parametrize("rows", [1, 2, MOST - 1, MOST, MOST + 1, 2 * MOST, 3 * MOST + 7])
@pytest.mark.parametrize("columns", [1, 5, MOST, MOST + 1, 600])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_counts_are_sums(rows, columns, share):
    flags = np.random.default_rng(0).random((rows, columns)) < share
    for each in (flags, np.asfortranarray(flags), flags[::-1]):
        assert count_rows(each).tolist() == each.sum(axis=1).tolist()
        assert count_columns(each).tolist() == each.sum(axis=0).tolist()
