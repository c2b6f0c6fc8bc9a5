"""Retrieval that trains its backbone: what moves and what does not, resume, evaluation, cost."""

from pathlib import Path

import pytest
import torch
from tiny import TINY, go, kill, numbers

from clear_bench.config import plugins
from clear_bench.engine.building import build
from clear_bench.engine.inference import as_seen, encode
from clear_bench.evaluate import again, differences
from clear_bench.models.finetuned import learning_rates
from clear_bench.prediction.predictor import predictions
from clear_bench.training.cache import Cache
from clear_bench.training.model_config import config_for_weights, retrieval_config
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError

LAST = {"retrieval.backbone": "last", "protocol.oracle": True}
ALL = {"retrieval.backbone": "all", "retrieval.train.epochs": 2}


def model_config(run):
    """Return the full configuration of a run's model."""
    return retrieval_config(run.config, run.folder, config_for_weights(run.parent))


@pytest.fixture(autouse=True)
def here(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    """The folder, and by backbone the runs and records of an experiment."""
    root = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        found = {
            name: go(market, root / "runs", changed)
            for name, changed in (("last", LAST), ("all", ALL | {"protocol.oracle": True}))
        }
    return root, found


def weights(run, file="last.pth"):
    return torch.load(run.folder / file, weights_only=True)["state_dict"]


@pytest.mark.parametrize("which", ["last", "all"])
def test_what_learns_moves_and_nothing_else_does(world, which):
    """By name, against the parent's selected weights; the parent itself stays as it was."""
    (parent, run), _ = world[1][which]
    before, after = weights(parent, "selected.pth"), weights(run)
    moved = {
        name for name, old in before.items() if not torch.equal(old, after[f"recognition.{name}"])
    }
    model = build(model_config(run))
    learns = {
        n.removeprefix("recognition.")
        for n, p in model.named_parameters()
        if p.requires_grad and n.startswith("recognition.")
    }
    assert moved == learns
    everything = {n for n, _ in model.recognition.named_parameters()}
    if which == "all":
        assert everything - learns == {"head.weight", "head.bias"}
    else:
        first = "trunk.branches.0.trunk."
        assert {n for n in learns if n.startswith(first)} == {
            n for n in everything if n.startswith((f"{first}layers.1.", f"{first}norm."))
        }
        assert all(f"trunk.norms.{k}.weight" in learns for k in (0, 1))
        assert "trunk.branches.0.trunk.patch_embed.proj.weight" not in learns
    assert world[1]["last"][0][0].id == world[1]["all"][0][0].id  # both share the parent
    assert set(after) == set(model.state_dict())


def test_cost_counts_what_learns(world):
    for which in ("last", "all"):
        (_, run), (above, record) = world[1][which]
        model = build(model_config(run))
        assert record.cost["trainable_parameters"] == sum(
            p.numel() for p in model.parameters() if p.requires_grad
        )
        assert above.cost["parameters"] < record.cost["parameters"]
        assert record.cost["flops_per_image"] > above.cost["flops_per_image"]
    last, everything = (world[1][k][1][1].cost["trainable_parameters"] for k in ("last", "all"))
    assert 0 < last < everything


def test_evaluation_encodes_the_images_anew_and_agrees(world, market):
    root, found = world
    for runs, records in found.values():
        metrics = again(runs[1].folder, root / "runs", market, Cache(root / "cache"))
        assert differences(records[1].metrics, metrics) == []
        assert set(metrics) == {"selected", "last", "oracle"}
        rows = records[1].history[records[1].selected_epoch - 1]
        assert records[1].metrics["selected"]["val"]["mAP"] == rows["mAP"]  # as in training


def test_features_are_those_of_the_trained_network(world):
    """Against one image after the other through the network by hand."""
    _, run = world[1]["all"][0]
    model = build(model_config(run))
    model.load_state_dict(weights(run))
    model.eval()
    pixels = torch.randint(0, 256, (3, 64, 32, 3), dtype=torch.uint8).numpy()
    ranks, seen = as_seen(model, {"rows": torch.tensor([2, 0]).numpy(), "kept": 1}, pixels)
    assert ranks is model.head
    assert seen["kept"] == 1
    for row, feature in zip((2, 0), seen["features"], strict=True):
        data = {"images": torch.from_numpy(pixels[[row]])}
        with torch.inference_mode():
            images = model.data_preprocessor(data, False)["images"]
            expected = model.recognition.features(images)[0]
        assert torch.allclose(torch.from_numpy(feature), expected, atol=1e-5)
    parent = build(model_config(run)["recognition"])
    parent.load_state_dict(weights(world[1]["all"][0][0], "selected.pth"))
    frozen, _ = encode(parent.eval(), pixels, seen["rows"])
    assert abs(frozen - seen["features"]).max() > 1e-4
    assert as_seen(model.head, seen, None) == (model.head, seen)


def test_predict_speaks_through_the_parent(world, market):
    root, found = world
    photo = next((market / "query").iterdir())
    ours, theirs = (predictions([photo], r.run_id, root / "runs") for r in found["last"][1])
    assert ours == theirs


def test_modes_and_rates(world):
    (_, run), _ = world[1]["last"]
    model = build(model_config(run)).train()
    trunk = model.recognition.trunk
    assert model.head.training
    assert trunk.branches[0].trunk.layers[-1].training
    assert not trunk.branches[0].trunk.layers[0].training
    assert not trunk.branches[0].channel_attention["0"].training
    assert not model.eval().head.training
    rates = learning_rates(model, 0.25, "AdamW")
    names = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert set(rates) == {n for n in names if not n.startswith("head.")}
    assert all(found["lr_mult"] == 0.25 for found in rates.values())
    assert all(("decay_mult" in found) == (names[n].ndim < 2) for n, found in rates.items())
    assert all("decay_mult" not in found for found in learning_rates(model, 1, "SGD").values())


def test_images_come_with_recognitions_augmentation(world):
    (parent, run), _ = world[1]["all"]
    model = build(model_config(run))
    assert model.data_preprocessor is model.recognition.data_preprocessor
    augment = parent.config["recognition"]["augment"]
    assert (model.data_preprocessor.pad, model.data_preprocessor.flip) == (
        augment["pad"], augment["flip"]
    )  # fmt: skip


@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_and_resumed_is_as_never_interrupted(world, market, epoch):
    """Killed inside retrieval: where there is no checkpoint yet, and in epoch 2."""
    straight, expected = world[1]["last"]
    before = len(expected[0].history) + epoch - 1
    steps = -(-expected[0].data["train_images"] // 16)
    kill(market, "step", before * steps + 1, LAST)
    runs, records = go(market, Path("runs"), LAST)
    assert [numbers(r) for r in records] == [numbers(r) for r in expected]
    ours, theirs = weights(runs[1]), weights(straight[1])
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs)
    assert not list(Path("runs").rglob("start.pth"))
    assert not list(Path("runs").rglob("epoch-*"))


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        ("clear", {"retrieval.backbone": "lst"}, "did you mean last"),
        (
            "clear",
            {**LAST, "retrieval.backbone_lr": 0.0},
            "backbone_lr=0.0: must be a number greater than 0",
        ),
        ("likelihood", LAST, "likelihood does not learn on through its features"),
        ("clear", {**LAST, "retrieval.parent": "deepmar"}, "deepmar does not say which its last"),
    ],
)
def test_what_cannot_be_trained_is_one_line_before_anything_is(market, method, changed, message):
    text = {} if method == "likelihood" else {"text.encoder": "none"}
    with pytest.raises(UserError, match=message) as caught:
        plan(method, "market1501", "smoke", 0, {**text, **changed}, root=Path("runs"),
             data_root=market)  # fmt: skip
    assert "\n" not in str(caught.value)


def test_frozen_is_the_default_and_another_run(market):
    ids = {
        plan("clear", "market1501", "smoke", 0, TINY | changed, root=Path("runs"),
             data_root=market)[1].id
        for changed in ({}, {"retrieval.backbone": "frozen"}, LAST | {"protocol.oracle": False})
    }  # fmt: skip
    assert len(ids) == 2
    study = plugins.load("study", "freezing").STUDY
    assert [v.label for v in study.variants()] == ["frozen", "last", "all"]
    assert study.task == "retrieval"
