"""Every retrieval method on one contract, from a table of 32 features to a whole tiny run."""

import copy
import shutil
from pathlib import Path

import killed as killer
import numpy as np
import pytest
import torch
from fresh import Fresh
from retrieval_tables import (
    LEARNED,
    RETRIEVAL,
    UNTRAINED,
    as_batch,
    make_model,
    retrieval_methods,
    train,
    write_table,
)

from clear_bench.config.compose import PROFILES, compose
from clear_bench.config.plugins import load
from clear_bench.engine.inference import embed, rank_split
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

RULE = {"ap": "mean", "no_positives": "error"}
SCHEMAS = [(26, (3, 3, 2)), (35, ()), (105, (11, 11, 11, 11))]


def test_every_retrieval_method_is_tested_here():
    assert sorted(RETRIEVAL) == sorted(retrieval_methods())


@pytest.mark.parametrize("key", RETRIEVAL)
def test_composes_in_every_profile(key):
    for profile in PROFILES:
        section = compose(key, "synthped", profile)["retrieval"]
        assert section["model"]["type"] == load("method", key).METHOD.retrieval["model"]["type"]


@pytest.mark.parametrize("key", LEARNED)
def test_one_budget(key):
    """Epochs, batch size and parent are CLEAR's; a departure must be listed here to pass."""
    departures = {"two_way_net": {"weight_decay": 0.0}}  # its own stands in its loss
    recipe, common = load("method", key).METHOD.retrieval, CLEAR.retrieval
    wanted = {k: common["train"][k] for k in ("epochs", "batch_size", "warmup_epochs")}
    wanted |= departures.get(key, {})
    assert {k: v for k, v in recipe["train"].items() if k != "lr"} == wanted
    assert recipe["parent"] == "clear"
    assert recipe["model"]["feature_dropout"] == common["model"]["feature_dropout"]


@pytest.mark.parametrize(("key", "embedding"), [("clear_soft", "soft"), ("clear_hard", "hard")])
def test_halves_of_clear_differ_in_nothing_else(key, embedding):
    method = load("method", key).METHOD
    assert method.tasks == ("retrieval",)
    expected = copy.deepcopy(dict(CLEAR.retrieval))
    expected["model"]["embedding"] = embedding
    if embedding == "hard":
        del expected["text"]
        expected["model"] |= {"whiten": 0, "align": 0.0, "made": 0}  # of words
    assert method.retrieval == expected
    assert method.profiles["paper"]["retrieval"] == CLEAR.profiles["paper"]["retrieval"]


@pytest.mark.parametrize(("attributes", "groups"), SCHEMAS)
@pytest.mark.parametrize("key", LEARNED)
def test_any_schema_builds_learns_and_embeds(tmp_path, key, attributes, groups):
    split = write_table(tmp_path, attributes, groups)
    model = make_model(key, tmp_path)
    features, category = as_batch(split)
    before = features.clone()
    losses = model.loss(features, category)
    assert all("loss" in name for name in losses)  # mmengine adds up those
    sum(losses.values()).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    assert torch.equal(features, before)
    queries, images = embed(model.eval(), split)
    assert queries.shape == (len(split["vectors"]), images.shape[1])
    assert len(images) == len(features)
    for side in (queries, images):
        np.testing.assert_allclose(np.linalg.norm(side, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(("attributes", "groups"), SCHEMAS)
@pytest.mark.parametrize("key", UNTRAINED)
def test_any_schema_is_scored(tmp_path, key, attributes, groups):
    split = write_table(tmp_path, attributes, groups)
    metrics = rank_split(make_model(key, tmp_path).eval(), split, **RULE).metrics
    assert 0 < metrics["mAP"] <= 1


@pytest.mark.parametrize("key", LEARNED)
def test_overfits_thirty_two_features(tmp_path, key):
    """SAL stands in its adversarial stage, which its code gives a tenth of the learning rate."""
    split = write_table(tmp_path)
    model = make_model(key, tmp_path)
    first = rank_split(model.eval(), split, **RULE).metrics
    for _ in range(8):  # of 20 steps
        train(model, split, 20, lr=3e-4 if key == "sal" else 3e-3)
        last = rank_split(model, split, **RULE).metrics
        if last["rank1"] == 1 and last["mAP"] > 0.95:
            break
    assert first["mAP"] < 0.8
    assert last["rank1"] == 1
    assert last["mAP"] > 0.95


@pytest.mark.parametrize("key", LEARNED)
def test_same_seed_same_bits_and_a_copy_embeds_alike(tmp_path, key):
    split = write_table(tmp_path)
    models = [make_model(key, tmp_path) for _ in range(2)]
    for model in models:
        train(model, split, 5)
    one, two = (m.state_dict() for m in models)
    assert all(torch.equal(one[k], two[k]) for k in one)
    torch.save(one, tmp_path / "weights.pth")
    copied = make_model(key, tmp_path).eval()
    copied.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True), strict=True)
    for a, b in zip(embed(models[0], split), embed(copied, split), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("key", LEARNED)
def test_a_last_batch_of_one_trains(tmp_path, key):
    features, category = as_batch(write_table(tmp_path))
    model = make_model(key, tmp_path).train()
    sum(model.loss(features, category).values()).backward()
    loss = sum(model.loss(features[:1], category[:1]).values())
    assert torch.isfinite(loss)


@pytest.mark.parametrize("key", ["cmce", "deep_cca", "sal"])
def test_what_several_processes_would_not_share_is_refused(tmp_path, key, monkeypatch):
    write_table(tmp_path)
    monkeypatch.setattr("clear_bench.models.base.get_world_size", lambda: 2)
    with pytest.raises(UserError, match="in one process"):
        make_model(key, tmp_path)
    assert make_model("asmr", tmp_path)


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    (root / "market").symlink_to(market)
    return root


@pytest.fixture(scope="module")
def frozen():
    """Sha256 of every file of features when it was first seen."""
    return {}


def start(method, root="runs", overrides=None):
    return plan(
        method, "market1501", "smoke", 0, overrides or {}, root=Path(root),
        data_root=Path("market"),
    )  # fmt: skip


@pytest.mark.parametrize("key", [k for k in RETRIEVAL if k != "clip_zero_shot"])
def test_runs_on_a_tiny_market(world, frozen, key, monkeypatch):
    """What reads words has them from the encoder that is loaded fastest."""
    monkeypatch.chdir(world)
    reads = "text" in load("method", key).METHOD.retrieval
    runs = start(key, overrides={"text.encoder": "glove"} if reads else {})
    record = execute(runs, Cache(Path("cache")))[-1]
    assert record.status == "finished"
    trained = key in LEARNED
    assert len(record.history) == (2 if trained else 0)
    assert set(record.metrics) == ({"selected", "last"} if trained else {"selected"})
    assert 0 < record.metrics["selected"]["test"]["mAP"] <= 1
    assert record.parent == runs[-1].parent.id
    assert (record.cost["trainable_parameters"] > 0) == trained
    digests = {str(f): file_sha256(f) for f in Path("cache/features").rglob("*.npy")}
    frozen.update({k: v for k, v in digests.items() if k not in frozen})
    assert digests == frozen  # no method touches the features that all of them share


def test_another_parent_and_one_that_cannot_be(world, monkeypatch):
    monkeypatch.chdir(world)
    runs = start("likelihood", overrides={"retrieval.parent": "label_prior"})
    records = execute(runs, Cache(Path("cache")))
    assert [r.method for r in records] == ["label_prior", "likelihood"]
    assert records[1].parent == records[0].run_id
    for key in ("cmce", "asmr"):
        with pytest.raises(UserError, match="asmr: has no recognition run"):
            start(key, overrides={"retrieval.parent": "asmr"})


def test_text_is_needed_where_nothing_else_is_read(world, monkeypatch):
    monkeypatch.chdir(world)
    for key in ("clear_soft", "clip_zero_shot"):
        with pytest.raises(UserError, match=f"{key}: reads text alone"):
            start(key, overrides={"text.encoder": "none"})
    assert start("clear", overrides={"text.encoder": "none"})
    with pytest.raises(UserError, match=r"text\.encoder"):
        start("asmr", overrides={"text.encoder": "none"})


def test_sal_killed_among_its_adversaries_resumes_to_the_same_bits(world, monkeypatch):
    """One optimiser holds the state of all parts, and the stage follows from the epoch."""
    monkeypatch.chdir(world)
    settings = {"retrieval.train.epochs": 6, "retrieval.train.batch_size": 16}
    execute(start("likelihood"), Cache(Path("cache")))  # the parent
    reference, killed = (start("sal", root, settings) for root in ("runs", "killed"))
    expected = execute(reference, Cache(Path("cache")))[-1]
    shutil.copytree(reference[0].folder, killed[0].folder)
    steps = 5 * -(-expected.data["train_images"] // 16) + 1  # inside the last epoch
    command = ["--method=sal", "--profile=smoke", "--dataset=market1501", "--data-root=market",
               "--runs=killed", "--cache=cache",
               *(f"--set={k}={v}" for k, v in settings.items())]  # fmt: skip
    died = Fresh(killer.train, "step", steps, *command)
    assert died.wait() == -9, died.said()
    resumed = execute(killed, Cache(Path("cache")))[-1]
    assert resumed.run_id == expected.run_id
    assert resumed.metrics == expected.metrics
    for name in ("selected.pth", "last.pth"):
        a, b = (torch.load(r[-1].folder / name, weights_only=True) for r in (reference, killed))
        assert all(torch.equal(a["state_dict"][k], b["state_dict"][k]) for k in a["state_dict"])
        states = (s["optimizer"]["state"] for s in (a, b))
        for one, two in zip(*(s.values() for s in states), strict=True):
            assert torch.equal(one["exp_avg_sq"], two["exp_avg_sq"])
