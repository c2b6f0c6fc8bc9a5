"""What makes each residual-network baseline that method, against slow twins."""

import math

import pytest
import timm
import torch
from methods import batch, build_method, config_of, size
from torch.nn import functional as F

from baselines.alm import Localization, axis_weights
from baselines.ssc import Memory
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


def naive_localization(level: Localization, maps: torch.Tensor) -> torch.Tensor:
    """One image and attribute at a time: attend, sample the region, pool, classify."""
    rows = []
    for image in maps:
        row = []
        for a in range(len(level.weight)):
            hidden = F.relu(image.mean(dim=(1, 2)) @ level.squeeze[a])
            attention = torch.sigmoid(hidden @ level.excite[a])
            attended = image + attention[:, None, None] * image
            numbers = attended.mean(dim=(1, 2)) @ level.locate[a] + level.locate_bias[a]
            sx, sy = torch.sigmoid(numbers[:2])
            tx, ty = torch.tanh(numbers[2:])
            zero = torch.zeros(())
            theta = torch.stack([torch.stack([sx, zero, tx]), torch.stack([zero, sy, ty])])[None]
            grid = F.affine_grid(theta, [1, *attended.shape], align_corners=False)
            region = F.grid_sample(attended[None], grid, align_corners=False)[0]
            row.append(region.mean(dim=(1, 2)) @ level.weight[a] + level.bias[a])
        rows.append(torch.stack(row))
    return torch.stack(rows)


def test_alm_localization_equals_sampling_each_region():
    torch.manual_seed(0)
    level = Localization(attributes=3, channels=8, reduction=2)
    with torch.no_grad():  # regions that differ by image, some of them beyond the border
        level.locate.normal_(std=2.0)
        level.locate_bias.normal_()
    maps = torch.randn(2, 8, 6, 4, requires_grad=True)
    torch.testing.assert_close(level(maps), naive_localization(level, maps))
    grads = torch.autograd.grad(level(maps).square().sum(), [maps, *level.parameters()])
    slow = torch.autograd.grad(
        naive_localization(level, maps).square().sum(), [maps, *level.parameters()]
    )
    for a, b in zip(grads, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_alm_axis_weights_of_the_whole_axis_are_even():
    weights = axis_weights(torch.tensor(1.0), torch.tensor(0.0), 5)
    torch.testing.assert_close(weights, torch.full((5,), 0.2))
    outside = axis_weights(torch.tensor(0.1), torch.tensor(3.0), 5)
    assert outside.sum() == 0


def test_alm_sums_four_losses_and_predicts_the_largest_logit(tmp_path):
    model = build_method("alm", tmp_path).eval()
    images, labels = batch(4)
    stages = model.trunk(images)
    top, middle, fine = (
        lateral(maps)
        for lateral, maps in zip(reversed(model.laterals), reversed(stages), strict=True)
    )
    joined = torch.cat([middle, F.interpolate(top, size=middle.shape[2:])], dim=1)
    finest = torch.cat([fine, F.interpolate(joined, size=fine.shape[2:])], dim=1)
    outputs = [
        model.levels[0](finest),
        model.levels[1](joined),
        model.levels[2](top),
        model.head(stages[-1].mean(dim=(2, 3))),
    ]
    expected = torch.stack(outputs).max(dim=0).values
    torch.testing.assert_close(model.classify(model.features(images)), expected)
    losses = model.loss(images, labels)
    assert len(losses) == 4
    total = sum(weighted_bce(o, labels, model.positive_ratio) for o in outputs)
    torch.testing.assert_close(sum(losses.values()), total)
    sum(losses.values()).backward()
    assert all(level.locate.grad.abs().sum() > 0 for level in model.levels)


def test_alm_paper_pyramid_has_256_channels_a_level(tmp_path):
    with torch.device("meta"):
        model = build(config_of("alm", tmp_path, 35, profile="paper"))
    assert [level.weight.shape for level in model.levels] == [(35, 768), (35, 512), (35, 256)]


def test_ssc_memory_equals_a_loop():
    torch.manual_seed(0)
    memory = Memory(attributes=3, dim=4, momentum=0.9)
    expected: list[torch.Tensor | None] = [None] * 3
    for _ in range(4):
        vectors = torch.randn(5, 3, 4)
        weight = torch.rand(5, 3) * (torch.rand(5, 3) < 0.4)
        weight[:, 2] = 0  # never met
        memory.update(vectors, weight)
        for a in range(3):
            chosen = [i for i in range(5) if weight[i, a] > 0]
            if not chosen:
                continue
            mean = sum(weight[i, a] * vectors[i, a] for i in chosen)
            mean = mean / sum(weight[i, a] for i in chosen)
            old = expected[a]
            expected[a] = mean if old is None else 0.9 * old + 0.1 * mean
    assert memory.met.tolist() == [True, True, False]
    for a in (0, 1):
        torch.testing.assert_close(memory.mean[a], expected[a])
    vectors, labels = torch.randn(5, 3, 4), (torch.rand(5, 3) < 0.5).float()
    labels[:, 2] = 1  # an attribute without a memory is not regularised
    apart = [
        sum((vectors[i, a, d] - memory.mean[a, d]) ** 2 for d in range(4))
        for i in range(5)
        for a in (0, 1)
        if labels[i, a]
    ]
    torch.testing.assert_close(memory.distance(vectors, labels), sum(apart) / len(apart))


def test_ssc_remembers_confident_positives_only(tmp_path):
    model = build_method("ssc", tmp_path)
    logits = torch.tensor([[2.0, -2.0, 2.0]])
    labels = torch.tensor([[1.0, 1.0, 0.0]])
    soft = model.confidence(logits, labels)
    assert soft[0].tolist() == pytest.approx([torch.sigmoid(logits[0, 0]).item(), 0, 0])
    model.soft = False
    assert model.confidence(logits, labels)[0].tolist() == [1, 0, 0]


def test_ssc_attention_equals_a_loop_and_pulls_only_present_attributes(tmp_path):
    model = build_method("ssc", tmp_path).eval()
    images, labels = batch(3)
    x = model.trunk(images)[-1]
    _, maps, vectors = model.attend(images)
    weight, bias = model.attention.weight[:, :, 0, 0], model.attention.bias
    for i in range(3):
        for a in range(8):
            looked = torch.sigmoid((weight[a, :, None, None] * x[i]).sum(dim=0) + bias[a])
            torch.testing.assert_close(maps[i, a], looked.flatten())
            torch.testing.assert_close(vectors[i, a], (looked * x[i]).mean(dim=(1, 2)))
    for memory in (model.maps, model.vectors):
        memory.met.fill_(True)
        memory.mean.fill_(0.3)
    labels[:, 1:] = 0  # only attribute 0 is there
    labels[:, 0] = 1
    losses = model.loss(images, labels)
    regularised = losses["loss_spatial"] + losses["loss_semantic"]
    (grad,) = torch.autograd.grad(regularised, model.attention.weight)
    assert grad[0].abs().sum() > 0
    assert (grad[1:] == 0).all()
    assert not model.maps.mean.requires_grad


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
