"""What the UPAR challenges measure beyond mAP and rank-k: mADM, and the scores that rank entries.

mADM is the official measure of the 2027 retrieval track, restated from a participant's public
re-implementation; the official code was not to be read.  The ranking scores of 2023 and 2024 are as
remembered from the literature ([M] in the project's notes): harmonic means of mA and instance F1
(recognition) and of mAP and rank-1 (retrieval).  Check them before calling a number official.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError


def mean_adm(
    score: Callable[[int, int], NDArray[np.floating[Any]]],
    queries: NDArray[np.integer[Any]],
    gallery: NDArray[np.integer[Any]],
    *,
    chunk: int = 64,
) -> float:
    """Return mADM: average precision that also credits images that nearly match.

    The agreement of a query and an image is the share of equal attributes; it is scaled over the
    gallery so that the mean becomes 0 (what is below too) and the largest 1.  Down the ranking,
    scaled agreements are summed and divided by the rank; the mean of this over the ranks of the
    exact matches is the query's ADM.  Images of equal score keep the order of the gallery.

    Args:
        score: Returns the scores ``(stop - start, N)`` of queries ``start`` to ``stop``.
        queries: ``(Q, A)`` of 0 and 1.
        gallery: ``(N, A)`` of 0 and 1.
        chunk: Queries to rank at once; memory grows with it, the result is the same.

    Raises:
        UserError: If a query has no exact match.
    """
    total = 0.0
    for start in range(0, len(queries), chunk):
        stop = min(start + chunk, len(queries))
        agreement = _agreement(queries[start:stop], gallery)
        order = np.argsort(-score(start, stop), axis=1, kind="stable")
        summed = np.cumsum(np.take_along_axis(_scaled(agreement), order, axis=1), axis=1)
        exact = np.take_along_axis(agreement == 1, order, axis=1)
        if not exact.any(axis=1).all():
            missing = start + int(np.argmin(exact.any(axis=1)))
            raise UserError(f"mADM is undefined: query {missing} has no exact match in the gallery")
        ranks = np.arange(1, len(gallery) + 1)
        total += float(((summed / ranks * exact).sum(axis=1) / exact.sum(axis=1)).sum())
    return total / len(queries)


def challenge_score(first: float, second: float) -> float:
    """Return the harmonic mean of two metrics, 0 if both are 0.

    The challenges of 2023 and 2024 rank by that of ``mA`` and ``f1_instance`` (recognition), and
    of ``mAP`` and ``rank1`` (retrieval) [M].
    """
    total = first + second
    return 2 * first * second / total if total else 0.0


def _agreement(
    queries: NDArray[np.integer[Any]], gallery: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return the share of equal attributes ``(n, N)``; counts are whole, so 1 is exactly 1."""
    one, other = np.asarray(queries, np.float64), np.asarray(gallery, np.float64)
    equal = one @ other.T + (1 - one) @ (1 - other).T
    return np.round(equal) / one.shape[1]


def _scaled(agreement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return agreements with the row's mean at 0 and its largest at 1; all 1 if all are equal."""
    mean = agreement.mean(axis=1, keepdims=True)
    span = agreement.max(axis=1, keepdims=True) - mean
    scaled = np.ones_like(agreement)
    np.divide(agreement - mean, span, out=scaled, where=span > 1e-12)
    return np.maximum(scaled, 0)
