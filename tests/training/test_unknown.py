"""Unknown labels from a data set to a record, a ranking and a report, against loops."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import TINY

from clear_bench.config.protocol import Protocol
from clear_bench.data import load
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.results.predictions import arrays_of, attribute_again, metrics_again
from clear_bench.results.unit_scores import units_of
from clear_bench.training import plan as planning
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.gallery import gallery_of
from clear_bench.training.recognition import left_out
from clear_bench.utils.errors import Unavailable, UserError

ONE = {
    **TINY, "recognition.train.epochs": 1, "retrieval.train.epochs": 1,
    "recognition.train.warmup_epochs": 0, "data.identities": 1.0,
}  # fmt: skip


def forgetful(dataset, share=0.015, seed=0):
    """Return a data set some of whose labels nobody knows."""
    rng = np.random.default_rng(seed)
    manifest = dataset.manifest.copy()
    labels = dataset.labels.copy()
    labels[rng.random(labels.shape) < share] = UNKNOWN
    manifest[dataset.schema.names] = labels
    return replace(dataset, manifest=manifest)


@pytest.fixture
def unknown(monkeypatch):
    """Make every data set that `plan` reads a forgetful one."""
    real = load.load_dataset
    planning._read.cache_clear()
    monkeypatch.setattr(planning, "load_dataset", lambda *a, **k: forgetful(real(*a, **k)))
    yield
    planning._read.cache_clear()


def plan(method, market, root, **changed):
    overrides = ONE if method == "clear" else {"data.image_size": [64, 32]}
    changed = overrides | changed
    return planning.plan(method, "market1501", "smoke", 0, changed, root=root, data_root=market)


def truth(query, image):
    each = [None if b == UNKNOWN else bool(a == b) for a, b in zip(query, image, strict=True)]
    return False if False in each else None if None in each else True


def test_from_data_to_record(market, tmp_path, monkeypatch, unknown):
    monkeypatch.chdir(tmp_path)
    runs = plan("clear", market, tmp_path / "runs")
    recognition, retrieval = execute(runs, Cache(Path("cache")))
    dataset = runs[0].dataset
    assert "|unknown:masked|" in recognition.protocol
    assert "|unknown:undecided-not-ranked|" in retrieval.protocol
    test = dataset.rows("test")
    assert recognition.data["test_unknown_labels"] == (dataset.labels[test] == UNKNOWN).sum()
    known = (dataset.labels[test] != UNKNOWN).sum(axis=0)
    assert recognition.per_attribute["known"] == known.tolist()
    shares = (dataset.labels[test] == 1).sum(axis=0) / known
    assert recognition.positive_shares == pytest.approx(shares)
    again = metrics_again(runs[0].folder, recognition)
    assert again == pytest.approx(recognition.metrics["selected"]["test"], abs=1e-9)
    name = dataset.schema.names[0]
    share = attribute_again(runs[0].folder, recognition, name, "positive")
    assert share == pytest.approx(shares[0])
    units = units_of(runs[0].folder, recognition)
    assert (units.known == (dataset.labels[test] != UNKNOWN)).all()

    whole = (dataset.labels != UNKNOWN).all(axis=1)
    train = dataset.rows("train")
    assert retrieval.data["train_images"] == whole[train].sum()
    assert retrieval.data["unused_train_images"] == (~whole[train]).sum() > 0
    kept = arrays_of(runs[1].folder)
    labels = dataset.labels[kept["rows"]]
    assert {tuple(v) for v in kept["vectors"]} == {
        tuple(r) for r in labels.tolist() if UNKNOWN not in r
    }
    precisions, hidden = [], 0
    scores = kept["queries"].astype(np.float64) @ kept["images"].astype(np.float64).T
    for query, row in zip(kept["vectors"], scores.astype(np.float32), strict=True):
        answers = [truth(query, image) for image in labels]
        hidden += answers.count(None)
        seen = [i for i in np.argsort(-row, kind="stable") if answers[i] is not None]
        hits = [k for k, i in enumerate(seen, 1) if answers[i]]
        precisions.append(np.mean([n / k for n, k in enumerate(hits, 1)]))
    assert retrieval.data["unranked_pairs"] == hidden > 0
    assert kept["average_precision"] == pytest.approx(precisions)
    found = retrieval.metrics["selected"]["test"]
    assert found["mAP"] == pytest.approx(np.mean(precisions))
    assert metrics_again(runs[1].folder, retrieval) == pytest.approx(found)


def test_what_cannot_do_without_them_says_so_before_training(market, tmp_path, unknown):
    with pytest.raises(Unavailable, match="and sequencepar cannot learn without them"):
        plan("sequencepar", market, tmp_path)
    with pytest.raises(UserError, match="mADM is not defined"):
        plan("clear", market, tmp_path, **{"protocol.madm": True})
    assert plan("chance", market, tmp_path)  # learns nothing


def test_no_image_of_which_all_is_known(market, tmp_path, monkeypatch):
    real = load.load_dataset
    planning._read.cache_clear()

    def one_column_gone(*args, **rest):
        dataset = real(*args, **rest)
        manifest = dataset.manifest.copy()
        manifest.loc[manifest["split"] == "train", dataset.schema.names[2]] = UNKNOWN
        return replace(dataset, manifest=manifest)

    monkeypatch.setattr(planning, "load_dataset", one_column_gone)
    with pytest.raises(UserError, match="no train image has all of its labels known"):
        plan("clear", market, tmp_path)
    planning._read.cache_clear()


def gallery(dataset, rows, seen, **rules):
    run = SimpleNamespace(dataset=dataset, rules=Protocol(**rules), section={}, task="retrieval")
    return gallery_of(run, Cache(Path("cache")), "test", rows, seen)


@pytest.mark.parametrize("removal", ["none", "sal"])
@pytest.mark.parametrize("queries", ["test-categories", "unseen-categories"])
def test_who_is_asked_for_and_who_is_hidden(queries, removal, market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = forgetful(load.load_dataset("market1501", market), 0.03)
    rows, seen = dataset.rows("test"), dataset.rows("train")
    # Few columns, so that categories meet.
    names = dataset.schema.names[:5]
    schema = type(dataset.schema)(dataset.schema.attributes[:5])
    manifest = dataset.manifest[["path", "split", "person", "camera", *names]].copy()
    if queries == "unseen-categories":
        seen = seen[:3]
    dataset = replace(dataset, schema=schema, manifest=manifest)
    labels = dataset.labels
    split = gallery(dataset, rows, seen, queries=queries, removal=removal)
    asked = sorted({tuple(r) for r in labels[rows].tolist() if UNKNOWN not in r})
    if queries == "unseen-categories":  # not even perhaps
        asked = [q for q in asked if all(truth(q, labels[s]) is False for s in seen)]
    assert [tuple(v) for v in split["vectors"].tolist()] == asked
    pairs = set(zip(split["removed_query"].tolist(), split["removed_image"].tolist(), strict=True))
    undecided = {
        (q, i) for q, query in enumerate(asked) for i, row in enumerate(rows)
        if truth(query, labels[row]) is None
    }  # fmt: skip
    assert undecided <= pairs
    others = pairs - undecided
    assert bool(others) == (removal == "sal")
    assert all(truth(asked[q], labels[rows[i]]) for q, i in others)


def test_who_may_have_a_word_does_not_train_without_it(market):
    dataset = forgetful(load.load_dataset("market1501", market), 0.2)
    name = dataset.schema.names[1]
    run = SimpleNamespace(dataset=dataset, config={"data": {"without": name}})
    rows = dataset.rows("train")
    assert (left_out(run, rows) == (dataset.labels[rows, 1] != 0)).all()
