"""Calibration: is an attribute there as often as its probability says?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def calibration_errors(
    probabilities: NDArray[np.floating[Any]],
    actual: NDArray[np.bool_],
    bins: int = BINS,
    *,
    known: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the expected calibration error of each attribute.

    Guo et al., ICML 2017, for one attribute's probabilities: images fall into ``bins`` bins of
    equal width, each closed above (0 belongs to the first); the error is the mean over images of
    the distance, in their bin, between mean probability and share of positives.  An attribute
    without positives (or without negatives) has one like any other: its share is 0 (or 1).

    Args:
        probabilities: ``(N, A)`` floats from 0 to 1.
        actual: ``(N, A)`` whether each image has each attribute.
        bins: How many.
        known: ``(N, A)`` of which images it is known; None for all.

    Returns:
        ``(A,)`` fractions of 1; 0 is perfect, NaN where it is known of no image.
    """
    values = np.asarray(probabilities, np.float64)
    count, attributes = values.shape
    place = np.searchsorted(np.arange(1, bins) / bins, values)
    cell = (place + bins * np.arange(attributes)).ravel()
    # Sums, not means: the weight of a bin is its number of images, so the two cancel.
    apart = values - actual if known is None else np.where(known, values - actual, 0)
    surplus = np.bincount(cell, apart.ravel(), minlength=bins * attributes)
    total = np.abs(surplus).reshape(attributes, bins).sum(axis=1)
    if known is None:
        return total / count
    images = known.sum(axis=0)
    return np.divide(total, images, out=np.full(attributes, np.nan), where=images > 0)
