"""Queries made up of what the training images show: more sentences than there are persons.

A text branch that has read a few hundred sentences knows little about the next one; sentences cost
nothing, and what each says is known (`ClearRetrieval.alignment`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import Dataset
from clear_bench.training.cache import Cache

Arrays = dict[str, NDArray[Any]]


def made_queries(
    dataset: Dataset,
    cache: Cache,
    rows: NDArray[np.intp],
    drawn: int,
    settings: Mapping[str, str] | None,
) -> Arrays:
    """Return code and text of queries that no image has.

    Args:
        dataset: The data.
        cache: For texts.
        rows: Training images.
        drawn: How many are drawn; 0 gives nothing.
        settings: Encoder and template of the text; None for a method that reads none.

    Returns:
        ``made_one_hot`` ``(M, H)`` and ``made_text`` ``(M, T)``, ``0 < M <= drawn``; or no array.
    """
    if not drawn or settings is None or settings["encoder"] == "none":
        return {}
    taken = np.concatenate([rows, dataset.rows("val"), dataset.rows("test")])
    vectors = made_vectors(dataset.labels[rows], dataset.schema.groups, drawn)
    known = {vector.tobytes() for vector in dataset.labels[taken]}
    vectors = vectors[[vector.tobytes() not in known for vector in vectors]]
    if not len(vectors):  # of few attributes every combination is there
        return {}
    text = cache.text(dataset.schema, vectors, settings)
    return {"made_one_hot": dataset.schema.one_hot(vectors), "made_text": text}


def made_vectors(
    labels: NDArray[np.integer], groups: list[list[int]], drawn: int
) -> NDArray[np.integer]:
    """Return distinct attribute vectors, each put together of two training images.

    Each exclusive group is that of the one image or of the other, by the toss of a coin; so every
    value is as frequent as in training, and what often goes together still does.  They are the
    same for every seed of a run: each encoder reads each sentence once.

    Args:
        labels: ``(N, A)`` of the training images.
        groups: Columns of each exclusive group.
        drawn: How many are drawn; those drawn twice count once.
    """
    random = np.random.default_rng(0)
    one, other = labels[random.integers(0, len(labels), (2, drawn))]
    made = one.copy()
    for columns in groups:
        coin = (random.random(drawn) < 0.5)[:, None]
        made[:, columns] = np.where(coin, other[:, columns], one[:, columns])
    return np.unique(made, axis=0)
