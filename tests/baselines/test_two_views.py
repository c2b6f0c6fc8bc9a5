"""DeepCCA and 2WayNet against eigenvalues, scikit-learn and loops that follow their formulas."""

import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, write_table
from sklearn.cross_decomposition import CCA

from baselines.deep_cca import whitened
from baselines.two_way_net import off_diagonal

# DeepCCA


def test_total_correlation_is_that_of_eigenvalues_and_of_sklearn():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 3))
    x = shared @ rng.normal(size=(3, 3)) + rng.normal(size=(400, 3))
    y = shared @ rng.normal(size=(3, 3)) + 0.5 * rng.normal(size=(400, 3)) + 2
    both = torch.from_numpy(np.concatenate([x, y], axis=1))
    sums = torch.tensor(400.0, dtype=torch.float64), both.sum(0), both.T @ both
    correlation, first, second = whitened(*sums, ridge=0.0)
    canonical = torch.linalg.svdvals(correlation).numpy()
    c = np.cov(np.concatenate([x, y], axis=1).T, bias=True)
    s11, s12, s22 = c[:3, :3], c[:3, 3:], c[3:, 3:]
    product = np.linalg.solve(s11, s12) @ np.linalg.solve(s22, s12.T)
    eigenvalues = np.sort(np.linalg.eigvals(product).real)[::-1]
    np.testing.assert_allclose(canonical, np.sqrt(eigenvalues), rtol=1e-8)
    a, b = CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(x, y)
    sklearn = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(canonical, sklearn, rtol=1e-5)
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
    ranked = (
        model.embed_queries(model.vectors, model.one_hot, model.text)
        @ model.embed_images(features, features).T
    )
    torch.testing.assert_close(ranked.double(), cosine, rtol=1e-3, atol=1e-4)


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
    grown = float(torch.tensor(0.5).rsqrt())  # 1 / sqrt(keep): the variance stays, not the mean
    assert all(set(m.unique().tolist()) == {0.0, grown} for m in masks)
    for layer in range(3):
        dropped = masks[layer] == 0
        assert (layers_x[layer][dropped] == 0).all() and (layers_y[layer][dropped] == 0).all()
    x, y = features - model.feature_mean, model.vectors[category] - model.attribute_mean
    h, k = layers_x[1], layers_y[1]
    scales = [g for n in (*model.x_norm, *model.y_norm) for g in n.weight.tolist()]

    def squared(a, b):
        rows = [sum(float(d) ** 2 for d in row) for row in (a - b).detach()]
        return sum(rows) / len(rows)

    assert losses["loss_features"] == pytest.approx(squared(x, layers_y[-1]), rel=1e-4)
    assert losses["loss_attributes"] == pytest.approx(squared(y, layers_x[-1]), rel=1e-4)
    assert losses["loss_middle"] == pytest.approx(0.25 * squared(h, k), rel=1e-4)
    assert losses["loss_scale"] == pytest.approx(0.05 * sum(g**-2 for g in scales), rel=1e-4)
    squares = [w**2 for weight in model.weights for w in weight.flatten().tolist()]
    squares += [g**2 for g in scales]
    assert losses["loss_decay"] == pytest.approx(0.05 * sum(squares), rel=1e-4)
    both = 0.5 * float((off_diagonal(h) + off_diagonal(k)).detach())
    assert losses["loss_decorrelation"] == pytest.approx(both, rel=1e-4)


def test_two_way_scales_rest_where_decay_and_their_penalty_balance(tmp_path):
    """0.05 (g^2 + 1 / g^2) is least at 1, near which they start."""
    write_table(tmp_path)
    model = make_model("two_way_net", tmp_path, widths=[6, 5, 4])
    for norm in (*model.x_norm, *model.y_norm):
        assert norm.eps == 1e-3
        assert ((norm.weight >= 0.95) & (norm.weight <= 1.05)).all()
        assert norm.weight.unique().numel() > 1


def test_two_way_dropout_keeps_the_variance(tmp_path):
    write_table(tmp_path)
    model = make_model("two_way_net", tmp_path, dropout=0.2).train()
    (mask, *_) = model._masks(4000, torch.device("cpu"))
    assert float(mask.square().mean()) == pytest.approx(1, abs=0.01)
    assert float((mask == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
