"""Every method on one contract, and the floors against what they must be by arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS

from clear_bench.config.plugins import available, load
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute, task_of
from clear_bench.training.plan import plan


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    (root / "market").symlink_to(market)
    return root


def run(world, method, monkeypatch):
    monkeypatch.chdir(world)
    runs = plan(method, "market1501", "smoke", 0, {}, root=Path("runs"), data_root=Path("market"))
    return runs, execute(runs, Cache(Path("cache")))


def test_label_prior_predicts_the_majority(world, monkeypatch):
    runs, records = run(world, "label_prior", monkeypatch)
    assert [r.task for r in records] == ["recognition", "retrieval"]
    dataset = runs[0].dataset
    labels, test = dataset.labels, dataset.rows("test")
    kept = np.load(runs[0].folder / "predictions.npz")["test_probabilities"]
    assert (kept == kept[0]).all()
    predicted = kept[0] > 0.5
    rates = [labels[test, k].mean() for k in range(30)]
    expected = np.mean(
        [
            0.5 if 0 < r < 1 else (0.5 * (p == (r == 1)))
            for r, p in zip(rates, predicted, strict=True)
        ]
    )
    assert records[0].metrics["selected"]["test"]["mA"] == pytest.approx(expected)
    assert (
        task_of(runs[0], Cache(Path("cache"))).remeasure()["selected"]
        == records[0].metrics["selected"]
    )


def test_untrained_methods_have_one_checkpoint_and_no_history(world, monkeypatch):
    for method in ("label_prior", "chance"):
        _, records = run(world, method, monkeypatch)
        for record in records:
            assert set(record.metrics) == {"selected"}
            assert record.history == []
            assert record.cost["images_per_second"] == 0


def test_likelihood_is_a_naive_sum(tmp_path):
    load("method", "likelihood")
    rng = np.random.default_rng(0)
    table = {
        "vectors": np.eye(4),
        "one_hot": np.eye(4),
        "text": np.zeros((4, 0)),
        "feature_mean": np.zeros(3),
        "counts": np.ones(4),
        "groups": np.arange(4),
    }
    np.savez(tmp_path / "table.npz", **{k: v.astype(np.float32) for k, v in table.items()})
    model = MODELS.build({"type": "Likelihood", "table": str(tmp_path / "table.npz")})
    y = rng.integers(0, 2, (3, 4))
    p = rng.random((5, 4))
    expected = [[np.log(np.where(q, x, 1 - x)).sum() for x in p] for q in y]
    scores = model.scores(torch.tensor(y), torch.zeros(5, 3), torch.tensor(p))
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("key", sorted(available("method")))
def test_every_method_keeps_the_contract(key):
    method = load("method", key).METHOD
    assert method.title
    assert method.cite
    assert method.tasks
    for task in method.tasks:
        recipe = getattr(method, task)
        assert set(recipe) <= {"model", "train", "augment", "parent", "text"}
        assert MODELS.get(recipe["model"]["type"]) is not None
        if task == "retrieval":
            assert recipe["parent"] in available("method")
