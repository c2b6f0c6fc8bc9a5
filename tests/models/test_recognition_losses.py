"""The losses that `loss_weighting` chooses from, against loops, and the switches around them."""

import copy
import math

import pytest
import torch
from methods import RECIPES, RECOGNITION, batch, build_method

from clear_bench.config.compose import compose
from clear_bench.config.plugins import available
from clear_bench.models.losses import asymmetric_bce, focal_bce, weighted_bce
from clear_bench.models.options import LOSS_WEIGHTING
from clear_bench.utils.errors import UserError

OWN = {"recognition.model.loss_weighting": "focal"}
CLEARS = [k for k in RECOGNITION if RECIPES[k]["model"]["type"] == "Clear"]


def example():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(3, 4, generator=generator)
    labels = (torch.rand(3, 4, generator=generator) < 0.5).float()
    labels[0, 0], labels[0, 1] = 0, 1
    return logits, labels


def by_hand(logits, labels, cost):
    """Sum ``cost(probability, label)`` over attributes, average over images."""
    total = 0.0
    for i in range(len(logits)):
        for j in range(logits.shape[1]):
            total += cost(1 / (1 + math.exp(-float(logits[i, j]))), int(labels[i, j]))
    return total / len(logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_by_hand(gamma):
    def cost(p, label):
        q = p if label else 1 - p
        return -((1 - q) ** gamma) * math.log(q)

    logits, labels = example()
    assert float(focal_bce(logits, labels, gamma)) == pytest.approx(
        by_hand(logits, labels, cost), rel=1e-5
    )


@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
@pytest.mark.parametrize(("up", "down"), [(0.0, 4.0), (1.0, 2.0), (0.0, 0.0), (0.5, 0.5)])
def test_asymmetric_by_hand(up, down, clip):
    def cost(p, label):
        if label:
            return -((1 - p) ** up) * math.log(p)
        shifted = max(p - clip, 0.0)
        return -(shifted**down) * math.log(1 - shifted)

    logits, labels = example()
    loss = asymmetric_bce(logits, labels, positive_gamma=up, negative_gamma=down, clip=clip)
    assert float(loss) == pytest.approx(by_hand(logits, labels, cost), rel=1e-5)


def test_a_detached_focus_is_a_constant_weight():
    logits, labels = example()
    settings = {"positive_gamma": 1.0, "negative_gamma": 2.0, "clip": 0.05}
    logits.requires_grad_()
    asymmetric_bce(logits, labels, **settings, detach_focus=True).backward()
    for i in range(3):
        for j in range(4):
            p = torch.sigmoid(logits[i, j].detach().double())
            if labels[i, j]:  # the slope of -log(p) is p - 1
                slope = (1 - p) * (p - 1)
            else:  # that of -log(1 - p + 0.05) is p (1 - p) / (1.05 - p), where it costs at all
                shifted = (p - 0.05).clamp(min=0)
                slope = shifted**2 * p * (1 - p) / (1.05 - p)
            assert float(logits.grad[i, j]) == pytest.approx(float(slope) / 3, rel=1e-4, abs=1e-7)


def test_without_focus_or_weight_all_are_the_plain_cross_entropy():
    logits, labels = example()
    plain = by_hand(logits, labels, lambda p, label: -math.log(p if label else 1 - p))
    none = {"positive_gamma": 0.0, "negative_gamma": 0.0, "clip": 0.0}
    for loss in (
        weighted_bce(logits, labels, torch.full((4,), 0.2), strength=0.0),
        focal_bce(logits, labels, 0.0),
        asymmetric_bce(logits, labels, **none),
    ):
        assert float(loss) == pytest.approx(plain, rel=1e-5)


def test_strength_is_a_factor_on_the_exponent():
    logits, labels = example()
    ratio = torch.tensor([0.1, 0.4, 0.6, 0.9])
    total = 0.0
    for i in range(3):
        for j in range(4):
            p, r = 1 / (1 + math.exp(-float(logits[i, j]))), float(ratio[j])
            if labels[i, j]:
                total -= math.log(p) * math.exp(0.5 * (1 - r))
            else:
                total -= math.log(1 - p) * math.exp(0.5 * r)
    assert float(weighted_bce(logits, labels, ratio, 0.5)) == pytest.approx(total / 3, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_certain_answers_right_or_wrong_stay_finite(gamma, clip):
    labels = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    logits = torch.tensor([[200.0, -200.0, -200.0, 200.0]], requires_grad=True)
    rule = {"positive_gamma": gamma, "negative_gamma": gamma, "clip": clip}
    for loss in (focal_bce(logits, labels, gamma), asymmetric_bce(logits, labels, **rule)):
        (slope,) = torch.autograd.grad(loss, logits)
        assert torch.isfinite(loss) and torch.isfinite(slope).all()
        assert (slope[0, :2].abs() < 1e-6).all() and slope[0, 2] < -0.1


def test_half_precision_gives_the_same_loss_in_single():
    logits, labels = example()
    low = logits.half()
    rule = {"positive_gamma": 0.0, "negative_gamma": 4.0, "clip": 0.05}
    torch.testing.assert_close(focal_bce(low, labels, 2.0), focal_bce(low.float(), labels, 2.0))
    torch.testing.assert_close(
        asymmetric_bce(low, labels, **rule), asymmetric_bce(low.float(), labels, **rule)
    )


@pytest.mark.parametrize("kind", LOSS_WEIGHTING.values)
def test_clear_learns_by_the_loss_that_was_chosen(kind, tmp_path):
    changes = {"weight_strength": 0.5, "focal_gamma": 3.0, "negative_gamma": 2.0,
               "positive_gamma": 1.0, "negative_clip": 0.1}  # fmt: skip
    model = build_method("clear", tmp_path, loss_weighting=kind, **changes).eval()
    images, labels = batch(4)
    logits = model.classify(model.features(images))
    expected = {
        "none": lambda: weighted_bce(logits, labels, model.positive_ratio, 0.0),
        "exp": lambda: weighted_bce(logits, labels, model.positive_ratio, 0.5),
        "focal": lambda: focal_bce(logits, labels, 3.0),
        "asymmetric": lambda: asymmetric_bce(
            logits, labels, positive_gamma=1.0, negative_gamma=2.0, clip=0.1
        ),
    }[kind]()
    loss = model.loss(images, labels)["loss"]
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("key", sorted(available("method")))
def test_only_methods_of_clears_class_take_the_switch(key):
    if key in CLEARS:
        assert compose(key, "synthped", overrides=OWN)["recognition"]["model"]["loss_weighting"]
    else:
        with pytest.raises(UserError, match="loss_weighting"):
            compose(key, "synthped", overrides=OWN)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"loss_weighting": "focus"}, "focal"),
        ({"focal_gamma": -1.0}, "0 or more"),
        ({"negative_clip": 1.0}, "negative_clip"),
        ({"branches": ["vit"]}, "lone branch"),
    ],
)
def test_nonsense_is_one_clear_line(changes, cause, tmp_path):
    with pytest.raises(UserError, match=cause):
        build_method("clear", tmp_path, **changes)


def test_channel_dropout_and_stages(tmp_path):
    swin = copy.deepcopy(dict(RECIPES["clear"]["model"]["swin"]))
    wanted = {"channel_dropout": 0.4, "channel_stages": [1, 3]}
    branch = build_method("clear", tmp_path, swin={**swin, **wanted}).trunk.branches[0]
    assert list(branch.channel_attention) == ["1", "3"]
    assert {a.dropout.p for a in branch.channel_attention.values()} == {0.4}
    for wrong, cause in (
        ({"channel_stages": [4]}, "from 0 to 3"),
        ({"channel_stages": []}, "channel_attention=off"),
        ({"channel_dropout": 2.0}, "probability has to be between 0 and 1"),
    ):
        with pytest.raises(UserError, match=cause):
            build_method("clear", tmp_path, swin={**swin, **wrong})
