"""The statistics of every comparison: thin, on scipy and statsmodels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 9_999
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: Mean of n values.
        std: Standard deviation with n - 1; NaN for one value.
        low: Lower end of the 95 % confidence interval of the mean; NaN for one value.
        high: Upper end.
        n: Number of values.
    """

    mean: float
    std: float
    low: float
    high: float
    n: int


def estimate(values: ArrayLike) -> Estimate:
    """Return mean, standard deviation (n - 1) and Student's 95 % interval of the mean.

    Args:
        values: ``(n,)``, n at least 1: one value a seed.
    """
    from scipy import stats

    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    if n == 1:
        return Estimate(mean, np.nan, np.nan, np.nan, 1)
    std = float(x.std(ddof=1))
    if std == 0:
        return Estimate(mean, 0.0, mean, mean, n)
    low, high = stats.t.interval(LEVEL, n - 1, loc=mean, scale=std / np.sqrt(n))
    return Estimate(mean, std, float(low), float(high), n)


def difference(values: ArrayLike, reference: ArrayLike) -> Estimate:
    """Return the estimate of ``values - reference``, paired seed by seed.

    Args:
        values: ``(n,)``.
        reference: ``(n,)``, of the same seeds in the same order.
    """
    return estimate(np.asarray(values, float) - np.asarray(reference, float))


def paired_test(scores: ArrayLike, reference: ArrayLike) -> float:
    """Return the two-sided p-value that two methods score alike on the same images or queries.

    A sign-flip permutation test of the mean difference (exact where few units allow it, else
    `RESAMPLES` resamples from a fixed seed).  No assumption about the scores' distribution.

    Args:
        scores: ``(units,)`` one score an image or query, averaged over seeds.
        reference: ``(units,)`` of the same units in the same order.
    """
    from scipy import stats

    gap = np.asarray(scores, float) - np.asarray(reference, float)
    if not gap.any():
        return 1.0
    found = stats.permutation_test(
        (gap,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=500,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method, in the same order."""
    if not len(p_values):
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]
