"""Every switch of CLEAR's retrieval head against what it is said to do."""

import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, train, write_table

from clear_bench.config.plugins import load
from clear_bench.engine.building import build
from clear_bench.models.clear_retrieval import adapter
from clear_bench.models.options import MARGINS
from clear_bench.training.cost import cost_of
from clear_bench.utils.errors import UserError


def model_of(folder, **changes):
    plain = {"whiten": 0, "align": 0.0, "made": 0}
    return make_model("clear", folder, **{"dim": 8, "width": 16, **plain, **changes})


def unit(vector):
    return vector / math.sqrt(sum(float(v) ** 2 for v in vector))


def queries_of(model):
    return model.embed_queries(model.vectors, model.one_hot, model.text)


def query_by_hand(model, row, combine, *, unit_parts):
    """Follow one query through its adapters, one step at a time."""
    text = unit(model.text[row] - sum(model.text) / len(model.text))
    soft = model.text_adapter(text[None])[0]
    hard = model.attribute_adapter(model.one_hot[row][None])[0]
    if unit_parts:
        soft, hard = unit(soft), unit(hard)
    return unit(soft + hard if combine == "sum" else torch.tensor([*soft, *hard]))


@pytest.mark.parametrize("unit_parts", [True, False])
@pytest.mark.parametrize("combine", ["concat", "sum"])
@torch.no_grad()
def test_query_parts_are_joined_as_said(combine, unit_parts, tmp_path):
    write_table(tmp_path)
    model = model_of(tmp_path, combine=combine, unit_parts=unit_parts).eval()
    queries = queries_of(model)
    for row in range(len(queries)):
        expected = query_by_hand(model, row, combine, unit_parts=unit_parts)
        torch.testing.assert_close(queries[row], expected)


@torch.no_grad()
def test_unit_parts_makes_a_difference(tmp_path):
    write_table(tmp_path)
    with_it, without = (queries_of(model_of(tmp_path, unit_parts=u).eval()) for u in (True, False))
    assert not torch.allclose(with_it, without, atol=1e-3)


@pytest.mark.parametrize("combine", ["concat", "sum"])
@torch.no_grad()
def test_shared_adapters_differ_in_their_first_layer_alone(combine, tmp_path):
    write_table(tmp_path)
    model = model_of(tmp_path, shared=True, depth=3, combine=combine, activation="relu").eval()
    assert [n for n, _ in model.body.named_parameters()] == ["1.1.weight", "1.1.bias",
                                                             "1.4.weight", "1.4.bias"]  # fmt: skip
    second, third = model.body[1][1], model.body[1][4]

    def through(part, first):
        hidden = (first[1].weight @ part + first[1].bias).clamp(min=0)
        hidden = (second.weight @ hidden + second.bias).clamp(min=0)
        return unit(third.weight @ hidden + third.bias)

    queries = queries_of(model)
    for row in range(len(queries)):
        text = unit(model.text[row] - model.text.mean(dim=0))
        soft = through(text, model.text_adapter)
        hard = through(model.one_hot[row], model.attribute_adapter)
        joined = soft + hard if combine == "sum" else torch.cat([soft, hard])
        torch.testing.assert_close(queries[row], unit(joined))


def test_sharing_saves_exactly_one_body(tmp_path):
    write_table(tmp_path)
    count = {
        shared: sum(p.numel() for p in model_of(tmp_path, depth=3, shared=shared).parameters())
        for shared in (True, False)
    }
    assert count[False] - count[True] == (16 * 16 + 16) + (16 * 8 + 8)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@torch.no_grad()
def test_activation_stands_between_the_layers(activation):
    torch.manual_seed(0)
    mlp = adapter(3, 2, 2, 4, 0.0, activation).eval()
    first, last = (m for m in mlp if isinstance(m, torch.nn.Linear))
    x = torch.randn(3)
    hidden = [float(h) for h in first.weight @ x + first.bias]
    bend = {
        "relu": lambda h: max(h, 0.0),
        "gelu": lambda h: h * 0.5 * (1 + math.erf(h / math.sqrt(2))),
    }[activation]
    expected = last.weight @ torch.tensor([bend(h) for h in hidden]) + last.bias
    torch.testing.assert_close(mlp(x[None])[0], expected)


@pytest.mark.parametrize("embedding", ["soft", "hard", "both"])
@torch.no_grad()
def test_without_adapters_the_image_goes_to_the_query(embedding, tmp_path):
    write_table(tmp_path)
    model = model_of(tmp_path, embedding=embedding, depth=0).eval()
    assert all(name.startswith("visual_adapter") for name, _ in model.named_parameters())
    queries = queries_of(model)
    for row in range(len(queries)):
        parts = {
            "soft": [unit(model.text[row] - model.text.mean(dim=0))],
            "hard": [unit(model.one_hot[row])],
        }
        joined = parts["soft"] + parts["hard"] if embedding == "both" else parts[embedding]
        torch.testing.assert_close(queries[row], unit(torch.cat(joined)))
    features = torch.randn(5, len(model.feature_mean))
    assert model.embed_images(features, features).shape == (5, queries.shape[1])


@pytest.mark.parametrize("mirror", [True, False])
def test_mirrored_features_are_seen_only_if_asked_for(mirror, tmp_path):
    write_table(tmp_path)
    model = model_of(tmp_path, mirror=mirror, feature_dropout=0.0)
    seen = []
    model.loss = lambda features, category: seen.append(features) or {}
    torch.manual_seed(0)
    model(torch.zeros(64, 24), torch.ones(64, 24), torch.zeros(64).long(), torch.arange(64))
    rows = {tuple(row.tolist()) for row in seen[0]}
    assert rows == {(0.0,) * 24, (1.0,) * 24} if mirror else rows == {(0.0,) * 24}


@pytest.mark.parametrize("change", [
    {"margin_loss": kind} for kind in MARGINS.values
] + [{"depth": 0}, {"depth": 1}, {"depth": 3, "shared": True, "activation": "relu"},
     {"combine": "sum"}, {"unit_parts": False}])  # fmt: skip
def test_every_variant_learns(change, tmp_path):
    split = write_table(tmp_path)
    model = model_of(tmp_path, **change)
    features, category = as_batch(split)
    model.loss(features, category)["loss"].backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    train(model, split, 100, lr=1e-2)
    with torch.no_grad():
        ranked = (model.embed_images(features, features) @ queries_of(model).T).argmax(dim=1)
    assert (ranked == category).float().mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"depth": 0, "combine": "sum"}, "without adapters"),
        ({"depth": 0, "visual_depth": 0}, "nothing would learn"),
        ({"depth": -1}, "0 or more"),
        ({"visual_depth": 0}, "needs 16 inputs"),
        ({"shared": True, "depth": 1}, "depth=1 has none"),
        ({"shared": True, "embedding": "hard"}, "one query part"),
        ({"width": 0}, "width=0: must be a whole number from 1"),
        ({"activation": "tanh"}, "gelu, relu"),
        ({"margin_loss": "triplet"}, "contrastive"),
        ({"scale": 0.0}, "greater than 0"),
        ({"margin": -0.1}, "0 or more"),
    ],
)
def test_nonsense_is_one_clear_line(changes, cause, tmp_path):
    write_table(tmp_path)
    with pytest.raises(UserError, match=cause):
        model_of(tmp_path, **changes)


def test_a_record_older_than_the_switches_still_gives_its_model(tmp_path):
    write_table(tmp_path)
    recipe = load("method", "clear").METHOD.retrieval["model"]
    new = ("unit_parts", "mirror", "activation", "shared")
    old = {k: v for k, v in recipe.items() if k not in new}
    torch.manual_seed(0)
    model = build({**old, "table": str(tmp_path / "table.npz")})
    today = make_model("clear", tmp_path)
    today.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(queries_of(model.eval()), queries_of(today.eval()))


def test_words_without_a_text_are_refused(tmp_path):
    write_table(tmp_path)
    with np.load(tmp_path / "table.npz") as arrays:
        table = {**arrays, "text": np.zeros((8, 0), np.float32)}
    np.savez(tmp_path / "table.npz", **table)
    assert model_of(tmp_path, embedding="hard").embedding == "hard"
    for embedding in ("soft", "both"):
        with pytest.raises(UserError, match="reads no text"):
            model_of(tmp_path, embedding=embedding)


@pytest.mark.parametrize("kind", MARGINS.values)
def test_losses_over_the_batch_refuse_several_processes(kind, tmp_path, monkeypatch):
    write_table(tmp_path)
    monkeypatch.setattr("clear_bench.models.base.get_world_size", lambda: 2)
    if kind in ("hinge", "contrastive"):
        with pytest.raises(UserError, match="one process"):
            model_of(tmp_path, margin_loss=kind)
    else:
        assert model_of(tmp_path, margin_loss=kind).margin_loss == kind


def test_cost_tells_all_parameters_from_those_that_learn(tmp_path, monkeypatch):
    write_table(tmp_path)
    whole = model_of(tmp_path)
    frozen = model_of(tmp_path)
    frozen.visual_adapter.requires_grad_(False)
    visual = sum(p.numel() for p in frozen.visual_adapter.parameters())
    for model, still in ((whole, 0), (frozen, visual)):
        monkeypatch.setattr("clear_bench.training.cost.build", lambda _, model=model: model)
        cost = cost_of({}, [], 0)
        assert cost["parameters"] == sum(p.numel() for p in whole.parameters())
        assert cost["trainable_parameters"] == cost["parameters"] - still
    assert visual > 0
