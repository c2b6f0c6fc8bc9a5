"""Every recognition method on one contract: builds, learns, predicts, is saved, fits any schema."""

import copy

import pytest
import torch
from methods import RECIPES, RECOGNITION, TRAINED, batch, build_method, config_of

from clear_bench.engine.building import build, load
from clear_bench.models.losses import weighted_bce
from clear_bench.training.cost import flops_per_image


@pytest.mark.parametrize("profile", ["smoke", "default", "base", "paper"])
@pytest.mark.parametrize("key", RECOGNITION)
def test_builds_in_every_profile(key, profile, tmp_path, monkeypatch):
    # timm draws each weight in five steps, which without memory take time and do nothing.
    drawn = "timm.layers.weight_init._trunc_normal_"
    monkeypatch.setattr(drawn, lambda tensor, *_: tensor)
    with torch.device("meta"):
        model = build(config_of(key, tmp_path, 35, profile=profile))
    assert model.attributes == 35
    assert model.feature_dim > 0
    parameters = list(model.parameters())
    assert all(p.device.type == "meta" for p in parameters)
    # At the default scale a method must train on two CPU cores, at base on one consumer card.
    most = {"base": 120e6, "paper": 600e6}.get(profile, 4e6)
    assert sum(p.numel() for p in parameters if p.requires_grad) < most


@pytest.mark.parametrize("size", [(64, 32), (96, 48), (128, 64)])
@pytest.mark.parametrize("key", RECOGNITION)
def test_every_image_size_of_the_cpu_profiles_works(key, size, tmp_path):
    model = build_method(key, tmp_path, image_size=size).eval()
    features, probabilities = model(torch.randn(2, 3, *size), None, None)
    assert features.shape == (2, model.feature_dim)
    assert probabilities.shape == (2, 8)


@pytest.mark.parametrize(("attributes", "grouped"), [(26, False), (35, True), (105, False)])
@pytest.mark.parametrize("key", RECOGNITION)
def test_any_schema_fits(key, attributes, grouped, tmp_path):
    model = build_method(key, tmp_path, attributes, grouped=grouped)
    images, labels = batch(3, attributes)
    if key in TRAINED:
        loss = sum(v for k, v in model.loss(images, labels).items() if "loss" in k)
        loss.backward()
        assert torch.isfinite(loss)
        silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert not silent
        assert flops_per_image(model.eval()) > 0
    rows = torch.arange(3)
    (answer,) = model.eval()(images, None, rows, mode="predict")
    assert torch.equal(answer["rows"], rows)
    assert answer["probabilities"].shape == (3, attributes)
    assert ((answer["probabilities"] >= 0) & (answer["probabilities"] <= 1)).all()


@pytest.mark.parametrize("key", RECOGNITION)
def test_same_seed_same_loss_and_a_saved_model_predicts_the_same_bits(key, tmp_path):
    images, labels = batch(4)
    first, second = (build_method(key, tmp_path, seed=7) for _ in range(2))
    if key in TRAINED:
        values = []
        for model in (first, second):
            torch.manual_seed(3)
            losses = model.loss(images, labels)
            values.append({k: v.item() for k, v in losses.items()})
        assert values[0] == values[1]
        another = build_method(key, tmp_path, seed=8).loss(images, labels)
        assert {k: v.item() for k, v in another.items()} != values[0]
    torch.save({"state_dict": first.state_dict()}, tmp_path / "saved.pth")
    loaded = load(config_of(key, tmp_path), tmp_path / "saved.pth")
    with torch.inference_mode():
        for a, b in zip(first.eval()(images, None, None), loaded(images, None, None), strict=True):
            assert torch.equal(a, b)


@torch.no_grad()
def in_use(model, images, labels, ratio):
    """Return the loss of a model as it would be in use."""
    model = copy.deepcopy(model)
    # Batch norm's running averages lag behind some steps, so they are taken anew.
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None
            module.reset_running_stats()
    model.loss(images, labels)
    model.eval()
    return weighted_bce(model.classify(model.features(images)), labels, ratio)


@pytest.mark.parametrize("key", TRAINED)
def test_overfits_thirty_two_images(key, tmp_path):
    """A ViT of two blocks does as one of four."""
    torch.manual_seed(0)
    vit = RECIPES[key]["model"].get("vit")
    model = build_method(key, tmp_path, **({"vit": {**vit, "depth": 2}} if vit else {}))
    images, labels = batch(32)
    ratio = model.positive_ratio = labels.mean(dim=0)
    # The best that any constant prediction could do.
    up, down = ratio * torch.exp(1 - ratio), (1 - ratio) * torch.exp(ratio)
    constant = torch.logit(up / (up + down)).expand(32, -1)
    prior = weighted_bce(constant, labels, ratio)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    reached = prior
    for step in range(80):  # with drop-path it takes longer
        optimizer.zero_grad()
        sum(model.loss(images, labels).values()).backward()
        optimizer.step()
        if step % 8 == 7 and (reached := in_use(model, images, labels, ratio)) < 0.5 * prior:
            break
    assert reached < 0.5 * prior, f"{reached:.3f} of {prior:.3f}"
