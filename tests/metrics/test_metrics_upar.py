"""UPAR's mADM and ranking score against loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.metrics.upar import challenge_score, mean_adm
from clear_bench.utils.errors import UserError


def adm_by_loop(scores, query, gallery):
    """Return UPAR's ADM of one query, step by step."""
    images = range(len(gallery))
    agreement = [sum(a == b for a, b in zip(query, image, strict=True)) / len(query)
                 for image in gallery]  # fmt: skip
    mean, largest = sum(agreement) / len(agreement), max(agreement)
    scaled = [
        1.0 if math.isclose(largest, mean) else max(0.0, (a - mean) / (largest - mean))
        for a in agreement
    ]
    total, values = 0.0, []
    for rank, i in enumerate(sorted(images, key=lambda i: (-scores[i], i)), start=1):
        total += scaled[i]
        if list(gallery[i]) == list(query):
            values.append(total / rank)
    return sum(values) / len(values)


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_madm_equals_the_loop(seed, chunk):
    rng = np.random.default_rng(seed)
    gallery = rng.integers(0, 2, (12, 3)).astype(np.uint8)
    queries = np.unique(gallery, axis=0)
    scores = rng.integers(0, 4, (len(queries), 12)).astype(np.float32)
    expected = [adm_by_loop(s.tolist(), q, gallery) for s, q in zip(scores, queries, strict=True)]
    madm = mean_adm(lambda a, b: scores[a:b], queries, gallery, chunk=chunk)
    assert madm == pytest.approx(np.mean(expected))


def test_madm_of_perfect_and_of_alike_images_is_1_and_without_a_match_undefined():
    gallery = np.array([[1, 1], [1, 0], [0, 0]])
    agree = (gallery @ gallery.T + (1 - gallery) @ (1 - gallery).T).astype(float)
    assert mean_adm(lambda a, b: agree[a:b], gallery, gallery) == pytest.approx(1)
    assert mean_adm(lambda a, b: np.zeros((1, 3)), gallery[:1], gallery[[0, 0, 0]]) == 1
    with pytest.raises(UserError, match="query 0 has no exact match"):
        mean_adm(lambda a, b: np.zeros((1, 3)), np.array([[0, 1]]), gallery)


@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
def test_the_first_query_without_a_match_is_named(chunk):
    gallery = np.array([[1, 1], [1, 0], [0, 0]])
    queries = np.array([[1, 1], [0, 0], [1, 0], [0, 1], [0, 1]])
    with pytest.raises(UserError, match="query 3 has no exact match"):
        mean_adm(lambda a, b: np.zeros((b - a, 3)), queries, gallery, chunk=chunk)


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_challenge_score_is_the_harmonic_mean(one, other):
    assert challenge_score(one, other) == pytest.approx(1 / ((1 / one + 1 / other) / 2))
    assert challenge_score(0, 0) == challenge_score(one, 0) == 0
