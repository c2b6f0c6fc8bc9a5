"""One threshold an attribute, chosen on val."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.unknown_labels import UNKNOWN

Floats = NDArray[np.float64]
FIXED = 0.5
"""Where nothing can be chosen by, and where nothing is better."""


def chosen_thresholds(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], by: Literal["mA", "f1"]
) -> Floats:
    """Return the threshold of each attribute that makes its own ``by`` largest on these images.

    Tried are 0.5, half of the lowest probability, and the middle between each probability and the
    next higher one; any other threshold decides like one of these, or predicts nothing.  Of equally
    good ones the nearest to 0.5 is taken, of two equally near ones the lower.  An attribute that
    all images have, or none, keeps 0.5: there is nothing to choose by.  Images of which it is
    unknown do not count.

    Args:
        probabilities: ``(N, A)`` of val.
        labels: ``(N, A)`` 0, 1 or `UNKNOWN`.
        by: ``mA``, the mean of an attribute's true positive and true negative rates, or ``f1``.

    Returns:
        ``(A,)``; an attribute is predicted where its probability is strictly greater.
    """
    columns = zip(np.asarray(probabilities, np.float64).T, labels.T, strict=True)
    known = ((values, truth, truth != UNKNOWN) for values, truth in columns)
    return np.array([_threshold(values[k], truth[k] == 1, by) for values, truth, k in known])


def _threshold(values: Floats, actual: NDArray[np.bool_], by: str) -> float:
    """Return the best threshold of one attribute."""
    present = int(actual.sum())
    absent = len(actual) - present
    if not present or not absent:
        return FIXED
    order = np.argsort(values)
    ranked, hits = values[order], np.concatenate([[0], np.cumsum(actual[order])])
    distinct = np.unique(ranked)
    tried = np.concatenate([[FIXED, distinct[0] / 2], (distinct[1:] + distinct[:-1]) / 2])
    below = np.searchsorted(ranked, tried, side="right")  # images that are not predicted
    true = present - hits[below]
    predicted = len(values) - below
    if by == "mA":
        score = true / present + (absent - (predicted - true)) / absent
    else:
        score = 2 * true / (predicted + present)
    best = np.flatnonzero(score == score.max())
    return float(min(tried[best], key=lambda value: (abs(value - FIXED), value)))
