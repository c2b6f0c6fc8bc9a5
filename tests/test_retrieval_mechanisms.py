"""What makes each retrieval method that method, against loops that follow its formulas."""

import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, schema, write_table
from sklearn.cross_decomposition import CCA

import baselines.sal
from baselines.deep_cca import whitened
from baselines.two_way_net import off_diagonal
from clear_bench.models.joint_space import fixed, mlp


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
    found = scores(key, tmp_path, queries, probabilities)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_agreement_is_strict_and_ties_exactly(tmp_path):
    split = write_table(tmp_path)
    half = np.full((2, 12), 0.5)
    found = scores("agreement", tmp_path, split["vectors"], half)
    assert torch.equal(found[:, 0], found[:, 1])
    assert found[0, 0] == (split["vectors"][0] == 0).sum()


# ASMR


def test_asmr_regulariser_is_a_double_loop(tmp_path):
    split = write_table(tmp_path)
    model = make_model("asmr", tmp_path)
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
            wanted.append(1 / (1 + math.exp(-(1 - distance / len(groups)))))
    mean = sum(cosines) / len(cosines)
    terms = [(c - mean - w) ** 2 for c, w in zip(cosines, wanted, strict=True)]
    found = model.regulariser(prototypes, torch.arange(count))
    assert float(found.detach()) == pytest.approx(sum(terms) / len(terms), rel=1e-4)
    shuffled = model.regulariser(prototypes, torch.randperm(count))
    torch.testing.assert_close(shuffled, found)


def test_asmr_aligns_by_arcface_over_prototypes(tmp_path):
    split = write_table(tmp_path)
    model = make_model("asmr", tmp_path).eval()
    features, category = as_batch(split)
    images = model.embed_images(features, features)
    prototypes = model.embed_queries(model.vectors, model.one_hot, model.text)
    total = 0.0
    for image, own in zip(images, category, strict=True):
        logits = []
        for k, prototype in enumerate(prototypes):
            angle = math.acos(float(image @ prototype))
            logits.append(12 * math.cos(angle + (0.2 if k == own else 0)))
        total += math.log(sum(map(math.exp, logits))) - logits[own]
    losses = model.loss(features, category)
    assert float(losses["loss_alignment"].detach()) == pytest.approx(total / len(images), rel=1e-4)
    rows = torch.arange(len(prototypes))
    regulariser = 6 * model.regulariser(prototypes, rows)
    torch.testing.assert_close(losses["loss_regulariser"], regulariser)


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
    for place, own in reversed(list(enumerate(shown))):
        old_images[own], old_queries[own] = images[place], queries[own]
    expected = {"loss_images": 0.0, "loss_queries": 0.0}
    for place, own in enumerate(shown):
        pairs = {"loss_images": (images[place], old_queries),
                 "loss_queries": (queries[own], old_images)}  # fmt: skip
        for name, (sample, buffer) in pairs.items():
            affinity = [16 * float(sample @ buffer[k]) for k in range(len(buffer))]
            expected[name] += math.log(sum(map(math.exp, affinity))) - affinity[own]
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


# DeepCCA


def test_total_correlation_is_that_of_eigenvalues_and_of_sklearn():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 3))
    x = shared @ rng.normal(size=(3, 3)) + rng.normal(size=(400, 3))
    y = shared @ rng.normal(size=(3, 3)) + 0.5 * rng.normal(size=(400, 3)) + 2
    both = torch.from_numpy(np.concatenate([x, y], axis=1))
    sums = torch.tensor(400.0, dtype=torch.float64), both.sum(0), both.T @ both
    correlation, first, second = whitened(*sums, ridge=0.0)
    found = torch.linalg.svdvals(correlation).numpy()
    c = np.cov(np.concatenate([x, y], axis=1).T, bias=True)
    s11, s12, s22 = c[:3, :3], c[:3, 3:], c[3:, 3:]
    product = np.linalg.solve(s11, s12) @ np.linalg.solve(s22, s12.T)
    eigenvalues = np.sort(np.linalg.eigvals(product).real)[::-1]
    np.testing.assert_allclose(found, np.sqrt(eigenvalues), rtol=1e-8)
    a, b = CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(x, y)
    sklearn = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(found, sklearn, rtol=1e-5)
    np.testing.assert_allclose((first @ first.T).numpy(), s11, rtol=1e-9)
    np.testing.assert_allclose((second @ second.T).numpy(), s22, rtol=1e-9)


def test_deep_cca_sums_decay_and_its_loss_is_what_is_missing_of_all_correlation(tmp_path):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("deep_cca", tmp_path, dim=4).eval()
    halves = [slice(0, 20), slice(20, 32)]
    weight, total, products = 0.0, 0.0, 0.0
    for half in halves:
        images = model.visual(model.centred(features[half]))
        queries = model.attribute(model.vectors[category[half]])
        both = torch.cat([images, queries], dim=1).detach().double()
        weight, total, products = 0.9 * weight, 0.9 * total, 0.9 * products
        for row in both:
            weight, total = weight + 1, total + row
            products = products + torch.outer(row, row)
        loss = model.loss(features[half], category[half])["loss"]
    torch.testing.assert_close(model.total, total)
    torch.testing.assert_close(model.products, products)
    mean = total / weight
    c = (products / weight - torch.outer(mean, mean)).numpy()
    s11, s12, s22 = c[:4, :4] + 1e-3 * np.eye(4), c[:4, 4:], c[4:, 4:] + 1e-3 * np.eye(4)
    product = np.linalg.solve(s11, s12) @ np.linalg.solve(s22, s12.T)
    missing = 4 - np.sqrt(np.linalg.eigvals(product).real.clip(0)).sum()
    assert float(loss.detach()) == pytest.approx(missing, rel=1e-6)


def test_deep_cca_ranks_along_canonical_directions(tmp_path):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("deep_cca", tmp_path, dim=4).eval()
    model.loss(features, category)
    images = model.visual(model.centred(features)).detach().double()
    queries = model.attribute(model.vectors).detach().double()
    mean = model.total / model.weight
    correlation, first, second = whitened(model.weight, model.total, model.products, 1e-3)
    left, _, right = torch.linalg.svd(correlation)
    directions = torch.linalg.inv(first).T @ left, torch.linalg.inv(second).T @ right.T
    projected = [(s - m) @ d for s, m, d in
                 zip((images, queries), mean.split(4), directions, strict=True)]  # fmt: skip
    cosine = torch.nn.functional.cosine_similarity(projected[1][:, None], projected[0][None], dim=2)
    found = (
        model.embed_queries(model.vectors, model.one_hot, model.text)
        @ model.embed_images(features, features).T
    )
    torch.testing.assert_close(found.double(), cosine, rtol=1e-3, atol=1e-4)


# 2WayNet


def test_decorrelation_counts_only_what_units_share():
    hidden = torch.randn(50, 4)
    squares, diagonal = 0.0, 0.0
    for i in range(4):
        for j in range(4):
            c = sum(float(hidden[n, i] * hidden[n, j]) for n in range(50)) / 50
            squares += c**2
            diagonal += c**2 if i == j else 0
    expected = math.sqrt(squares) - math.sqrt(diagonal)
    assert float(off_diagonal(hidden)) == pytest.approx(expected, rel=1e-4)
    orthogonal = torch.linalg.qr(torch.randn(50, 4))[0]
    assert float(off_diagonal(orthogonal)) == pytest.approx(0, abs=1e-6)


def test_two_way_channels_share_transposed_weights(tmp_path):
    split = write_table(tmp_path)
    model = make_model("two_way_net", tmp_path, widths=[6, 5, 4]).eval()
    for bias in (*model.x_bias, *model.y_bias):
        torch.nn.init.normal_(bias)
    x, y = torch.randn(3, 24), torch.randn(3, 12)
    w1, w2, w3, w4 = model.weights
    leaky = torch.nn.LeakyReLU(0.3)
    h = x
    for w, b, norm in zip((w1, w2, w3), model.x_bias, model.x_norm, strict=False):
        h = leaky(norm(h @ w.T + b))
    torch.testing.assert_close(model.channel_x(x, [None] * 3)[-1], h @ w4.T + model.x_bias[3])
    k = y
    for place, w in ((2, w4), (1, w3), (0, w2)):
        k = leaky(model.y_norm[place](k @ w + model.y_bias[place + 1]))
    torch.testing.assert_close(model.channel_y(y, [None] * 3)[-1], k @ w1 + model.y_bias[0])
    features, _ = as_batch(split)
    queries = model.embed_queries(model.vectors, model.one_hot, model.text).detach().numpy()
    images = model.embed_images(features, features).detach().numpy()
    hidden = [model.channel_y(model.vectors - model.attribute_mean, [None] * 3)[1],
              model.channel_x(features - model.feature_mean, [None] * 3)[1]]  # fmt: skip
    a, b = (side[0].detach().numpy() for side in hidden)
    assert float(queries[0] @ images[0]) == pytest.approx(np.corrcoef(a, b)[0, 1], rel=1e-4)


def test_two_way_dropout_is_tied_and_losses_are_those_of_the_formula(tmp_path, monkeypatch):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("two_way_net", tmp_path, widths=[16, 16, 16], feature_dropout=0.0)
    seen = {}
    for name in ("channel_x", "channel_y"):
        original = getattr(model, name)

        def spy(values, masks, name=name, original=original):
            seen[name] = (masks, original(values, masks))
            return seen[name][1]

        monkeypatch.setattr(model, name, spy)
    for norm in (*model.x_norm, *model.y_norm):
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
    losses = {k: float(v.detach()) for k, v in model.loss(features, category).items()}
    (masks, layers_x), (same, layers_y) = seen["channel_x"], seen["channel_y"]
    assert all(a is b for a, b in zip(masks, same, strict=True))
    assert all(set(m.unique().tolist()) == {0.0, 2.0} for m in masks)
    for layer in range(3):
        dropped = masks[layer] == 0
        assert (layers_x[layer][dropped] == 0).all() and (layers_y[layer][dropped] == 0).all()
    x, y = features - model.feature_mean, model.vectors[category] - model.attribute_mean
    h, k = layers_x[1], layers_y[1]
    scales = [float(g) for n in (*model.x_norm, *model.y_norm) for g in n.weight]

    def squared(a, b):
        rows = [sum(float(d) ** 2 for d in row) for row in (a - b).detach()]
        return sum(rows) / len(rows)

    assert losses["loss_features"] == pytest.approx(squared(x, layers_y[-1]), rel=1e-4)
    assert losses["loss_attributes"] == pytest.approx(squared(y, layers_x[-1]), rel=1e-4)
    assert losses["loss_middle"] == pytest.approx(0.25 * squared(h, k), rel=1e-4)
    assert losses["loss_scale"] == pytest.approx(0.05 * sum(g**-2 for g in scales), rel=1e-4)
    both = 0.5 * float((off_diagonal(h) + off_diagonal(k)).detach())
    assert losses["loss_decorrelation"] == pytest.approx(both, rel=1e-4)


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
        fused = sum(w[a] * model.values[a, y[a]] for a in range(12))
        whole = unit(model.visual(x), dim=0) @ unit(model.category(torch.tanh(fused)), dim=0)
        local = sum(
            u[a] * w[a] * (unit(v[a], dim=0) @ unit(model.values_local[a, y[a]], dim=0))
            for a in range(12)
        )
        expected = b * whole + (1 - b) * local
        torch.testing.assert_close(images[i] @ queries[q], expected, rtol=1e-4, atol=1e-5)


def test_aihm_negatives_are_near_misses_that_keep_groups_exclusive(tmp_path):
    _, category = as_batch(write_table(tmp_path))
    model = make_model("aihm", tmp_path)
    torch.manual_seed(0)
    made = model.augment(category)
    groups = schema(12, (4, 3)).groups
    changed = 0
    for image, own in enumerate(category):
        for negative in made[image]:
            different = [c for c in groups if (negative[c] != model.vectors[own][c]).any()]
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
    for i, own in enumerate(category):
        others = [n for n in made[i] if not torch.equal(n, model.vectors[own])]
        negatives = model.embed_queries(torch.stack(others), None, None)
        logits = [16 * float(images[i] @ q) for q in (*queries, *negatives)]
        total += math.log(sum(map(math.exp, logits))) - logits[own]
        v = unit(model.visual_local(features[i] - model.feature_mean).view(12, -1), dim=1)
        for a in range(12):
            pair = [16 * float(v[a] @ values[a, value]) for value in (0, 1)]
            local += math.log(sum(map(math.exp, pair))) - pair[int(model.vectors[own, a])]
    losses = model.loss(features, category)
    assert float(losses["loss_match"].detach()) == pytest.approx(total / 32, rel=1e-4)
    assert float(losses["loss_local"].detach()) == pytest.approx(local / 32 / 12, rel=1e-4)


# SAL


def test_sal_draws_unseen_categories_from_the_priors(tmp_path):
    write_table(tmp_path)
    model = make_model("sal", tmp_path)
    torch.manual_seed(0)
    drawn = model.draw(20_000)
    for columns in schema(12, (4, 3)).groups:
        patterns, where = model.vectors[:, columns].unique(dim=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            prior = float(model.counts[where == number].sum() / model.counts.sum())
            share = float((drawn[:, columns] == pattern).all(1).float().mean())
            assert share == pytest.approx(prior, abs=0.02)
    unseen = (drawn[:, None] == model.vectors).all(2).any(1).float().mean()
    assert unseen < 0.5  # most are no training category
    joint = ((drawn[:, 0] == 1) & (drawn[:, 4] == 1)).float().mean()
    apart = (drawn[:, 0] == 1).float().mean() * (drawn[:, 4] == 1).float().mean()
    assert float(joint) == pytest.approx(float(apart), abs=0.02)  # groups are independent


SAL_OWNERS = {
    "loss_image": {"encode_image", "attributes_of", "category_of"},
    "loss_attribute": {"attribute", "encode_attribute", "attributes_of", "category_of"},
    "loss_judge_pair": {"judge_pair"},
    "loss_made": {"to_image", "to_attribute"},
    "loss_judge_space": {"judge_space"},
    "loss_aligned": {"encode_attribute"},
}
"""Which parts each of SAL's objectives may move, by the optimisers of its code."""


@pytest.mark.parametrize("name", SAL_OWNERS)
def test_sal_moves_each_part_by_its_own_objective_alone(tmp_path, name):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path)
    model.loss(features, category)[name].backward()
    moved = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert moved == SAL_OWNERS[name]


@pytest.mark.parametrize(
    ("done", "names"),
    [(0.0, {"loss_image"}), (0.4, {"loss_image", "loss_attribute"}), (0.7, set(SAL_OWNERS))],
)
def test_sal_has_three_stages(tmp_path, done, names):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path)
    model.done = done
    assert set(model.loss(features, category)) == names


def test_sal_judges_by_the_formula(tmp_path, monkeypatch):
    """Both judges, what fools them, cycle and consistency, one sample at a time."""
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path, fakes=16).eval()  # running averages: no batch effects
    drawn = model.draw(16)
    monkeypatch.setattr(model, "draw", lambda count: drawn)
    torch.manual_seed(5)
    noise = [torch.randn(32, 400), torch.randn(16, 400)]
    torch.manual_seed(5)
    losses = model.loss(features, category)
    x = model.image(features - model.feature_mean)
    a, f = model.attribute(model.vectors[category]), model.attribute(drawn)
    share = 32 / 48

    def told(judge, samples, real):
        target = 1.0 if real else 0.1  # smoothed by 0.1, as with one class
        terms = []
        for logit in judge(samples).flatten().tolist():
            p = 1 / (1 + math.exp(-logit))
            terms.append(-target * math.log(p) - (1 - target) * math.log(1 - p))
        return sum(terms) / len(terms)

    def apart(one, two):
        return float((one - two).square().mean())

    x1 = model.to_image(torch.cat([a, noise[0]], 1))
    f1 = model.to_image(torch.cat([f, noise[1]], 1))
    a1 = model.to_attribute(x)
    pairs = {k: torch.cat(v, 1) for k, v in
             {"real": (a, x), "x1": (a, x1), "f1": (f, f1), "a1": (a1, x)}.items()}  # fmt: skip
    judge, space = model.judge_pair, model.judge_space
    ev, ea = model.encode_image, model.encode_attribute
    weights = {"x1": share, "f1": 1 - share, "a1": 1.0}
    expected = {
        "loss_judge_pair": told(judge, pairs["real"], True)
        + sum(w * told(judge, pairs[k], False) for k, w in weights.items()),
        "loss_made": sum(w * told(judge, pairs[k], True) for k, w in weights.items())
        + share * apart(ev(x1), ea(a)) + apart(ev(x1), ev(x))
        + (1 - share) * apart(ev(f1), ea(f))
        + apart(ea(a1), ev(x)) + apart(ea(a1), ea(a))
        + share * apart(model.to_attribute(x1), a)
        + (1 - share) * apart(model.to_attribute(f1), f),
        "loss_judge_space": told(space, ev(x), True) + share * told(space, ev(x1), True)
        + (1 - share) * told(space, ev(f1), True) + share * told(space, ea(a), False)
        + told(space, ea(a1), False) + (1 - share) * told(space, ea(f), False),
        "loss_aligned": share * told(space, ea(a), True) + told(space, ea(a1), True)
        + (1 - share) * told(space, ea(f), True),
    }  # fmt: skip
    for name, value in expected.items():
        assert float(losses[name].detach()) == pytest.approx(value, rel=1e-4), name


def test_sal_smooths_labels_by_hand():
    logits, labels = torch.tensor([[0.3, -1.0]]), torch.tensor([[1.0, 0.0]])
    total = 0.0
    for logit, label in ((0.3, 0.95), (-1.0, 0.05)):  # 0.9 y + 0.1 / 2
        p = 1 / (1 + math.exp(-logit))
        total += -label * math.log(p) - (1 - label) * math.log(1 - p)
    assert float(baselines.sal.smooth_bce(logits, labels)) == pytest.approx(total, rel=1e-5)


def test_a_fixed_network_passes_the_gradient_and_keeps_none():
    network = mlp([4, 6, 2], norm=True).train()
    network[1].running_mean.normal_()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    inputs = torch.randn(5, 4, requires_grad=True)
    found = fixed(network, inputs)
    found.sum().backward()
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert (inputs.grad != 0).any()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    torch.testing.assert_close(found, network.eval()(inputs))
