"""The rules, ASMR, CMCE and AIHM against loops that follow their formulas."""

import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, schema, write_table

from clear_bench.config.compose import compose


def scores(key, folder, vectors, probabilities):
    model = make_model(key, folder)
    nothing = torch.zeros(len(probabilities), 24)
    return model.scores(torch.from_numpy(vectors), nothing, torch.from_numpy(probabilities))


@pytest.mark.parametrize("key", ["agreement", "l1_distance", "queried_product"])
def test_rules_of_recognition_as_retrieval(tmp_path, key):
    split = write_table(tmp_path)
    rule = {
        "agreement": lambda q, p: sum((p[a] > 0.5) == (q[a] == 1) for a in range(len(q))),
        "l1_distance": lambda q, p: -sum(abs(float(q[a]) - p[a]) for a in range(len(q))),
        "queried_product": lambda q, p: math.log(np.prod([p[a] for a in range(len(q)) if q[a]])),
    }[key]
    queries, probabilities = split["vectors"], split["probabilities"].astype(np.float64)
    expected = [[rule(q, p) for p in probabilities] for q in queries]
    ranked = scores(key, tmp_path, queries, probabilities)
    np.testing.assert_allclose(ranked.numpy(), expected, rtol=1e-9)


def test_agreement_is_strict_and_ties_exactly(tmp_path):
    split = write_table(tmp_path)
    half = np.full((2, 12), 0.5)
    agreement = scores("agreement", tmp_path, split["vectors"], half)
    assert torch.equal(agreement[:, 0], agreement[:, 1])
    assert agreement[0, 0] == (split["vectors"][0] == 0).sum()


# ASMR


@pytest.mark.parametrize(("divisor", "written"), [(None, 0.0), (8.5, 8.5)])
def test_asmr_regulariser_is_a_double_loop(tmp_path, divisor, written):
    split = write_table(tmp_path)
    model = make_model("asmr", tmp_path, divisor=written)
    with torch.no_grad():
        model.group_weight.copy_(torch.rand(len(model.group_weight)) + 0.5)
    prototypes = model.embed_queries(model.vectors, model.one_hot, model.text).detach()
    groups, weights = schema(12, (4, 3)).groups, model.group_weight.tolist()
    count, cosines, wanted = len(prototypes), [], []
    for i in range(count):
        for j in range(i + 1, count):
            distance = 0.0
            for columns, weight in zip(groups, weights, strict=True):
                if (split["vectors"][i, columns] != split["vectors"][j, columns]).any():
                    distance += weight
            cosines.append(float(prototypes[i] @ prototypes[j]))
            wanted.append(1 / (1 + math.exp(-(1 - distance / (divisor or len(groups))))))
    mean = sum(cosines) / len(cosines)
    terms = [(c - mean - w) ** 2 for c, w in zip(cosines, wanted, strict=True)]
    regulariser = model.regulariser(prototypes, torch.arange(count))
    assert float(regulariser.detach()) == pytest.approx(sum(terms) / len(terms), rel=1e-4)
    shuffled = model.regulariser(prototypes, torch.randperm(count))
    torch.testing.assert_close(shuffled, regulariser)


def test_asmr_aligns_by_arcface_over_prototypes(tmp_path):
    split = write_table(tmp_path)
    model = make_model("asmr", tmp_path).eval()
    features, category = as_batch(split)
    images = model.embed_images(features, features)
    prototypes = model.embed_queries(model.vectors, model.one_hot, model.text)
    total = 0.0
    for image, true in zip(images, category, strict=True):
        logits = []
        for k, prototype in enumerate(prototypes):
            angle = math.acos(float((image @ prototype).detach()))
            logits.append(12 * math.cos(angle + (0.2 if k == true else 0)))
        total += math.log(sum(map(math.exp, logits))) - logits[true]
    losses = model.loss(features, category)
    assert float(losses["loss_alignment"].detach()) == pytest.approx(total / len(images), rel=1e-4)
    rows = torch.arange(len(prototypes))
    regulariser = 4 * model.regulariser(prototypes, rows)
    torch.testing.assert_close(losses["loss_regulariser"], regulariser)


def test_asmr_has_three_layers_on_each_side(tmp_path):
    """Layers, activation and first weights of the released Market script."""
    features, _ = as_batch(write_table(tmp_path))
    model = make_model("asmr", tmp_path, dim=16).eval()
    sides = {"embed_images": (model.visual, features - model.feature_mean),
             "embed_queries": (model.attribute, model.one_hot)}  # fmt: skip
    given = {"embed_images": (features, features),
             "embed_queries": (model.vectors, model.one_hot, model.text)}  # fmt: skip
    for name, (network, values) in sides.items():
        first, _, second, _, third = network
        assert [layer.out_features for layer in (first, second, third)] == [64, 16, 16]
        assert float(first.weight.detach().std()) == pytest.approx(math.sqrt(2 / 64), rel=0.1)
        for layer in (first, second, third):
            assert (layer.bias == 0).all()
            values = values @ layer.weight.T
            values = values.clamp(min=0) if layer is not third else values
        expected = values / values.square().sum(1, keepdim=True).sqrt()
        torch.testing.assert_close(getattr(model, name)(*given[name]), expected)


@pytest.mark.parametrize("around", [0.0, 1.0])
def test_asmr_starts_the_group_weights_within_a_quarter(tmp_path, around):
    write_table(tmp_path)
    weight = make_model("asmr", tmp_path, weight_start=around).group_weight
    assert ((weight - around).abs() <= 0.25).all()
    assert weight.unique().numel() == len(weight)


def test_asmr_has_the_values_of_the_data_set():
    market, peta = (compose("asmr", d)["retrieval"]["model"] for d in ("market1501", "peta"))
    assert (market["divisor"], market["weight_start"]) == (0.0, 0.0)
    assert (peta["divisor"], peta["weight_start"]) == (8.5, 1.0)
    changed = compose("asmr", "peta", overrides={"retrieval.model.divisor": 9.0})
    assert changed["retrieval"]["model"]["divisor"] == 9.0


def test_asmr_learns_how_much_each_group_counts(tmp_path):
    write_table(tmp_path)
    model = make_model("asmr", tmp_path)
    prototypes = model.embed_queries(model.vectors, model.one_hot, model.text).detach()
    model.regulariser(prototypes, torch.arange(len(prototypes))).backward()
    assert (model.group_weight.grad != 0).all()


# CMCE


def test_cmce_compares_with_buffers_both_ways(tmp_path):
    model = make_model("cmce", tmp_path) if write_table(tmp_path) else None
    model.feature_dropout.p = 0.0
    features, category = as_batch(write_table(tmp_path))
    model.stored_images.normal_()
    model.stored_queries.normal_()
    old_images, old_queries = model.stored_images.clone(), model.stored_queries.clone()
    batch = [3, 9, 11]  # the third category is not in it
    images = model.embed_images(features[batch], features[batch]).detach()
    queries = model.embed_queries(model.vectors, model.one_hot, model.text).detach()
    shown = category[batch].tolist()
    for place, true in reversed(list(enumerate(shown))):
        old_images[true], old_queries[true] = images[place], queries[true]
    expected = {"loss_images": 0.0, "loss_queries": 0.0}
    for place, true in enumerate(shown):
        pairs = {"loss_images": (images[place], old_queries),
                 "loss_queries": (queries[true], old_images)}  # fmt: skip
        for name, (sample, buffer) in pairs.items():
            affinity = [16 * float(sample @ buffer[k]) for k in range(len(buffer))]
            expected[name] += math.log(sum(map(math.exp, affinity))) - affinity[true]
    losses = model.loss(features[batch], category[batch])
    for name, total in expected.items():
        assert float(losses[name].detach()) == pytest.approx(total / 3, rel=1e-4)
    torch.testing.assert_close(model.stored_images, old_images)
    torch.testing.assert_close(model.stored_queries, old_queries)
    assert "stored_images" in model.state_dict()  # an exact resume needs them


def test_cmce_buffers_are_constants_and_keep_the_first_of_a_category(tmp_path):
    write_table(tmp_path)
    model = make_model("cmce", tmp_path)
    images = torch.eye(3, 128)
    model.store(images, images, torch.tensor([5, 2, 5]))
    assert torch.equal(model.stored_images[5], images[0])
    assert torch.equal(model.stored_images[2], images[1])
    features, category = as_batch(write_table(tmp_path))
    losses = model.loss(features, category)
    losses["loss_images"].backward(retain_graph=True)
    assert all(p.grad is None for p in model.attribute.parameters())
    losses["loss_queries"].backward()
    assert all(p.grad is not None for p in model.attribute.parameters())


# AIHM


def test_aihm_similarity_fuses_two_levels_by_quality(tmp_path):
    features, _ = as_batch(write_table(tmp_path))
    model = make_model("aihm", tmp_path).eval()
    torch.nn.init.normal_(model.value_quality)
    torch.nn.init.constant_(model.balance, 0.4)
    images = model.embed_images(features, features)
    queries = model.embed_queries(model.vectors, model.one_hot, model.text)
    unit = torch.nn.functional.normalize
    b = 1 / (1 + math.exp(-0.4))
    for i, q in ((0, 0), (5, 3), (31, 7)):
        x, y = features[i] - model.feature_mean, model.vectors[q].long()
        u = unit(model.visual_quality(x).sigmoid(), dim=0)
        w = unit(torch.stack([model.value_quality[a, y[a]] for a in range(12)]).sigmoid(), dim=0)
        v = model.visual_local(x).view(12, -1)
        t = [unit(model.values_local[a, y[a]], dim=0) for a in range(12)]
        fused = sum(model.join[a] * torch.tanh(model.widen[a] @ t[a]) for a in range(12))
        whole = unit(model.visual(x), dim=0) @ unit(torch.tanh(fused), dim=0)
        local = sum(u[a] * w[a] * (unit(v[a], dim=0) @ t[a]) for a in range(12))
        expected = b * whole + (1 - b) * local
        torch.testing.assert_close(images[i] @ queries[q], expected, rtol=1e-4, atol=1e-5)


def test_aihm_negatives_are_near_misses_that_keep_groups_exclusive(tmp_path):
    _, category = as_batch(write_table(tmp_path))
    model = make_model("aihm", tmp_path)
    torch.manual_seed(0)
    made = model.augment(category)
    groups = schema(12, (4, 3)).groups
    changed = 0
    for image, true in enumerate(category):
        for negative in made[image]:
            different = [c for c in groups if (negative[c] != model.vectors[true][c]).any()]
            assert len(different) <= 2
            changed += bool(different)
            assert all(negative[c].sum() <= 1 for c in groups if len(c) > 1)
    assert changed > made.shape[0] * made.shape[1] / 3
    assert not (made.flatten(0, 1)[:, None] == model.vectors).all(2).any(1).all()  # new ones too


def test_aihm_negatives_enter_the_softmax(tmp_path, monkeypatch):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("aihm", tmp_path).eval()
    made = model.augment(category)
    made[0, 0] = model.vectors[category[0]]  # the true category made again is no negative
    monkeypatch.setattr(model, "augment", lambda category: made)
    images = model.embed_images(features, features)
    queries = model.embed_queries(model.vectors, model.one_hot, model.text)
    total, local = 0.0, 0.0
    unit = torch.nn.functional.normalize
    values = unit(model.values_local, dim=2)
    for i, true in enumerate(category):
        others = [n for n in made[i] if not torch.equal(n, model.vectors[true])]
        negatives = model.embed_queries(torch.stack(others), None, None)
        logits = [16 * float((images[i] @ q).detach()) for q in (*queries, *negatives)]
        total += math.log(sum(map(math.exp, logits))) - logits[true]
        v = unit(model.visual_local(features[i] - model.feature_mean).view(12, -1), dim=1)
        for a in range(12):
            pair = [16 * float((v[a] @ values[a, value]).detach()) for value in (0, 1)]
            local += math.log(sum(map(math.exp, pair))) - pair[int(model.vectors[true, a])]
    losses = model.loss(features, category)
    assert float(losses["loss_match"].detach()) == pytest.approx(total / 32, rel=1e-4)
    assert float(losses["loss_local"].detach()) == pytest.approx(local / 32 / 12, rel=1e-4)
