"""What makes each residual-network baseline that method, against slow twins."""

import math

import pytest
import timm
import torch
from methods import batch, build_method, config_of, size

from clear_bench.engine.building import build
from clear_bench.models.layers import logit_norm, prior_logit
from clear_bench.models.losses import weighted_bce
from clear_bench.models.residual import SMALL, ResidualNetwork
from clear_bench.utils.errors import UserError


@pytest.mark.parametrize("key", ["deepmar", "strong_baseline", "alm", "ssc", "label2label", "dafl"])
def test_the_family_shares_one_small_network_and_resnet50(key, tmp_path):
    small = build_method(key, tmp_path).trunk
    assert size(small) == size(ResidualNetwork((64, 32), False, **SMALL))
    assert small.grid == (4, 2)
    with torch.device("meta"):
        large = build(config_of(key, tmp_path, 35, profile="paper")).trunk
    whole = size(timm.create_model("resnet50", pretrained=False))
    assert size(large) == whole - (2048 * 1000 + 1000)
    assert round(size(large) / 1e6, 1) == 23.5


def test_residual_maps_have_the_grid_that_is_announced():
    for image_size in [(64, 32), (96, 48), (128, 64), (50, 30)]:
        network = ResidualNetwork(image_size, False, levels=3, **SMALL)
        maps = network(torch.randn(2, 3, *image_size))
        assert [m.shape[1] for m in maps] == network.widths == [64, 128, 256]
        assert tuple(maps[-1].shape[2:]) == network.grid


def test_deepmar_loss_by_hand_and_dropout_in_training_only(tmp_path):
    model = build_method("deepmar", tmp_path, 2, dropout=0.0)
    images, labels = batch(2, 2)
    ratio = model.positive_ratio.tolist()
    logits = model.classify(model.features(images)).tolist()
    expected = 0.0
    for row, truth in zip(logits, labels.tolist(), strict=True):
        for x, y, r in zip(row, truth, ratio, strict=True):
            p = 1 / (1 + math.exp(-x))
            expected -= math.exp(1 - r) * math.log(p) if y else math.exp(r) * math.log(1 - p)
    assert model.loss(images, labels)["loss"].item() == pytest.approx(expected / 2, rel=1e-4)
    model = build_method("deepmar", tmp_path)
    features = torch.randn(2, model.feature_dim)
    assert not torch.equal(model.classify(features), model.classify(features))
    model.eval()
    assert torch.equal(model.classify(features), model.classify(features))


def test_deepmar_classifier_starts_near_nothing(tmp_path):
    linear = build_method("deepmar", tmp_path, 35).head[1]
    assert linear.weight.std().item() == pytest.approx(1e-3, rel=0.05)
    assert not linear.bias.any()


def test_strong_baseline_norms_its_logits_and_can_leave_that(tmp_path):
    model = build_method("strong_baseline", tmp_path)
    features = 5 + 3 * torch.randn(64, model.feature_dim)
    logits = model.classify(features)
    torch.testing.assert_close(logits.mean(dim=0), model.norm.bias, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits.var(dim=0, correction=0), torch.ones(8), atol=1e-2, rtol=0)
    plain = build_method("strong_baseline", tmp_path, logit_norm=False)
    expected = features @ plain.head.weight.T + plain.head.bias
    torch.testing.assert_close(plain.classify(features), expected)


def test_prior_logit_is_the_best_constant():
    ratio = torch.tensor([0.02, 0.3, 0.5, 0.9])
    labels = (torch.arange(100)[:, None] < (100 * ratio).round()).float()
    start = prior_logit(ratio).requires_grad_()
    weighted_bce(start.expand(100, 4), labels, ratio).backward()
    torch.testing.assert_close(start.grad, torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(logit_norm(ratio).bias, prior_logit(ratio))


@pytest.mark.parametrize(
    ("backbone", "width"),
    [("lcnet_050", 1280), ("vit_tiny_patch16_224", 192), ("test_convnext", 64)],
)
def test_any_timm_backbone_by_name(backbone, width, tmp_path):
    model = build_method("timm_backbone", tmp_path, backbone=backbone)
    assert model.training and model.trunk.training
    assert model.features(torch.randn(2, 3, 64, 32)).shape == (2, width)


def test_timm_backbone_refuses_with_a_reason(tmp_path):
    with pytest.raises(UserError, match="timm knows no such model"):
        build_method("timm_backbone", tmp_path, backbone="resnet_nonesuch")
    with pytest.raises(UserError, match="timm knows no such weights"):
        build_method("timm_backbone", tmp_path, backbone="resnet18.nonesuch")
    with pytest.raises(UserError, match=r"inception_v3: cannot see images of 64x32"):
        build_method("timm_backbone", tmp_path, backbone="inception_v3")
