"""SAL: what each part learns from, its three stages, its losses one sample at a time."""

import itertools
import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, write_table
from torch.nn import functional as F

import baselines.sal
from clear_bench.models.joint_space import fixed, mlp


def filled_and_lone(folder):
    """Return SAL over a table whose first group is always filled, its second in half the images."""
    write_table(folder, 9, (3, 2))
    with np.load(folder / "table.npz") as arrays:
        table = dict(arrays)
    rng = np.random.default_rng(3)
    vectors = (rng.random((200, 9)) < [0, 0, 0, 0, 0, 0.9, 0.5, 0.3, 0.1]).astype(np.uint8)
    vectors[np.arange(200), rng.choice(3, 200, p=[0.6, 0.3, 0.1])] = 1
    vectors[:100, 3] = 1
    vectors = np.unique(vectors, axis=0)
    counts = rng.integers(1, 9, len(vectors))
    codes = {k: np.zeros((len(vectors), 1), np.float32) for k in ("one_hot", "text")}
    np.savez(folder / "table.npz", **{**table, **codes, "vectors": vectors, "counts": counts})
    return make_model("sal", folder), (counts @ vectors / counts.sum()).tolist()


def test_sal_draws_unseen_categories_from_the_priors(tmp_path):
    model, prior = filled_and_lone(tmp_path)
    torch.manual_seed(0)
    drawn = model.draw(20_000)
    lone = range(3, 9)  # the half-empty group's members stand alone
    present = round(sum(prior[k] for k in lone))
    assert 1 < present < 5
    assert (drawn[:, :3].sum(1) == 1).all()
    assert (drawn[:, 3:].sum(1) == present).all()
    expected = [prior[k] / sum(prior[:3]) for k in range(3)]
    orders = dict.fromkeys(lone, 0.0)  # one attribute after the other, by what is left
    for order in itertools.permutations(lone, present):
        chance, left = 1.0, sum(prior[k] for k in lone)
        for k in order:
            chance, left = chance * prior[k] / left, left - prior[k]
        for k in order:
            orders[k] += chance
    expected += orders.values()
    np.testing.assert_allclose(drawn.mean(0).numpy(), expected, atol=0.015)
    joint = ((drawn[:, 0] == 1) & (drawn[:, 6] == 1)).float().mean()
    assert float(joint) == pytest.approx(expected[0] * expected[6], abs=0.015)
    unseen = (drawn[:500, None] == model.vectors).all(2).any(1)
    assert not unseen.all()


def test_sal_draws_no_more_than_there_is(tmp_path):
    """Attributes that no training image has are not drawn; neither are any where none is lone."""
    model, _ = filled_and_lone(tmp_path)
    model.priors[3:] = torch.tensor([0.9, 0.0, 0.9, 0.0, 0.9, 0.0])
    model.present = 3
    assert (model.draw(50)[:, 3:] == torch.tensor([1.0, 0, 1, 0, 1, 0])).all()
    model.present = 0
    assert (model.draw(50).sum(1) == 1).all()


SAL_OWNERS = {
    "loss_image": {"image", "encode_image", "attributes_of", "category_of"},
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
    [(0.0, {"loss_image"}), (0.5, {"loss_image", "loss_attribute"}), (0.8, set(SAL_OWNERS))],
)
def test_sal_has_three_stages(tmp_path, done, names):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path)
    model.done = done
    assert set(model.loss(features, category)) == names


def by_hand(network, samples, batch=True):
    """Run a network layer by layer, normalising by the batch's moments or by running averages."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            mean, square = samples.mean(0), samples.square().mean(0)
            variance = square - mean**2 if batch else layer.running_var
            centred = samples - (mean if batch else layer.running_mean)
            samples = layer.weight * centred / (variance + 1e-5).sqrt() + layer.bias
        elif not list(layer.children()):
            samples = layer(samples)
    return samples


def told(said, real):
    """The code's loss takes what is already a probability for a logit."""
    target = 1.0 if real else 0.1  # smoothed by 0.1, as with one class
    terms = []
    for logit in said.flatten().tolist():
        assert 0 < logit < 1
        p = 1 / (1 + math.exp(-logit))
        terms.append(-target * math.log(p) - (1 - target) * math.log(1 - p))
    return sum(terms) / len(terms)


def sal_by_hand(model, features, category, drawn, noise):
    """Return the losses of the last stage: networks in training, encoders as they were in GX, GA.

    Classification of made samples, cycle and consistency, both judges, what fools them.
    """
    x, labels = model.image(features - model.feature_mean), model.vectors[category]
    share = len(x) / (len(x) + len(drawn))
    a, f = by_hand(model.attribute, labels), by_hand(model.attribute, drawn)
    x1 = by_hand(model.to_image, torch.cat([a, noise[0]], 1))
    f1 = by_hand(model.to_image, torch.cat([f, noise[1]], 1))
    a1 = by_hand(model.to_attribute, x)

    def apart(one, two):
        return float((one - two).square().mean().detach())

    def pair(left, right, real):
        return told(by_hand(model.judge_pair, torch.cat([left, right], 1)), real)

    def space(encoder, sample, real):
        return told(by_hand(model.judge_space, by_hand(encoder, sample)), real)

    def named(encoder, sample, share=1.0):
        code = by_hand(encoder, sample)
        attributes = baselines.sal.smooth_bce(model.attributes_of(code), labels)
        log_p = model.category_of(code).log_softmax(1)
        wanted = 0.9 * F.one_hot(category, log_p.shape[1]) + 0.1 / log_p.shape[1]
        return float((share * attributes - (wanted * log_p).sum(1).mean()).detach())

    def frozen(encoder, sample):
        return by_hand(encoder, sample, batch=False)

    ev, ea, rest = model.encode_image, model.encode_attribute, 1 - share
    unseen = baselines.sal.smooth_bce(model.attributes_of(by_hand(ea, f)), drawn)
    return {
        "loss_image": (named(ev, x) + named(ev, x1)) / 2,
        "loss_attribute": (named(ea, a, share) + named(ea, a1) + rest * float(unseen)) / 2,
        "loss_judge_pair": pair(a, x, True) + share * pair(a, x1, False)
        + rest * pair(f, f1, False) + pair(a1, x, False),
        "loss_made": share * pair(a, x1, True) + rest * pair(f, f1, True) + pair(a1, x, True)
        + share * apart(frozen(ev, x1), frozen(ea, a)) + apart(frozen(ev, x1), frozen(ev, x))
        + rest * apart(frozen(ev, f1), frozen(ea, f))
        + apart(frozen(ea, a1), frozen(ev, x)) + apart(frozen(ea, a1), frozen(ea, a))
        + share * apart(by_hand(model.to_attribute, x1), a)
        + rest * apart(by_hand(model.to_attribute, f1), f),
        "loss_judge_space": space(ev, x, True) + share * space(ev, x1, True)
        + rest * space(ev, f1, True) + share * space(ea, a, False)
        + space(ea, a1, False) + rest * space(ea, f, False),
        "loss_aligned": share * space(ea, a, True) + space(ea, a1, True)
        + rest * space(ea, f, True),
    }  # fmt: skip


@torch.no_grad()
def test_sal_is_what_its_losses_say_by_hand(tmp_path, monkeypatch):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path, fakes=16, feature_dropout=0.0).train()
    for norm in (m for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 2)
    drawn = model.draw(16)
    monkeypatch.setattr(model, "draw", lambda count: drawn)
    torch.manual_seed(5)
    noise = [torch.randn(32, 400), torch.randn(16, 400)]
    expected = sal_by_hand(model, features, category, drawn, noise)
    torch.manual_seed(5)
    losses = model.loss(features, category)
    assert set(losses) == set(expected)
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(value, rel=1e-3), name


def test_sal_counts_the_early_stages_whole(tmp_path):
    features, category = as_batch(write_table(tmp_path))
    model = make_model("sal", tmp_path, feature_dropout=0.0)
    model.done = 0.5
    code = by_hand(model.encode_image, model.image(features - model.feature_mean))
    attributes = baselines.sal.smooth_bce(model.attributes_of(code), model.vectors[category])
    categories = F.cross_entropy(model.category_of(code), category, label_smoothing=0.1)
    torch.testing.assert_close(model.loss(features, category)["loss_image"],
                               attributes + categories)  # fmt: skip


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
    outputs = fixed(network, inputs)
    outputs.sum().backward()
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert (inputs.grad != 0).any()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    torch.testing.assert_close(outputs, network.eval()(inputs))


def test_a_fixed_network_keeps_its_averages_until_the_backward_pass():
    """torch reads running averages in the backward pass, where other calls have moved them."""
    network = mlp([4, 6, 2], norm=True).train()
    inputs = torch.randn(5, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(network.eval()(inputs).sum(), inputs)
    outputs = fixed(network.train(), inputs).sum()
    network(10 * torch.randn(50, 4))
    outputs.backward()
    torch.testing.assert_close(inputs.grad, expected)


def test_a_fixed_judge_normalises_by_the_batch():
    network = mlp([4, 6, 2], norm=True).train()
    inputs = torch.randn(5, 4, requires_grad=True)
    outputs = fixed(network, inputs, batch_statistics=True)
    assert (network[1].running_mean != 0).all()
    torch.testing.assert_close(outputs, by_hand(network, inputs))
    outputs.square().sum().backward()
    (expected,) = torch.autograd.grad(by_hand(network, inputs).square().sum(), inputs)
    torch.testing.assert_close(inputs.grad, expected, rtol=1e-3, atol=1e-5)
    assert all(p.grad is None for p in network.parameters())
