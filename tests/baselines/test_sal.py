"""SAL: what each part learns from, its three stages, its losses one sample at a time."""

import math

import pytest
import torch
from retrieval_tables import as_batch, make_model, schema, write_table

import baselines.sal
from clear_bench.models.joint_space import fixed, mlp


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
    [(0.0, {"loss_image"}), (0.5, {"loss_image", "loss_attribute"}), (0.8, set(SAL_OWNERS))],
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
        return float((one - two).square().mean().detach())

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
    outputs = fixed(network, inputs)
    outputs.sum().backward()
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert (inputs.grad != 0).any()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    torch.testing.assert_close(outputs, network.eval()(inputs))
