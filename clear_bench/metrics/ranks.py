"""The rank of each positive in a ranking, without ranking the rest.

All metrics of a ranking follow from the ranks of a query's positives, of which there are few.  The
rank of one is the number of images that come before it, so it is counted, and the gallery is only
sorted for a query with very many.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ties = Literal["index", "reversed"]
Pairs = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]
Rows = NDArray[np.intp]
MANY = 200  # positives, from which on sorting is faster than counting (measured at 16,000 images)


class Positives:
    """Which images answer which query.

    Args:
        query_category: ``(Q,)``.
        gallery_category: ``(N,)``.
        removed: ``(R,)`` queries and ``(R,)`` images, see `metrics_of_scores`.
    """

    def __init__(
        self,
        query_category: NDArray[np.integer[Any]],
        gallery_category: NDArray[np.integer[Any]],
        removed: Pairs | None,
    ) -> None:
        self.order = np.argsort(gallery_category, kind="stable")
        ordered = gallery_category[self.order]
        self.low = np.searchsorted(ordered, query_category, side="left")
        self.high = np.searchsorted(ordered, query_category, side="right")
        self.removed: dict[int, list[int]] = {}
        for query, image in zip(*removed, strict=True) if removed else ():
            self.removed.setdefault(int(query), []).append(int(image))

    def ranks(
        self, scores: NDArray[np.floating[Any]], start: int, ties: Ties
    ) -> Iterator[NDArray[np.intp]]:
        """Yield the ascending ranks ``(P,)``, from 1, of the positives of consecutive queries.

        Args:
            scores: ``(n, N)`` of queries ``start`` to ``start + n``, without NaN.
            start: Number of the first query.
            ties: See `metrics_of_scores`.
        """
        for query, row in enumerate(scores, start):
            places = self.order[self.low[query] : self.high[query]]
            if query in self.removed:
                gone = np.unique(self.removed[query])
                places = np.setdiff1d(places, gone)
                places = places - np.searchsorted(gone, places)
                row = np.delete(row, gone)
            yield ranks_of(row, places, ties)


def ranks_of(scores: NDArray[np.floating[Any]], places: Rows, ties: Ties) -> Rows:
    """Return the ascending ranks ``(P,)``, from 1, of some images in a ranking by falling score.

    Args:
        scores: ``(N,)`` without NaN.
        places: ``(P,)`` distinct images.
        ties: Whether images of equal score come in the order of the gallery (``"index"``) or in
            its reverse (``"reversed"``).
    """
    if len(places) > MANY:
        return _by_sorting(scores, places, ties)
    # An equal score counts on the side of the gallery that comes first.
    before, after = (np.greater_equal, np.greater)[:: 1 if ties == "index" else -1]
    ranks = np.empty(len(places), np.intp)
    for number, place in enumerate(places):
        value = scores[place]
        ranks[number] = 1 + np.count_nonzero(before(scores[:place], value))
        ranks[number] += np.count_nonzero(after(scores[place + 1 :], value))
    ranks.sort()
    return ranks


def _by_sorting(scores: NDArray[np.floating[Any]], places: Rows, ties: Ties) -> Rows:
    """Do what `ranks_of` does by ranking all images."""
    if ties == "index":
        order = np.argsort(-scores, kind="stable")
    else:
        order = np.argsort(scores, kind="stable")[::-1]
    rank = np.empty(len(scores), np.intp)
    rank[order] = np.arange(1, len(scores) + 1)
    return np.sort(rank[places])
