"""ALM against slow twins: each region is really sampled, the loss is summed cell by cell."""

import math

import pytest
import torch
from methods import batch, build_method, config_of
from torch.nn import functional as F

from baselines.alm import Localization, axis_weights
from clear_bench.engine.building import build
from clear_bench.models.losses import cell_mean_bce
from clear_bench.utils.errors import UserError


def naive_localization(level: Localization, maps: torch.Tensor) -> torch.Tensor:
    """One image and attribute at a time: attend, sample the region, pool, classify."""
    corners = {"align_corners": level.align_corners}
    rows = []
    for image in maps:
        row = []
        for a in range(len(level.classify.weight)):

            def linear(layer, x, a=a):
                return x @ layer.weight[a] + layer.bias[a]

            hidden = F.relu(linear(level.squeeze, image.mean(dim=(1, 2))))
            attention = torch.sigmoid(linear(level.excite, hidden))
            attended = image * attention[:, None, None] + image
            numbers = linear(level.locate, attended.mean(dim=(1, 2)))
            sx, sy = torch.sigmoid(numbers[:2])
            tx, ty = torch.tanh(numbers[2:])
            zero = torch.zeros(())
            theta = torch.stack([torch.stack([sx, zero, tx]), torch.stack([zero, sy, ty])])[None]
            grid = F.affine_grid(theta, [1, *attended.shape], **corners)
            region = F.grid_sample(attended[None], grid, padding_mode="border", **corners)[0]
            row.append(linear(level.classify, region.mean(dim=(1, 2)))[0])
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("size", "align_corners"),
    [((6, 4), True), ((3, 2), True), ((6, 4), False), ((3, 1), False), ((1, 2), False)],
)
def test_localization_equals_sampling_each_region(size, align_corners):
    torch.manual_seed(0)
    level = Localization(attributes=3, channels=8, reduction=2, align_corners=align_corners)
    with torch.no_grad():  # regions that differ by image, some of them beyond the border
        level.locate.weight.normal_(std=2.0)
        level.locate.bias.normal_()
    maps = torch.randn(2, 8, *size, requires_grad=True)
    torch.testing.assert_close(level(maps), naive_localization(level, maps))
    leaves = [maps, *level.parameters()]
    grads = torch.autograd.grad(level(maps).square().sum(), leaves)
    slow = torch.autograd.grad(naive_localization(level, maps).square().sum(), leaves)
    for a, b in zip(grads, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_axis_weights_repeat_the_border():
    for align_corners in (True, False):
        weights = axis_weights(torch.tensor(1.0), torch.tensor(0.0), 5, align_corners=align_corners)
        torch.testing.assert_close(weights, torch.full((5,), 0.2))
        outside = axis_weights(torch.tensor(0.1), torch.tensor(3.0), 5, align_corners=align_corners)
        torch.testing.assert_close(outside, torch.tensor([0.0, 0, 0, 0, 1]))


def test_regions_start_at_half_the_map_in_its_middle(tmp_path):
    model = build_method("alm", tmp_path, 35)
    maps = model.pyramid(model.trunk(batch(4)[0]))
    for level, x in zip(model.levels, maps, strict=True):
        mean = x.mean(dim=(2, 3))[:, None].expand(-1, 35, -1)
        numbers = level.locate(mean).detach()
        assert torch.sigmoid(numbers[..., :2]).mean().item() == pytest.approx(0.5, abs=0.05)
        assert torch.tanh(numbers[..., 2:]).mean().item() == pytest.approx(0, abs=0.1)
        assert level.locate.weight.abs().max() <= level.locate.weight.shape[1] ** -0.5


@pytest.mark.parametrize("which", ["positives", "both"])
def test_loss_by_hand_and_the_prediction_is_the_largest_logit(which, tmp_path):
    model = build_method("alm", tmp_path, loss_weighting=which).eval()
    images, labels = batch(4)
    stages = model.trunk(images)
    top, middle, fine = (
        lateral(maps)
        for lateral, maps in zip(reversed(model.laterals), reversed(stages), strict=True)
    )

    def up(maps, to):
        return F.interpolate(maps, size=to.shape[2:], mode="bilinear", align_corners=False)

    joined = torch.cat([up(top, middle), middle], dim=1)
    finest = torch.cat([up(joined, fine), fine], dim=1)
    outputs = [
        naive_localization(model.levels[0], finest),
        naive_localization(model.levels[1], joined),
        naive_localization(model.levels[2], top),
        model.head(stages[-1].mean(dim=(2, 3))),
    ]
    expected = torch.stack(outputs).max(dim=0).values
    torch.testing.assert_close(model.classify(model.features(images)), expected)
    losses = model.loss(images, labels)
    total, ratio = 0.0, model.positive_ratio.tolist()
    for output in outputs:
        for row, truth in zip(output.tolist(), labels.tolist(), strict=True):
            for x, y, r in zip(row, truth, ratio, strict=True):
                p = 1 / (1 + math.exp(-x))
                negative = math.exp(r) if which == "both" else 1
                cell = math.exp(1 - r) * math.log(p) if y else negative * math.log(1 - p)
                total -= cell / labels.numel()
    assert sum(losses.values()).item() == pytest.approx(total, rel=1e-4)
    assert len(losses) == 4
    sum(losses.values()).backward()
    assert all(level.locate.weight.grad.abs().sum() > 0 for level in model.levels)


def test_cell_mean_bce_weighs_negatives_only_when_asked():
    logits, labels, ratio = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([0.2, 0.7])
    log2 = math.log(2)
    released = cell_mean_bce(logits, labels, ratio, positives_only=True).item()
    meant = cell_mean_bce(logits, labels, ratio, positives_only=False).item()
    assert released == pytest.approx(log2 * (math.exp(0.8) + 1) / 2)
    assert meant == pytest.approx(log2 * (math.exp(0.8) + math.exp(0.7)) / 2)


def test_an_unknown_weighting_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"loss_weighting=all: must be one of"):
        build_method("alm", tmp_path, loss_weighting="all")


def test_paper_pyramid_has_256_channels_a_level(tmp_path):
    with torch.device("meta"):
        model = build(config_of("alm", tmp_path, 35, profile="paper"))
    assert [level.classify.weight.shape[:2] for level in model.levels] == [
        (35, 768), (35, 512), (35, 256),
    ]  # fmt: skip
