"""PromptPAR against slow twins."""

import math

import numpy as np
import pytest
import timm
import torch
from methods import batch, build_method, config_of, size, with_gradient
from torch.nn import functional as F

from baselines.promptpar import aggregate, check_towers
from clear_bench.engine.building import build
from clear_bench.models.region_tokens import bands, sight
from clear_bench.utils.errors import UserError


def test_bands_overlap_and_need_rows():
    inside = bands((8, 3), regions=4, margin=1)
    rows = [sorted({n // 3 for n in range(24) if region[n]}) for region in inside]
    assert rows == [[0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7]]
    with pytest.raises(UserError, match="4 regions need as many rows"):
        bands((3, 2), regions=4, margin=1)


def test_sight_equals_its_rules():
    inside = bands((4, 2), regions=2, margin=0)
    mask = sight(prefix=1, inside=inside, share=3)
    whole = [("class", 0), *(("patch", 0),) * 8]
    owners = [
        *whole,
        ("region", 1),
        ("region", 2),
        *(("prompt", k) for k in (0, 1, 2) for _ in "abc"),
    ]
    assert len(mask) == len(owners)
    for a, (_, owner) in enumerate(owners):
        for b, (kind, other) in enumerate(owners):
            if owner == 0:
                allowed = True  # the whole image's tokens see the regions' too
            elif kind == "patch":
                allowed = bool(inside[owner - 1, b - 1])
            else:
                allowed = other == owner
            assert mask[a, b] == (0 if allowed else -math.inf)


def test_prompts_enter_each_layer_anew_and_all_tokens_are_projected(tmp_path):
    model = build_method("promptpar", tmp_path, prompts=10).eval()
    images, _ = batch(2)
    trunk = model.vit.trunk
    with torch.no_grad():
        x = [*model.vit.embed(images)[0], *trunk.norm_pre(model.regions)]
        for block, prompts in zip(trunk.blocks, model.prompts, strict=True):
            x = [*block(torch.stack([*x, *prompts])[None], attn_mask=model.mask)[0]]
            last, x = x, x[: 1 + 8 + 4]
        projected = torch.stack(last) @ trunk.head.weight.T + trunk.head.bias
        torch.testing.assert_close(model.see(images)[0], projected)
    assert model.see(images).shape == (2, 1 + 8 + 4 + 10, model.text.shape[1])


def test_regions_are_local_and_their_prompts_their_own(tmp_path):
    vit = {"name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 1, "num_heads": 2}
    model = build_method("promptpar", tmp_path, vit=vit, margin=0, prompts=5).eval()
    images = batch(2)[0][:1]
    places = slice(9, 13)  # the regions' tokens

    def moved(before):
        return (model.see(images) - before).abs().sum(dim=2)[0] > 1e-6

    before = model.see(images)
    images[:, :, 48:] += 1  # the lowest of four bands
    assert moved(before)[places].tolist() == [False, False, False, True]
    assert moved(before)[0]
    before = model.see(images)
    with torch.no_grad():
        model.prompts[:, 2].normal_()  # of the second region
    assert moved(before)[places].tolist() == [False, True, False, False]
    assert moved(before)[:9].all()  # class token and patches see them


def naive_similarity(model, seen):
    """One image and attribute at a time, before the norm."""
    rows = []
    for tokens in seen:
        shares = []
        for n in (0, 9, 10, 11, 12):
            logits = [
                model.scale * F.cosine_similarity(tokens[n], text, dim=0) / model.temperature
                for text in model.text
            ]
            shares.append(torch.stack(logits).softmax(dim=0))
        row = []
        for a in range(8):
            regions = [share[a] for share in shares[1:]]
            local = max(regions) if max(regions) > model.threshold else min(regions)
            row.append((shares[0][a] + local) / 2)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def test_similarity_equals_a_loop_and_images_do_not_meet(tmp_path):
    model = build_method("promptpar", tmp_path, scale=100.0, prompts=10).eval()
    torch.manual_seed(0)
    seen = torch.randn(3, 1 + 8 + 4 + 10, model.text.shape[1])
    with torch.no_grad():
        model.temperature.fill_(5.0)
    naive = naive_similarity(model, seen)
    assert (naive > 0.5).any() and (naive < 0.3).any()
    torch.testing.assert_close(model.alike(seen), model.similarity_norm(naive))
    torch.testing.assert_close(model.alike(seen[:1]), model.alike(seen)[:1])
    model.train()  # the norm is over the batch
    expected = (naive - naive.mean(dim=0)) / torch.sqrt(naive.var(dim=0, correction=0) + 1e-5)
    torch.testing.assert_close(model.alike(seen), expected + model.similarity_norm.bias)


def test_aggregate_takes_the_largest_only_if_it_is_sure():
    similarity = torch.tensor([[[0.6, 0.2], [0.1, 0.3]], [[0.5, 0.7], [0.4, 0.8]]])
    expected = torch.tensor([[0.6, 0.2], [0.4, 0.8]])
    assert torch.equal(aggregate(similarity, 0.5), expected)


def test_fusion_reads_each_attribute_at_its_text(tmp_path):
    model = build_method("promptpar", tmp_path).eval()
    images, labels = batch(2)
    seen = model.see(images)
    text = model.phrases @ model.read.weight.T + model.read.bias
    logits = model.classify(model.features(images))
    norm = model.logit_norm
    for i in range(2):
        tokens = torch.cat([text, model.show(seen[i])])[None]
        z = model.norm(model.block(tokens))[0]
        for a in range(8):
            raw = z[a] @ model.head.weight[a, :, 0]
            scaled = (raw - norm.running_mean[a]) / torch.sqrt(norm.running_var[a] + norm.eps)
            torch.testing.assert_close(logits[i, a], scaled * norm.weight[a] + norm.bias[a])
    assert model.block.drop_path1.drop_prob == pytest.approx(0.1)
    losses = model.loss(images, labels)
    model.similarity *= 2
    doubled = model.loss(images, labels)
    torch.testing.assert_close(doubled["loss_similarity"], 2 * losses["loss_similarity"])
    assert model.similarity == 1.0  # it was the published half


def test_frozen_towers_get_no_gradient_and_prompts_and_norms_do(tmp_path):
    model = build_method("promptpar", tmp_path)
    model.freeze()
    images, labels = batch(4)
    sum(model.loss(images, labels).values()).backward()
    assert with_gradient(model) == {
        "prompts", "regions", "read", "show", "block", "norm", "head", "logit_norm",
        "temperature", "similarity_norm",
    }  # fmt: skip
    assert all(p.grad is None for p in model.vit.parameters())
    learned = {n for n, p in model.block.named_parameters() if p.grad is not None}
    assert learned == {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"}


def test_paper_has_clip_vit_l_and_few_trained_parameters(tmp_path):
    with torch.device("meta"):
        model = build(config_of("promptpar", tmp_path, 35, profile="paper"))
    assert round(size(model.vit.trunk) / 1e6) == 303  # 304.3 M with the whole class projection
    model.freeze()
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert model.prompts.shape == (24, 50, 1024)
    assert learned / size(model) < 0.015
    assert [int(row.sum()) for row in bands((16, 16), 4, 1)] == [80, 96, 96, 80]


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UserError, match="prompts=8: must be a multiple of 5"):
        build_method("promptpar", tmp_path, prompts=8)
    clip = "vit_large_patch14_clip_quickgelu_224.openai"
    check_towers(clip, timm.get_pretrained_cfg(clip).num_classes)
    with pytest.raises(UserError, match=r"have 384 numbers, the projection of .* gives 768"):
        check_towers(clip, 384)


def test_texts_are_compared_as_they_are_and_read_centred(tmp_path):
    model = build_method("promptpar", tmp_path)
    with np.load(config_of("promptpar", tmp_path)["phrases"]) as arrays:
        text = torch.from_numpy(arrays["text"])
    torch.testing.assert_close(model.text, F.normalize(text))
    torch.testing.assert_close(model.phrases.mean(dim=0), torch.zeros(12), atol=1e-6, rtol=0)
