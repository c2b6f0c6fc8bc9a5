"""The statistics of every comparison: thin, on scipy."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clear_bench.utils.kept_values import kept

RESAMPLES = 9_999
LEVEL = 0.95
FLIPS = 500  # rows of flipped signs at once; memory grows with it, the result is the same


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
    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    if n == 1:
        return Estimate(mean, np.nan, np.nan, np.nan, 1)
    std = float(x.std(ddof=1))
    if std == 0:
        return Estimate(mean, 0.0, mean, mean, n)
    half = _quantile(n - 1) * std / np.sqrt(n)
    return Estimate(mean, std, float(mean - half), float(mean + half), n)


@cache
def _quantile(degrees: int) -> float:
    """Return Student's quantile of a two-sided interval; a report asks for few of them often."""

    def make() -> float:
        from scipy.special import stdtrit  # even its import takes a while, scipy.stats' a second

        return float(stdtrit(degrees, (1 + LEVEL) / 2))

    return float(kept(lambda: ["Student's quantile", degrees, LEVEL, version("scipy")], make))


def difference(values: ArrayLike, reference: ArrayLike) -> Estimate:
    """Return the estimate of ``values - reference``, paired seed by seed.

    Args:
        values: ``(n,)``.
        reference: ``(n,)``, of the same seeds in the same order.
    """
    return estimate(np.asarray(values, float) - np.asarray(reference, float))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method (1979), in the same order.

    statsmodels, the twin in the tests, collects garbage in each call: 0.2 s beside 1,000 records.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, stepped)
    return [float(x) for x in corrected]


def paired_tests(scores: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Return the two-sided p-values ``(M,)`` that methods score like a reference, unit by unit.

    Sign-flip permutation tests of the mean difference, which assume nothing of the scores'
    distribution.  All methods share their flipped signs, so that many cost little more than one
    (scipy's own test, the twin in the tests, flips for each anew).  Exact where at most
    `RESAMPLES` ways to flip exist, else ``(1 + as extreme) / (1 + RESAMPLES)`` from a fixed seed
    (Phipson and Smyth, 2010).

    Args:
        scores: ``(M, units)`` one score an image or query, averaged over seeds.
        reference: ``(units,)`` of the same units in the same order.
    """
    gaps = (np.asarray(scores, float) - np.asarray(reference, float)).T
    units = len(gaps)
    gaps = gaps / units
    least = np.abs(gaps.sum(axis=0)) * (1 - 1e-9) - 1e-15  # sums of equal numbers differ a little
    exact = units < RESAMPLES.bit_length()
    total = 2**units if exact else RESAMPLES
    extreme = np.zeros(gaps.shape[1])
    rng = np.random.default_rng(0)
    for start in range(0, total, FLIPS):
        count = min(FLIPS, total - start)
        bits: NDArray[np.integer]
        if exact:
            bits = np.arange(start, start + count)[:, None] >> np.arange(units) & 1
        else:
            raw = rng.integers(0, 256, (count, -(-units // 8)), dtype=np.uint8)
            bits = np.unpackbits(raw, axis=1, count=units)
        extreme += (np.abs((2.0 * bits - 1.0) @ gaps) >= least).sum(axis=0)
    return extreme / total if exact else (1 + extreme) / (1 + total)
