"""Vectors on disk: what was added is read, in parts, and a file written before is read the same."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from clear_bench.utils import vector_store
from clear_bench.utils.vector_store import open_store

KEYS = [f"key {k}" for k in range(7)]


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(len(KEYS), width)).astype(np.float32) for width in (3, 2)]


@pytest.mark.parametrize("variables", [1, 3, 7, 500])
def test_what_was_added_is_read_in_parts(monkeypatch, tmp_path, columns, variables):
    monkeypatch.setattr(vector_store, "VARIABLES", variables)
    file = tmp_path / "made/vectors.sqlite"
    with open_store(file, "image", "key", ("one", "other")) as store:
        assert store.read(KEYS) == {}
        store.add(KEYS[:4], *(column[:4] for column in columns))
    with open_store(file, "image", "key", ("one", "other")) as store:
        assert store.stored(KEYS) == set(KEYS[:4])
        store.add(KEYS[3:], *(column[3:] for column in columns))
        vectors = store.read([*KEYS, "never added"])
    assert set(vectors) == set(KEYS)
    for row, key in enumerate(KEYS):
        for vector, column in zip(vectors[key], columns, strict=True):
            np.testing.assert_array_equal(vector, column[row])


def test_a_block_is_added_whole_or_not_at_all(tmp_path, columns):
    with open_store(tmp_path / "x.sqlite", "image", "key", ("one", "other")) as store:
        with pytest.raises(ValueError, match="shorter"):
            store.add(KEYS, columns[0], columns[1][:-1])
        assert not store.stored(KEYS)


def test_files_of_earlier_versions_are_read(tmp_path, columns):
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as base, base:
        base.execute("CREATE TABLE embedding (sentence TEXT PRIMARY KEY, vector BLOB)")
        base.execute("INSERT INTO embedding VALUES (?, ?)", ("said", columns[0][0].tobytes()))
    with open_store(tmp_path / "x.sqlite", "embedding", "sentence", ("vector",)) as store:
        np.testing.assert_array_equal(store.read(["said"])["said"], [columns[0][0]])
