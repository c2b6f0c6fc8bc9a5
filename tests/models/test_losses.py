"""Losses against loops that follow the formulas one term at a time."""

import math

import pytest
import torch

from clear_bench.models.layers import logit_norm
from clear_bench.models.losses import contrastive, hardest_hinge, margin_softmax, weighted_bce


def test_weighted_bce_by_hand():
    logits = torch.tensor([[0.3, -1.2, 2.0], [-0.5, 0.1, 0.0]])
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    ratio = torch.tensor([0.2, 0.5, 0.9])
    total = 0.0
    for i in range(2):
        for j in range(3):
            p = 1 / (1 + math.exp(-float(logits[i, j])))
            if labels[i, j]:
                total += -math.log(p) * math.exp(1 - float(ratio[j]))
            else:
                total += -math.log(1 - p) * math.exp(float(ratio[j]))
    assert float(weighted_bce(logits, labels, ratio)) == pytest.approx(total / 2, rel=1e-6)


@pytest.mark.parametrize("angular", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_margin_softmax_by_hand(angular, margin):
    torch.manual_seed(0)
    cosine = torch.rand(4, 5) * 2 - 1
    target = torch.tensor([0, 3, 3, 4])
    cosine[1, 3] = -0.99  # angle and margin pass pi
    total = 0.0
    for i in range(4):
        logits = [10 * float(c) for c in cosine[i]]
        true = float(cosine[i, target[i]])
        hard = true - margin
        if angular and math.acos(true) + margin < math.pi:
            hard = math.cos(math.acos(true) + margin)
        elif angular:
            hard = true - margin * math.sin(margin)
        logits[int(target[i])] = 10 * hard
        total += math.log(sum(math.exp(x) for x in logits)) - logits[int(target[i])]
    loss = margin_softmax(cosine, target, margin=margin, scale=10.0, angular=angular)
    assert float(loss) == pytest.approx(total / 4, rel=1e-4)


def test_margin_softmax_stays_finite_at_perfect_cosines():
    cosine = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    loss = margin_softmax(cosine, torch.tensor([0, 0]), margin=0.2, scale=16.0, angular=True)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(cosine.grad).all()


def test_arcface_pulls_also_where_angle_and_margin_pass_pi():
    cosine = torch.tensor([[-0.99, 0.5]], requires_grad=True)
    loss = margin_softmax(cosine, torch.tensor([0]), margin=0.3, scale=10.0, angular=True)
    loss.backward()
    assert float(cosine.grad[0, 0]) == pytest.approx(-10, rel=1e-3)  # the true one is sure to lose


def test_hardest_hinge_by_hand():
    torch.manual_seed(1)
    cosine = torch.rand(5, 4) * 2 - 1
    target = torch.tensor([0, 1, 1, 3, 0])
    total = 0.0
    for i in range(5):
        category = int(target[i])
        positive = float(cosine[i, category])
        wrong = max(float(cosine[i, c]) for c in range(4) if c != category)
        images = [float(cosine[j, category]) for j in range(5) if int(target[j]) != category]
        total += max(0.0, 0.2 - positive + wrong) + max(0.0, 0.2 - positive + max(images))
    assert float(hardest_hinge(cosine, target, margin=0.2)) == pytest.approx(total / 5, rel=1e-6)


def test_hinge_with_one_category_has_no_negatives():
    cosine = torch.tensor([[0.5, 0.1], [0.4, 0.2]])
    loss = hardest_hinge(cosine, torch.tensor([0, 0]), margin=0.2)
    assert float(loss) == pytest.approx((0.0 + 0.0) / 2)


def test_contrastive_by_hand():
    torch.manual_seed(2)
    cosine = torch.rand(5, 4) * 2 - 1
    target = torch.tensor([0, 1, 1, 3, 0])
    total = 0.0
    for i in range(5):
        positive = 8 * float(cosine[i, target[i]])
        others = [j for j in range(5) if int(target[j]) != int(target[i])]
        queries = [8 * float(cosine[i, target[j]]) for j in others]
        images = [8 * float(cosine[j, target[i]]) for j in others]
        for negatives in (queries, images):
            total += math.log(sum(math.exp(x) for x in [positive, *negatives])) - positive
    loss = contrastive(cosine, target, scale=8.0)
    assert float(loss) == pytest.approx(total / 10, rel=1e-5)


def test_contrastive_with_one_category_has_no_negatives():
    cosine = torch.tensor([[0.5, 0.1], [0.4, 0.2]], requires_grad=True)
    loss = contrastive(cosine, torch.tensor([0, 0]), scale=8.0)
    loss.backward()
    assert loss.item() == 0.0 and torch.isfinite(cosine.grad).all()


@pytest.mark.parametrize("angular", [True, False])
def test_half_precision_gives_the_same_loss_in_single(angular):
    torch.manual_seed(0)
    cosine, target = (2 * torch.rand(4, 5) - 1).half(), torch.tensor([0, 1, 2, 3])
    options = {"margin": 0.2, "scale": 8.0, "angular": angular}
    loss = margin_softmax(cosine, target, **options)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, margin_softmax(cosine.float(), target, **options))


def test_a_last_batch_of_one_is_normalised_by_the_running_averages():
    norm = logit_norm(torch.tensor([0.2, 0.5]))
    norm(torch.randn(8, 2))
    one = torch.randn(1, 2)
    torch.testing.assert_close(norm(one), norm.eval()(one))
