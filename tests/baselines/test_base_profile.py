"""The profile for one consumer card: every method's networks, one step each, on random weights."""

import pytest
import torch
from methods import TRAINED, batch, config_of

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.engine.building import build

SIZE = (256, 128)
MILLIONS = {
    "clear": 67.66, "c2t_net": 67.66, "vit": 21.96, "swin": 40.98, "deepmar": 23.6, "vtb": 21.66,
    "strong_baseline": 23.6, "ssc": 23.6, "parformer": 27.5,
}  # fmt: skip
"""Parameters: ViT-S 21.6, Swin-T 27.5, ResNet-50 23.5; channel attention has 3 N (N + 1) in a stage
of N positions (2048, 512, 128, 32: 13.4), cross-attention 4 x 768^2 a direction (4.7)."""

QUICK = ("vtb",)


def model_of(method, tmp_path):
    return build(config_of(method, tmp_path, 35, profile="base"))


@pytest.mark.parametrize("method", MILLIONS)
def test_sizes(method, tmp_path):
    with torch.device("meta"):
        model = model_of(method, tmp_path)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(
        1e6 * MILLIONS[method], rel=0.01
    )


@pytest.mark.parametrize("method", plugins.available("method"))
def test_every_method_has_it_at_one_size_and_length(method):
    config = compose(method, "peta", "base")
    assert tuple(config["data"]["image_size"]) == SIZE
    recognition = config.get("recognition")
    if recognition and recognition["train"]["epochs"]:
        assert recognition["train"]["epochs"] == 20
        assert all(epoch < 20 for epoch in recognition["train"]["milestones"])


@pytest.mark.parametrize(
    "method",
    [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in TRAINED],
)
def test_one_step_on_random_weights(method, tmp_path):
    model = model_of(method, tmp_path)
    images, labels = batch(2, 35)
    images = torch.nn.functional.interpolate(images, SIZE)
    loss = sum(v for k, v in model.loss(images, labels).items() if "loss" in k)
    loss.backward()
    assert torch.isfinite(loss)
    (answer,) = model.eval()(images, None, torch.arange(2), mode="predict")
    assert answer["probabilities"].shape == (2, 35)
