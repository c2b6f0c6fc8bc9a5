"""Labels that nobody knows: the third value, from reader to table.

What holds everywhere: an unknown label teaches nothing (it is left out of every loss and share),
measures nothing (it is left out of every metric) and decides nothing.  A query and an image match
if they are equal in every attribute, so their truth is that of a conjunction of three values
(Kleene): one known difference makes it a mismatch whatever is unknown; without one, an unknown
label leaves it open, and then the query does not rank the image.
"""

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 255
"""A label that is neither 0 nor 1."""

BLOCK = 512  # images compared with all queries at once


def fully_known(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which rows of ``(N, A)`` labels have no unknown one, ``(N,)``."""
    return (labels != UNKNOWN).all(axis=1)


def positive_shares(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the share of positives among each attribute's known labels: ``(A,)`` of ``(N, A)``.

    NaN where none is known.
    """
    present, known = (labels == 1).sum(axis=0), (labels != UNKNOWN).sum(axis=0)
    shares = np.full(labels.shape[1], np.nan)
    return np.divide(present, known, out=shares, where=known > 0)


def undecided(
    vectors: NDArray[np.integer], labels: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of query and image of which nobody knows whether they match.

    These agree wherever the image's label is known, and some are not.

    Args:
        vectors: ``(Q, A)`` of 0 and 1.
        labels: ``(N, A)`` of 0, 1 and `UNKNOWN`.

    Returns:
        ``(R,)`` rows of ``vectors`` and ``(R,)`` rows of ``labels``, by ascending image.
    """
    open_rows = np.flatnonzero(~fully_known(labels))
    asked = vectors.astype(np.float32)  # counts below 2^24, so sums are exact
    queries, images = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for start in range(0, len(open_rows), BLOCK):
        rows = open_rows[start : start + BLOCK]
        present, absent = ((labels[rows] == value).astype(np.float32) for value in (1, 0))
        image, query = np.nonzero(present @ (1 - asked).T + absent @ asked.T == 0)
        queries.append(query)
        images.append(rows[image])
    return np.concatenate(queries), np.concatenate(images)
