"""One number over seeds and data sets: interquartile mean and probability of improvement.

Agarwal, Schwarzer, Castro, Courville, Bellemare: "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", NeurIPS 2021.  Intervals are those of a bootstrap that draws seeds anew
within each data set.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clear_bench.results.statistics import Estimate

RESAMPLES = 2_000
TAIL = 2.5  # per cent on either side of a 95 % interval
Floats = NDArray[np.float64]


def interquartile_mean(values: Sequence[ArrayLike]) -> Estimate:
    """Return the mean of the middle half of all values, with a 95 % bootstrap interval.

    Args:
        values: ``(seeds,)`` of each data set.
    """
    sets = [np.asarray(v, float) for v in values]
    return _estimate(sets, lambda drawn: _middle(np.concatenate(drawn, axis=1)))


def probability_of_improvement(
    values: Sequence[ArrayLike], others: Sequence[ArrayLike]
) -> Estimate:
    """Return how probable it is that a run of one method beats one of another, 0.5 if alike.

    The mean over data sets of the share of pairs of runs that are won; a tie is half a win.

    Args:
        values: ``(seeds,)`` of each data set.
        others: Of the other method, on the same data sets.
    """
    count = len(values)
    sets = [np.asarray(v, float) for v in (*values, *others)]

    def won(drawn: Sequence[Floats]) -> Floats:
        shares = []
        for mine, theirs in zip(drawn[:count], drawn[count:], strict=True):
            gaps = mine[:, :, None] - theirs[:, None, :]
            shares.append(((gaps > 0) + 0.5 * (gaps == 0)).mean(axis=(1, 2)))
        return np.mean(shares, axis=0)

    return _estimate(sets, won)


def _middle(values: Floats) -> Floats:
    """Return the mean of each row ``(R, n)`` without a quarter at either end."""
    cut = int(0.25 * values.shape[1])
    return np.sort(values, axis=1)[:, cut : values.shape[1] - cut].mean(axis=1)


def _estimate(sets: Sequence[Floats], measure: Callable[[Sequence[Floats]], Floats]) -> Estimate:
    """Return a measure of the values and its interval over resamples of each data set's seeds."""
    n = sum(map(len, sets))
    value = float(measure([s[None] for s in sets])[0])
    if min(map(len, sets)) < 2:
        return Estimate(value, np.nan, np.nan, np.nan, n)
    rng = np.random.default_rng(0)
    drawn = [s[rng.integers(0, len(s), (RESAMPLES, len(s)))] for s in sets]
    found = measure(drawn)
    low, high = np.percentile(found, [TAIL, 100 - TAIL])
    return Estimate(value, float(found.std(ddof=1)), float(low), float(high), n)
