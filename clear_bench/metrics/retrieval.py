"""Metrics of rankings: one query per attribute category, all images of a split as the gallery.

An image is a positive of a query if both have the same category.  Images are ranked by falling
score; images of equal score keep the order of the gallery (or its reverse, if asked), so that a
result is reproducible even for a model that scores every image alike.
"""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clear_bench.metrics.ranks import Pairs, Positives, Ties
from clear_bench.utils.errors import UserError, unknown
from clear_bench.utils.progress import track

Floats = NDArray[np.float64]
AveragePrecision = Literal["mean", "trapezoid"]
NoPositives = Literal["error", "skip", "zero"]
Score = Callable[[int, int], NDArray[np.floating[Any]]]
TOP = (1, 5, 10)  # of rank-k
WHOLE = 2**27  # bytes of a gallery that is held in float64 as a whole
BLOCK = 2048  # images whose products with a chunk of queries are held in float64 at once
SCORES, MOST = 2**28, 512  # bytes of the scores of a chunk of queries, and queries of a chunk


@dataclass(frozen=True)
class RetrievalResult:
    """Metrics of a ranking.

    Args:
        metrics: See `metrics_of_scores`.
        average_precision: ``(Q,)`` float64; NaN for a skipped query.
        rank_of_first: ``(Q,)`` float64 rank of the first positive, from 1; infinite for a query
            without positives, NaN if it is skipped.
    """

    metrics: dict[str, float]
    average_precision: Floats
    rank_of_first: Floats


def retrieval_metrics(
    queries: NDArray[np.float32],
    images: NDArray[np.float32],
    query_category: NDArray[np.integer[Any]],
    gallery_category: NDArray[np.integer[Any]],
    *,
    ap: AveragePrecision = "mean",
    no_positives: NoPositives = "error",
    ties: Ties = "index",
    removed: Pairs | None = None,
    chunk: int | None = None,
) -> RetrievalResult:
    """Return the metrics of ranking images by their dot product with each query.

    Products are summed in float64 and then rounded to float32.  A float32 sum depends in its last
    bits on the shape of the block it is computed in, which would make equal images differ and
    break their ties by chance.

    Args:
        queries: ``(Q, d)`` query embeddings, of length 1.
        images: ``(N, d)`` image embeddings, of length 1.
        query_category: ``(Q,)``.
        gallery_category: ``(N,)``; -1 for an image that is a positive of none.
        ap: See `metrics_of_scores`.
        no_positives: See `metrics_of_scores`.
        ties: See `metrics_of_scores`.
        removed: See `metrics_of_scores`.
        chunk: See `metrics_of_scores`.

    Raises:
        UserError: See `metrics_of_scores`.
        ValueError: The shapes do not fit.
    """
    if len(queries) != len(query_category) or len(images) != len(gallery_category):
        raise ValueError("every query and every image needs one category")
    return metrics_of_scores(
        dot_products(queries, images),
        query_category,
        gallery_category,
        ap=ap,
        no_positives=no_positives,
        ties=ties,
        removed=removed,
        chunk=chunk,
    )


def dot_products(queries: NDArray[np.float32], images: NDArray[np.float32]) -> Score:
    """Return the function that gives the products of some queries with all images, in float32.

    Args:
        queries: ``(Q, d)``.
        images: ``(N, d)``.  A gallery too large for memory may be a memory-mapped array: it is
            read in blocks, and each block's memory is given back.
    """
    again = len(queries) > MOST  # then the gallery is read more than once
    small = 8 * images.size <= WHOLE and not isinstance(images, np.memmap)
    gallery = np.asarray(images, np.float64) if again and small else images

    def score(start: int, stop: int) -> NDArray[np.float32]:
        asked = np.asarray(queries[start:stop], np.float64)
        scores = np.empty((len(asked), len(images)), np.float32)
        room = np.empty(len(asked) * min(BLOCK, len(images)))  # fresh memory costs more than sums
        for first in range(0, len(images), BLOCK):
            some = np.asarray(gallery[first : first + BLOCK], np.float64)
            product = room[: len(asked) * len(some)].reshape(len(asked), len(some))
            np.matmul(asked, some.T, out=product)
            scores[:, first : first + BLOCK] = product
            _give_back(images)
        return scores

    return score


def _give_back(images: NDArray[np.float32]) -> None:
    """Let the pages of a memory-mapped array go; they are read again when they are needed."""
    mapped = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def metrics_of_scores(
    score: Score,
    query_category: NDArray[np.integer[Any]],
    gallery_category: NDArray[np.integer[Any]],
    *,
    ap: AveragePrecision = "mean",
    no_positives: NoPositives = "error",
    ties: Ties = "index",
    removed: Pairs | None = None,
    chunk: int | None = None,
) -> RetrievalResult:
    """Return the metrics of ranking images by given scores.

    Average precision is, over the positives of a query, the mean of

    - ``"mean"``: the precision at the rank of the positive;
    - ``"trapezoid"``: the mean of the precisions at that rank and at the rank before, which is 1
      before the first rank.  The evaluation code of Market-1501 (Zheng et al., ICCV 2015) and
      ASMR (Jeong et al., ICCV 2021) do this; it is the lower one unless the ranking is perfect.

    Args:
        score: Returns the scores ``(stop - start, N)`` of queries ``start`` to ``stop``, higher
            is better.
        query_category: ``(Q,)``.
        gallery_category: ``(N,)``; -1 for an image that is a positive of none.
        ap: Convention of average precision, see above.
        no_positives: A query without positives is an ``"error"``, leaves every mean
            (``"skip"``) or counts as 0 in every mean (``"zero"``).
        ties: Images of equal score come in the order of the gallery (``"index"``) or in its
            reverse (``"reversed"``).
        removed: ``(R,)`` queries and ``(R,)`` images: pairs to leave out, so that the ranks are
            those of a gallery without that image: by a rule of the protocol, or because nobody
            knows whether they match (`clear_bench.data.unknown_labels`).
        chunk: Queries to rank at once; memory grows with it, the result is the same.  None takes
            as many as have their scores in 256 MB, at most 512.

    Returns:
        Result with metrics ``mAP``; ``rank1``, ``rank5`` and ``rank10``, the shares of queries
        with a positive among the first k; ``mINP``, the mean of positives over the rank of the
        last positive (Ye et al., TPAMI 2021); and ``queries``, how many count.

    Raises:
        UserError: A query has no positives and the rule is ``"error"``; no query counts; a score
            is not a number; a convention is unknown.
        ValueError: ``chunk`` is below 1; ``score`` returns another shape.
    """
    if chunk is None:
        chunk = int(np.clip(SCORES // (4 * max(len(gallery_category), 1)), 1, MOST))
    _check_rules(ap, ties, chunk, len(query_category))
    query_category, gallery_category = np.asarray(query_category), np.asarray(gallery_category)
    positives = Positives(query_category, gallery_category, removed)
    ranks: list[NDArray[np.intp]] = []
    for start in track(range(0, len(query_category), chunk), "rank images"):
        stop = min(start + chunk, len(query_category))
        scores = _checked(score(start, stop), (stop - start, len(gallery_category)))
        ranks += positives.ranks(scores, start, ties)
        del scores  # before the next ones are made: of a large gallery they are large
    precision, first, inverse, answerable = _measure(ranks, ap)
    counted = _counted(answerable, no_positives)
    precision[~counted], first[~counted] = np.nan, np.nan
    metrics = {"mAP": float(precision[counted].mean())}
    metrics |= {f"rank{k}": float((first[counted] <= k).mean()) for k in TOP}
    metrics |= {"mINP": float(inverse[counted].mean()), "queries": float(counted.sum())}
    return RetrievalResult(metrics, precision, first)


def _check_rules(ap: str, ties: str, chunk: int, queries: int) -> None:
    """Raise if a rule or the size of a chunk is none, or there are no queries."""
    if not queries:
        raise UserError("nothing to rank: there are no queries")
    if ap not in ("mean", "trapezoid"):
        raise unknown("convention of average precision", ap, ("mean", "trapezoid"))
    if ties not in ("index", "reversed"):
        raise unknown("rule for equal scores", ties, ("index", "reversed"))
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")


def _counted(answerable: NDArray[np.bool_], no_positives: NoPositives) -> NDArray[np.bool_]:
    """Return which queries enter the means ``(Q,)``, given which have positives."""
    if no_positives not in ("error", "skip", "zero"):
        rules = ("error", "skip", "zero")
        raise unknown("rule for queries without positives", no_positives, rules)
    missing = np.flatnonzero(~answerable)
    if no_positives == "error" and len(missing):
        raise UserError(
            f"{len(missing)} of {len(answerable)} queries have no image in the gallery, the first "
            f"is query {missing[0]}; set protocol.no_positives=skip or zero"
        )
    counted = answerable if no_positives == "skip" else np.ones_like(answerable)
    if not counted.any():
        raise UserError(f"nothing to rank: none of {len(answerable)} queries counts")
    return counted


def _checked(
    scores: NDArray[np.floating[Any]], shape: tuple[int, int]
) -> NDArray[np.floating[Any]]:
    """Return scores after a look at their shape and for NaN."""
    scores = np.asarray(scores)
    if scores.shape != shape:
        raise ValueError(f"scores have shape {scores.shape}, expected {shape}")
    if scores.size and np.isnan(scores.max()):  # NaN if any is
        raise UserError("a score is not a number; the model has diverged, lower train.lr")
    return scores


def _measure(
    ranks: list[NDArray[np.intp]], ap: AveragePrecision
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Return the metrics of queries from the ascending ranks ``(P,)`` of each one's positives.

    Returns:
        Average precision, rank of the first positive, positives over the rank of the last, and
        whether there are any, each ``(Q,)``; 0, infinity and 0 for a query without positives.
    """
    count = np.array([len(each) for each in ranks])
    query, rank = np.repeat(np.arange(len(ranks)), count), np.concatenate(ranks)
    end = np.cumsum(count)
    nth = np.arange(1, len(rank) + 1) - (end - count)[query]  # 1 for a query's first positive
    precision = nth / rank
    if ap == "trapezoid":
        # Before the first rank nothing is retrieved; the code of Market-1501 takes that for 1.
        before = np.where(rank > 1, (nth - 1) / np.maximum(rank - 1, 1), 1.0)
        precision = (precision + before) / 2
    some = count > 0
    average, inverse = np.zeros(len(count)), np.zeros(len(count))
    first = np.full(len(count), np.inf)
    summed = np.bincount(query, weights=precision, minlength=len(count))
    average[some] = summed[some] / count[some]
    first[some] = rank[(end - count)[some]]
    inverse[some] = count[some] / rank[end[some] - 1]
    return average, first, inverse, some
