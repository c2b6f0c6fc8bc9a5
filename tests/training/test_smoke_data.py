"""A smoke training run of CLEAR on the written release of every data set, and under protocols."""

from pathlib import Path

import numpy as np
import pytest
from releases import RELEASES
from tiny import TINY

from clear_bench.config.plugins import available
from clear_bench.data.images import image_store
from clear_bench.data.load import find_source
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan

OFFICIAL = [n for n in sorted(available("data set")) if find_source(n).generate is None]
SMALL = TINY | {"data.identities": 1.0, "recognition.train.warmup_epochs": 0,
                "recognition.train.epochs": 1, "retrieval.train.epochs": 1}  # fmt: skip
"""The tiny CLEAR for one epoch of each task."""


def train(root, dataset, **changed):
    runs = plan("clear", dataset, "smoke", 0, SMALL | changed, root=Path("runs"), data_root=root)
    return runs, execute(runs, Cache(Path("cache")))


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_data_set_trains(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    root = RELEASES[name].make(tmp_path / "Größe", monkeypatch)
    split = {"peta": "ids0"}.get(name, "")
    runs, records = train(root, name, **{"data.split": split, "protocol.val_identities": "all"})
    assert [record.status for record in records] == ["finished", "finished"]
    for run, record in zip(runs, records, strict=True):
        assert record.protocol == run.protocol
        assert record.protocol.startswith(f"{name}|{run.dataset.split_name}|")
        for value in record.metrics["selected"]["test"].values():
            assert np.isfinite(value)


def hits_of(protocol, dataset, kept, q):
    """Return the hits of a query down its ranking, from the kept embeddings, image by image."""
    scores = (kept["queries"][q].astype(float) @ kept["images"].astype(float).T).astype(np.float32)
    places = sorted(range(len(scores)), key=lambda k: (-scores[k], k))
    if protocol == "asmr":  # ascending and then turned round
        places = sorted(range(len(scores)), key=lambda k: (scores[k], k))[::-1]
    category, rows = kept["query_category"][q], kept["rows"]
    table = dataset.manifest
    if protocol == "sal":
        own = min(
            row
            for row, c in zip(rows, kept["category"], strict=True)
            if c == category and table["path"][row].startswith("query/")
        )
        key = ["person", "camera"]
        places = [k for k in places if (table.loc[rows[k], key] != table.loc[own, key]).any()]
    return [kept["category"][k] == category for k in places]


def average_precision(hits, trapezoid):
    found, total, before = 0, 0.0, 1.0
    for rank, hit in enumerate(hits, start=1):
        found += hit
        total += hit * (found / rank + (before if trapezoid else found / rank)) / 2
        before = found / rank
    return total / sum(hits)


@pytest.mark.parametrize("protocol", ["clear-bench", "sal", "asmr", "upar"])
def test_named_protocols_rank_as_they_say(market, tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    runs, records = train(market, "market1501", **{"protocol.name": protocol})
    record, run = records[1], runs[1]
    assert record.protocol == run.protocol
    assert record.config["protocol"]["name"] == protocol
    test = record.metrics["selected"]["test"]
    kept = np.load(run.folder / "predictions.npz")
    hits = [hits_of(protocol, run.dataset, kept, q) for q in range(len(kept["vectors"]))]
    aps = [average_precision(h, protocol == "asmr") for h in hits if any(h)]
    assert test["mAP"] == pytest.approx(np.mean(aps))
    assert test["rank1"] == pytest.approx(np.mean([h[0] for h in hits if any(h)]))
    assert ("mADM" in test) == (protocol == "upar")
    if protocol == "upar":
        mean = 2 * test["mAP"] * test["rank1"] / (test["mAP"] + test["rank1"])
        assert test["challenge"] == pytest.approx(mean)


def test_unseen_queries_are_those_without_a_train_image(market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs, _ = train(market, "market1501", **{"protocol.queries": "unseen-categories"})
    dataset, kept = runs[1].dataset, np.load(runs[1].folder / "predictions.npz")
    seen = {v.tobytes() for v in dataset.labels[dataset.manifest["split"] != "test"]}
    test = {v.tobytes() for v in dataset.labels[dataset.rows("test")]}
    assert {v.tobytes() for v in kept["vectors"]} == test - seen
    assert len(kept["category"]) == len(dataset.rows("test"))


def test_a_run_is_the_same_with_a_warm_and_a_cold_store(tmp_path, monkeypatch):
    """Decoding once or again, in another folder, changes no bit of the pixels that train."""
    monkeypatch.chdir(tmp_path)
    root = RELEASES["pa100k"].make(tmp_path / "pa", monkeypatch)
    dataset = find_source("pa100k").read(root, "official", "26")
    first = image_store(dataset, (16, 8), tmp_path / "one")
    again = image_store(dataset, (16, 8), tmp_path / "one")
    other = image_store(dataset, (16, 8), tmp_path / "two")
    assert first.file == again.file != other.file
    assert (np.asarray(first.pixels) == np.asarray(other.pixels)).all()
