"""What makes PARFormer that method, against slow twins."""

import math

import pytest
import torch
from methods import batch, build_method, config_of, schema_of, size
from torch.nn import functional as F

from baselines.parformer import batch_random_mask, center_loss, center_step, multi_view_contrast
from clear_bench.config.compose import compose
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.models.losses import asymmetric_bce
from clear_bench.training.model_config import recognition_config

VIEWS = Schema((
    Attribute("hat", "wearing", "a hat", "no hat"),
    Attribute("Front", "doing", "facing the camera", "", group="view"),
    Attribute("bag", "carrying", "a bag", "no bag"),
    Attribute("Side", "doing", "seen from the side", "", group="view"),
    Attribute("Back", "doing", "seen from behind", "", group="view"),
))  # fmt: skip


def test_a_masked_position_is_zero_in_the_whole_batch_and_no_other_value_moves():
    torch.manual_seed(0)
    tokens = torch.randn(3, 200, 4) + 5
    torch.manual_seed(1)
    masked = batch_random_mask(tokens, 0.3)
    gone = 0
    for n in range(200):
        zeros = [bool((masked[i, n] == 0).all()) for i in range(3)]
        assert len(set(zeros)) == 1
        gone += zeros[0]
        if not zeros[0]:
            assert torch.equal(masked[:, n], tokens[:, n])
    assert 40 < gone < 80
    assert torch.equal(batch_random_mask(tokens, 0.0), tokens)
    assert not batch_random_mask(tokens, 1.0).any()


def test_features_are_the_mean_of_normed_tokens_masked_in_training_only(tmp_path):
    images, _ = batch(2, height=96, width=48)
    model = build_method("parformer", tmp_path, mask=0.5, image_size=(96, 48)).eval()
    with torch.no_grad():
        model.norm.bias.normal_()  # what a masked position counts
    tokens = model.branch.trunk.forward_features(images).flatten(1, 2)
    assert tokens.shape[1] == 3 * 2
    torch.testing.assert_close(model.features(images), model.norm(tokens).mean(dim=1))
    model.train()
    torch.manual_seed(5)
    kept = torch.rand(6) >= 0.5
    assert kept.any() and not kept.all()
    torch.manual_seed(5)
    features = model.features(images)
    for i in range(2):
        mean = sum(model.norm(tokens[i, n] * kept[n]) for n in range(6)) / 6
        torch.testing.assert_close(features[i], mean)


def test_center_loss_and_its_step_equal_loops():
    torch.manual_seed(0)
    features, labels = torch.randn(4, 6), (torch.rand(4, 3) < 0.5).float()
    centers = torch.randn(3, 6, requires_grad=True)
    total = torch.zeros(())
    for i in range(4):
        for j in range(3):
            if labels[i, j]:
                total = total + sum((features[i, d] - centers[j, d]) ** 2 for d in range(6)) / 2
    expected = total / 4 / 3
    torch.testing.assert_close(center_loss(features, labels, centers), expected)
    expected.backward()
    torch.testing.assert_close(center_step(features, labels, centers.detach()), centers.grad)


def test_centres_follow_by_gradient_descent_in_training_only(tmp_path):
    model = build_method("parformer", tmp_path, mask=0.0, center=0.8, center_rate=0.3)
    images, labels = batch(4)
    features = model.features(images).detach()
    before = model.centers.clone().requires_grad_()
    descent = torch.optim.SGD([before], lr=0.3)
    (0.8 * center_loss(features, labels, before)).backward()
    descent.step()
    losses = model.loss(images, labels)
    sum(losses.values()).backward()  # the step took nothing away that the gradient needs
    torch.testing.assert_close(model.centers, before.detach())
    held = model.eval().centers.clone()
    model.loss(images, labels)
    assert torch.equal(model.centers, held)
    assert "centers" not in dict(model.named_parameters())


def naive_contrast(seen, views, temperature):
    """Average over pairs of one view; a pair that nothing opposes costs nothing."""
    costs = []
    for i in range(len(seen)):
        score = [
            math.exp(F.cosine_similarity(seen[i], seen[k], dim=0).item() / temperature)
            for k in range(len(seen))
        ]
        others = sum(score[k] for k in range(len(seen)) if views[k] != views[i])
        for j in range(len(seen)):
            if j != i and views[j] == views[i]:
                costs.append(-math.log(score[j] / (score[j] + others)))
    return sum(costs) / len(costs) if costs else 0.0


@pytest.mark.parametrize("views", [[0, 1, 0, 2, 1, 0], [0, 1, 2], [1, 1, 1, 1], [0]])
def test_contrast_equals_a_loop(views):
    torch.manual_seed(len(views))
    seen = torch.randn(len(views), 3, requires_grad=True)
    loss = multi_view_contrast(seen, torch.tensor(views), 0.1)
    expected = naive_contrast(seen.detach(), views, 0.1)
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    loss.backward()
    assert torch.isfinite(seen.grad).all()


def with_views(tmp_path):
    config = recognition_config(compose("parformer", "synthped", "smoke"), VIEWS, tmp_path)
    torch.manual_seed(0)
    return build(config)


def test_views_come_from_the_schema(tmp_path):
    model = with_views(tmp_path)
    assert model.views == [1, 3, 4]
    assert model.view_head.weight.shape == (3, model.feature_dim)
    images, labels = batch(4, 5)
    assert "loss_contrast" in model.loss(images, labels)
    plain = recognition_config(compose("parformer", "synthped", "smoke"), schema_of(5), tmp_path)
    without = build(plain)
    assert not hasattr(without, "view_head")
    assert set(without.loss(images, labels)) == {"loss", "loss_center"}


def test_the_losses_are_weighed_as_in_the_code(tmp_path):
    model = with_views(tmp_path).eval()
    images, labels = batch(5, 5)
    labels[:, [1, 3, 4]] = torch.tensor(
        [[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
    )  # the fourth is seen from nowhere
    features = model.features(images)
    losses = model.loss(images, labels)
    seen = model.view_head(features)[[0, 1, 2, 4]]
    expected = naive_contrast(seen.detach(), [0, 1, 0, 2], 0.1) / 5
    assert losses["loss_contrast"].item() == pytest.approx(expected, rel=1e-4)
    center = 0.5 * center_loss(features, labels, model.centers) / 5
    torch.testing.assert_close(losses["loss_center"], center)
    logits = model.classify(features)
    settings = {"positive_gamma": 0.0, "negative_gamma": 1.0, "clip": 0.05}
    torch.testing.assert_close(losses["loss"], asymmetric_bce(logits, labels, **settings))
    labels[:, [1, 3, 4]] = 0
    assert model.loss(images, labels)["loss_contrast"] == 0


def test_the_paper_has_swin_l_at_224_whose_last_stage_shifts_no_window(tmp_path):
    with torch.device("meta"):
        model = build(config_of("parformer", tmp_path, 35, profile="paper"))
    trunk = model.branch.trunk
    assert round(size(trunk) / 1e6, 1) == 195.0  # Swin-L without its classifier and its last norm
    shifts = [[block.shift_size[0] for block in layer.blocks] for layer in trunk.layers]
    assert shifts == [[0, 3], [0, 3], [0, 3] * 9, [0, 0]]
    assert not model.branch.channel_attention
