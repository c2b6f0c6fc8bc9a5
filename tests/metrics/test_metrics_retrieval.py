"""Retrieval metrics against loops that walk down each ranking, scikit-learn and torchmetrics."""

import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score

from clear_bench.metrics.retrieval import BLOCK, metrics_of_scores, retrieval_metrics
from clear_bench.utils.errors import UserError

NAMES = ("mAP", "rank1", "rank5", "rank10", "mINP", "queries")


def of_matrix(scores, query_category, gallery_category, **rule):
    return metrics_of_scores(
        lambda start, stop: scores[start:stop], query_category, gallery_category, **rule
    )


def unit(rng, n, d=16):
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def split(n=150, q=20, seed=0):
    """Return queries, images and their categories; every category has an image."""
    rng = np.random.default_rng(seed)
    category = np.concatenate([np.arange(q), rng.integers(0, q, n - q)])
    return unit(rng, q), unit(rng, n), np.arange(q), rng.permutation(category)


@st.composite
def tied(draw):
    q, n = draw(st.integers(1, 6)), draw(st.integers(1, 14))
    elements = st.sampled_from([-1.0, -0.0, 0.0, 0.5])
    scores = draw(hnp.arrays(np.float32, (q, n), elements=elements))
    query = draw(hnp.arrays(np.int64, q, elements=st.integers(0, 3)))
    return scores, query, draw(hnp.arrays(np.int64, n, elements=st.integers(0, 3)))


def ranking_by_loop(scores, positive, ap):
    """Return (AP, rank of the first, inverse penalty) of one query, or None without positives."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    hits = [bool(positive[i]) for i in order]
    total = sum(hits)
    if not total:
        return None
    area, count, old_recall, old_precision = 0.0, 0, 0.0, 1.0
    for rank, hit in enumerate(hits, start=1):  # compute_AP.m of Market-1501, both conventions
        count += hit
        recall, precision = count / total, count / rank
        height = precision if ap == "mean" else (old_precision + precision) / 2
        area += (recall - old_recall) * height
        old_recall, old_precision = recall, precision
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
    return area, ranks[0], total / ranks[-1]


def metrics_by_loop(scores, query, gallery, ap, no_positives):
    rows = []
    for values, category in zip(scores, query, strict=True):
        row = ranking_by_loop(values.tolist(), gallery == category, ap)
        if row is not None:
            rows.append(row)
        elif no_positives == "zero":
            rows.append((0.0, math.inf, 0.0))
    if not rows:
        return None
    n = len(rows)
    shares = {f"rank{k}": sum(row[1] <= k for row in rows) / n for k in (1, 5, 10)}
    means = {"mAP": sum(r[0] for r in rows) / n, "mINP": sum(r[2] for r in rows) / n}
    return {**means, **shares, "queries": n}


@pytest.mark.parametrize("ap", ["mean", "trapezoid"])
@pytest.mark.parametrize("no_positives", ["skip", "zero"])
@given(arrays=tied(), chunk=st.integers(1, 7))
def test_ties_equal_the_loop(arrays, chunk, ap, no_positives):
    expected = metrics_by_loop(*arrays, ap, no_positives)
    rule = {"ap": ap, "no_positives": no_positives, "chunk": chunk}
    if expected is None:
        with pytest.raises(UserError, match="none of"):
            of_matrix(*arrays, **rule)
        return
    assert of_matrix(*arrays, **rule).metrics == pytest.approx(expected, abs=1e-12)


@given(arrays=tied())
def test_per_query_results(arrays):
    scores, query, gallery = arrays
    rows = [
        ranking_by_loop(s.tolist(), gallery == c, "mean")
        for s, c in zip(scores, query, strict=True)
    ]
    if any(rows):
        result = of_matrix(*arrays, no_positives="skip")
        ap = [row[0] if row else math.nan for row in rows]
        np.testing.assert_allclose(result.average_precision, ap, atol=1e-12)
        np.testing.assert_array_equal(
            result.rank_of_first, [row[1] if row else math.nan for row in rows]
        )
    result = of_matrix(*arrays, no_positives="zero")
    np.testing.assert_allclose(
        result.average_precision, [row[0] if row else 0 for row in rows], atol=1e-12
    )
    np.testing.assert_array_equal(
        result.rank_of_first, [row[1] if row else math.inf for row in rows]
    )


@given(arrays=tied())
def test_trapezoid_is_never_higher(arrays):
    mean = of_matrix(*arrays, no_positives="zero")
    trapezoid = of_matrix(*arrays, ap="trapezoid", no_positives="zero")
    assert (trapezoid.average_precision <= mean.average_precision + 1e-12).all()


@pytest.mark.parametrize("ap", ["mean", "trapezoid"])
def test_embeddings_equal_the_loop(ap):
    queries, images, query, gallery = split()
    scores = queries.astype(np.float64) @ images.astype(np.float64).T
    metrics = retrieval_metrics(queries, images, query, gallery, ap=ap).metrics
    assert tuple(metrics) == NAMES
    assert metrics == pytest.approx(metrics_by_loop(scores, query, gallery, ap, "error"))


def test_sklearn_and_torchmetrics_agree():
    # Here, since it takes a second to import: one worker of pytest-xdist does.
    from torchmetrics.functional.retrieval import retrieval_average_precision, retrieval_hit_rate
    from torchmetrics.retrieval import RetrievalMAP

    queries, images, query, gallery = split()
    scores = (queries.astype(np.float64) @ images.T.astype(np.float64)).astype(np.float32)
    assert all(len(set(row.tolist())) == len(row) for row in scores)
    result = retrieval_metrics(queries, images, query, gallery)
    shifted = torch.from_numpy(scores).double() + 2  # torchmetrics drops positives of score <= 0
    hits = {k: [] for k in (1, 5, 10)}
    for q, row in enumerate(scores):
        truth = gallery == query[q]
        preds, target = shifted[q], torch.from_numpy(truth)
        ap = result.average_precision[q]
        assert ap == pytest.approx(average_precision_score(truth, row))
        assert ap == pytest.approx(float(retrieval_average_precision(preds, target)), rel=1e-5)
        for k, values in hits.items():
            values.append(float(retrieval_hit_rate(preds, target, top_k=k)))
    for k, values in hits.items():
        assert result.metrics[f"rank{k}"] == pytest.approx(np.mean(values))
    target = torch.from_numpy(gallery == query[:, None])
    index = torch.arange(len(query))[:, None].expand_as(target)
    expected = RetrievalMAP()(shifted, target, indexes=index)
    assert result.metrics["mAP"] == pytest.approx(float(expected), rel=1e-5)


def test_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)  # hits at ranks 2 and 4
    arrays = scores, np.array([1]), np.array([0, 1, 0, 1])
    mean = of_matrix(*arrays)
    assert mean.metrics["mAP"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (mean.metrics["rank1"], mean.metrics["rank5"], mean.metrics["mINP"]) == (0, 1, 0.5)
    trapezoid = ((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2) / 2
    assert of_matrix(*arrays, ap="trapezoid").metrics["mAP"] == pytest.approx(trapezoid)


@pytest.mark.parametrize("ap", ["mean", "trapezoid"])
def test_perfect_ranking(ap):
    category = np.array([0, 1, 2, 1, 0, 2, 2])
    eye = np.eye(3, dtype=np.float32)
    result = retrieval_metrics(eye, eye[category], np.arange(3), category, ap=ap)
    assert result.metrics == {**dict.fromkeys(NAMES, 1.0), "queries": 3.0}


def test_constant_model_keeps_the_order_of_the_gallery():
    same = np.full((40, 7), 1 / math.sqrt(7), np.float32)
    gallery = np.arange(40)[::-1].copy()
    result = retrieval_metrics(same, same, np.arange(40), gallery)
    assert result.rank_of_first.tolist() == list(range(40, 0, -1))


def test_repeated_images_tie_whatever_the_chunk():
    queries, images, query, gallery = split(n=211, q=37)
    images = np.concatenate([images, images, images])
    gallery = np.random.default_rng(1).permutation(np.tile(gallery, 3))
    first = retrieval_metrics(queries, images, query, gallery)
    for chunk in (1, 2, 5, 36, 37, 1000):
        other = retrieval_metrics(queries, images, query, gallery, chunk=chunk)
        assert other.metrics == first.metrics
        np.testing.assert_array_equal(other.average_precision, first.average_precision)
        np.testing.assert_array_equal(other.rank_of_first, first.rank_of_first)


def test_single_image():
    one = np.ones((1, 1), np.float32)
    result = retrieval_metrics(one, one, np.array([5]), np.array([5]))
    assert result.metrics == dict.fromkeys(NAMES, 1.0)


def test_query_without_positives():
    scores = np.eye(2, dtype=np.float32)
    arrays = scores, np.array([0, 9]), np.array([0, 1])
    with pytest.raises(UserError, match=r"1 of 2 queries .* query 1; .*no_positives"):
        of_matrix(*arrays)
    skipped = of_matrix(*arrays, no_positives="skip")
    assert skipped.metrics == dict.fromkeys(NAMES, 1.0)
    assert math.isnan(skipped.average_precision[1])
    zero = of_matrix(*arrays, no_positives="zero")
    assert zero.metrics == {**dict.fromkeys(NAMES, 0.5), "queries": 2.0}
    assert zero.average_precision.tolist() == [1, 0]


def test_users_mistakes():
    queries, images, query, gallery = split()
    with pytest.raises(UserError, match="not a number"):
        retrieval_metrics(queries * np.nan, images, query, gallery)
    with pytest.raises(UserError, match="trapezoid"):
        retrieval_metrics(queries, images, query, gallery, ap="trapez")
    with pytest.raises(UserError, match="skip"):
        retrieval_metrics(queries, images, query, gallery, no_positives="skipp")
    with pytest.raises(UserError, match="nothing to rank"):
        retrieval_metrics(queries[:0], images, query[:0], gallery)
    with pytest.raises(UserError, match="nothing to rank"):
        of_matrix(np.zeros((1, 0)), np.array([0]), np.array([], int), no_positives="skip")
    with pytest.raises(ValueError, match="chunk"):
        retrieval_metrics(queries, images, query, gallery, chunk=0)
    with pytest.raises(ValueError, match="category"):
        retrieval_metrics(queries, images, query, gallery[:-1])
    with pytest.raises(ValueError, match="shape"):
        metrics_of_scores(lambda start, stop: queries, query, gallery)


def test_market_1501_in_size():
    """484 queries over 16,483 images take memory of scores, a few blocks."""
    rng = np.random.default_rng(0)
    q, n, d = 484, 16483, 128
    gallery = rng.permutation(np.concatenate([np.arange(q), rng.integers(0, q, n - q)]))
    queries, images = unit(rng, q, d), unit(rng, n, d)
    result = retrieval_metrics(queries, images, np.arange(q), gallery)
    assert result.metrics["queries"] == q
    tracemalloc.start()
    retrieval_metrics(queries, images, np.arange(q), gallery)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    scores, block = 4 * n * q, 8 * BLOCK * (q + d)
    assert peak < scores + 2 * block < 8 * n * q  # no product of the whole in float64
