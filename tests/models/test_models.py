"""CLEAR's networks: attention against naive loops, sizes against the published ones, gradients."""

import copy
import math

import pytest
import timm
import torch
from mmengine.registry import MODELS

from clear_bench.models.branches import ChannelAttention, SwinBranch, ViTBranch, backbone
from clear_bench.models.clear import METHOD
from clear_bench.models.cross_transformer import CrossAttention, CrossTransformer
from clear_bench.models.preprocessing import PersonPreprocessor
from clear_bench.utils.errors import UserError

NANO = METHOD.recognition["model"]
PAPER = METHOD.profiles["paper"]["recognition"]["model"]
FACTS = {"attributes": 35, "positive_ratio": [0.3] * 35, "augment": {"pad": 5, "flip": True}}


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def clear(image_size=(128, 64), **changes):
    model = {**copy.deepcopy(dict(NANO)), **changes}
    return MODELS.build({**model, **FACTS, "image_size": image_size})


def naive_channel_attention(block: ChannelAttention, x: torch.Tensor) -> torch.Tensor:
    """Channel attention of one image, one pair of channels at a time."""
    channels, positions = x.shape
    w, b = block.qkv.weight, block.qkv.bias
    parts = [
        [x[c] @ w[i * positions : (i + 1) * positions].T + b[i * positions : (i + 1) * positions]
         for c in range(channels)]
        for i in range(3)
    ]  # fmt: skip
    query, key, value = parts
    rows = []
    for c in range(channels):
        scores = torch.stack([query[c] @ key[d] / math.sqrt(positions) for d in range(channels)])
        weights = torch.exp(scores) / torch.exp(scores).sum()
        rows.append(sum(weights[d] * value[d] for d in range(channels)))
    return torch.stack(rows)


def test_channel_attention_equals_naive_loop():
    block = ChannelAttention(6).eval()
    x = torch.randn(2, 4, 6)
    expected = torch.stack([x[i] + naive_channel_attention(block, x[i]) for i in range(2)])
    torch.testing.assert_close(block(x), expected)


def test_released_channel_attention_rereads_the_transposed_memory():
    block = ChannelAttention(6, shuffle=True).eval()
    x = torch.randn(1, 4, 6)
    y = naive_channel_attention(block, x[0])
    memory = [
        float(y[c, n].detach()) for n in range(6) for c in range(4)
    ]  # (N, C) laid out in a row
    expected = x + torch.tensor(memory).reshape(1, 4, 6)  # read again as (C, N)
    torch.testing.assert_close(block(x), expected)


def test_cross_attention_equals_naive_loop():
    block = CrossAttention(8, heads=2)
    summary, tokens = torch.randn(3, 8), torch.randn(3, 5, 8)
    expected = []
    for i in range(3):
        seen = [summary[i], *tokens[i]]
        heads = []
        for h in (0, 1):
            part = slice(4 * h, 4 * h + 4)
            query = block.query(summary[i])[part]
            keys = [block.key(s)[part] for s in seen]
            values = [block.value(s)[part] for s in seen]
            scores = torch.stack([query @ k / math.sqrt(4) for k in keys])
            weights = torch.exp(scores) / torch.exp(scores).sum()
            heads.append(sum(w * v for w, v in zip(weights, values, strict=True)))
        expected.append(block.out(torch.cat(heads)))
    torch.testing.assert_close(block(summary, tokens), torch.stack(expected))


def test_features_are_both_normed_summaries_swin_first():
    model = clear(fusion="both").eval()
    trunk = model.trunk
    images = torch.randn(2, 3, 128, 64)
    (g, s), (c, p) = trunk.branches[0](images), trunk.branches[1](images)
    g, s = trunk.project[0](g), trunk.project[0](s)
    c, p = trunk.project[1](c), trunk.project[1](p)
    swin = g + trunk.cross[0]["0"](g, p)
    vit = c + trunk.cross[0]["1"](c, s)
    expected = torch.cat([trunk.norms[0](swin), trunk.norms[1](vit)], dim=1)
    torch.testing.assert_close(trunk(images), expected)


def test_paper_scale_has_the_reference_sizes_and_learns():
    # Reference: C2T-Net's released code (ViT 304.14 M, CASA 13.43 M, both cross-attentions 8.39 M).
    scale = {**PAPER, "pretrained": False}
    with torch.device("meta"):  # sizes alone
        model = clear((256, 128), **scale)
        whole = size(timm.create_model("eva_large_patch14_196.in22k_ft_in1k", pretrained=False))
    swin, vit = model.trunk.branches
    assert isinstance(swin, SwinBranch) and isinstance(vit, ViTBranch)
    assert round(whole / 1e6, 2) == 304.14
    # Ours lacks the ImageNet classifier with its norm, and has a 18 x 9 grid instead of 14 x 14.
    classifier, positions = 1000 * 1024 + 1000 + 2 * 1024, 14 * 14 - 18 * 9
    assert size(vit.trunk) == whole - classifier - 1024 * positions
    assert size(swin.channel_attention) == 3 * sum(n * n + n for n in (2048, 512, 128, 32))
    assert round(size(swin.channel_attention) / 1e6, 2) == 13.43
    assert size(model.trunk.cross) == 2 * (4 * 1024**2 + 1024)
    assert round(size(model.trunk.cross) / 1e6, 2) == 8.39
    assert size(model.trunk.project) == 0
    assert size(model.head) == 2048 * 35 + 35
    # It learns: every width and the size of the image as they are, of equal blocks two in a row.
    scale["vit"] = {**scale["vit"], "depth": 2}
    scale["swin"] = {**scale["swin"], "depths": [2, 2, 2, 2]}
    model = clear((256, 128), **scale)
    model.loss(torch.randn(1, 3, 256, 128), torch.ones(1, 35))["loss"].backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_nano_scale_is_two_to_four_million():
    assert 2e6 < size(clear()) < 4e6


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("fusion", ["none", "both", "first", "second"])
def test_fusion_variants_build_and_all_parameters_learn(depth, fusion):
    model = clear((64, 32), depth=depth, fusion=fusion)
    expected = depth * {"none": 0, "both": 2, "first": 1, "second": 1}[fusion]
    assert sum(isinstance(m, CrossAttention) for m in model.modules()) == expected
    model.loss(torch.randn(2, 3, 64, 32), torch.ones(2, 35))["loss"].backward()
    # With one seen token set only, a direction that does not look needs no other's tokens.
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent


@pytest.mark.parametrize("branches", [["vit"], ["swin"], ["vit", "vit"], ["swin", "vit"]])
def test_branches_give_their_share_of_the_feature(branches):
    fusion = "both" if len(branches) == 2 else "none"
    model = clear((64, 32), branches=branches, fusion=fusion)
    assert model.features(torch.randn(2, 3, 64, 32)).shape == (2, 256 * len(branches))


def test_wrong_names_are_user_errors():
    for changes in ({"fusion": "sideways"}, {"branches": ["cnn"]}):
        with pytest.raises(UserError):
            clear(**changes)
    with pytest.raises(UserError, match="timm knows no such model"):
        backbone("vit_enormous", (128, 64), pretrained=False)
    with pytest.raises(UserError, match="channel_attention"):
        SwinBranch((64, 32), False, channel_attention="maybe", name="swin_tiny_patch4_window7_224")


def test_pretrained_weights_are_never_replaced(monkeypatch):
    def unreachable(*args, **kwargs):
        raise ConnectionError("no hub")

    monkeypatch.setattr("timm.create_model", unreachable)
    with pytest.raises(UserError, match="cannot be had"):
        backbone("vit_tiny_patch16_224", (128, 64), pretrained=True)


def test_depth_zero_is_plain_concatenation():
    torch.manual_seed(0)
    without = CrossTransformer(
        (64, 32), NANO["branches"], NANO["vit"], NANO["swin"], False, "both", 0, 256, 8
    ).eval()
    images = torch.randn(1, 3, 64, 32)
    (g, _), (c, _) = (branch(images) for branch in without.branches)
    expected = [without.norms[0](without.project[0](g)), without.norms[1](without.project[1](c))]
    torch.testing.assert_close(without(images), torch.cat(expected, dim=1))


def test_augmentation_is_pad_crop_flip():
    preprocess = PersonPreprocessor(pad=2, flip=True)
    images = torch.arange(8 * 4, dtype=torch.uint8).reshape(1, 1, 8, 4).expand(64, 3, 8, 4)
    torch.manual_seed(3)
    out = preprocess.augment(images)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    for i in range(64):
        crops = [padded[i, :, y : y + 8, x : x + 4] for y in range(5) for x in range(5)]
        assert any(torch.equal(out[i], c) or torch.equal(out[i], c.flip(2)) for c in crops)
    assert any(not torch.equal(out[i], out[0]) for i in range(64))


def test_preprocessing_without_training_only_normalises():
    preprocess = PersonPreprocessor(pad=5, flip=True)
    images = torch.full((2, 8, 4, 3), 255, dtype=torch.uint8)
    out = preprocess({"images": images}, False)["images"]
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(out, expected.view(1, 3, 1, 1).expand(2, 3, 8, 4))
