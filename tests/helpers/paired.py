"""The slow twin of `stats.paired_tests`."""

import numpy as np
from scipy import stats

from clear_bench.results.statistics import RESAMPLES


def paired_test(scores, reference):
    """Return the p-value of one sign-flip permutation test, by scipy."""
    gap = scores - reference
    if not gap.any():
        return 1.0
    return stats.permutation_test(
        (gap,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).pvalue
