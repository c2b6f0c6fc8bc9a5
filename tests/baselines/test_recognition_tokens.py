"""What makes each token-based baseline that method, against slow twins."""

import math

import numpy as np
import pytest
import timm
import torch
from methods import batch, build_method, config_of, schema_of, size

from baselines.dafl import GroupMemory, SemanticAttention
from clear_bench.config.compose import compose
from clear_bench.engine.building import build
from clear_bench.models.layers import read_phrases
from clear_bench.runs.files import PHRASES
from clear_bench.training.model_config import recognition_config
from clear_bench.utils.errors import UserError


def test_phrases_are_centred_and_checked(tmp_path):
    text = np.random.default_rng(0).normal(3, 2, size=(8, 5)).astype(np.float32)
    np.savez(tmp_path / PHRASES, text=text)
    phrases = read_phrases(str(tmp_path / PHRASES), 8)
    expected = (text - text.mean(axis=0)) / np.sqrt(((text - text.mean(axis=0)) ** 2).mean())
    np.testing.assert_allclose(phrases.numpy(), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match="8 phrases, must be 9"):
        read_phrases(str(tmp_path / PHRASES), 9)
    with pytest.raises(UserError, match="no such file"):
        read_phrases(str(tmp_path / "nothing.npz"), 8)


def test_vtb_fuses_text_in_the_last_block_only_and_reads_each_attribute_at_its_place(tmp_path):
    model = build_method("vtb", tmp_path).eval()
    lengths = []
    for block in model.vit.trunk.blocks:
        block.register_forward_hook(lambda m, i, o: lengths.append(o.shape[1]))
    with torch.no_grad():
        model.text_mark.normal_()
        model.image_mark.normal_()
    images, _ = batch(2)
    logits = model.classify(model.features(images))
    patches = 4 * 2
    assert lengths == [1 + patches] * 3 + [8 + 1 + patches]
    x = model.vit.embed(images)
    for block in model.vit.trunk.blocks[:-1]:
        x = block(x)
    text = model.phrases @ model.read.weight.T + model.read.bias + model.text_mark
    for i in range(2):
        tokens = torch.cat([text, x[i] + model.image_mark])[None]
        z = model.vit.trunk.norm(model.vit.trunk.blocks[-1](tokens))[0]
        for a in range(8):
            raw = z[a] @ model.head.weight[a, :, 0]
            norm = model.norm
            scaled = (raw - norm.running_mean[a]) / torch.sqrt(norm.running_var[a] + norm.eps)
            expected = scaled * norm.weight[a] + norm.bias[a]
            torch.testing.assert_close(logits[i, a], expected, atol=1e-4, rtol=1e-4)


def test_vtb_drops_branches_more_often_the_deeper_they_are_and_in_training_only(tmp_path):
    model = build_method("vtb", tmp_path)
    blocks = model.vit.trunk.blocks
    rates = [getattr(b.drop_path1, "drop_prob", 0.0) for b in blocks]
    assert rates == pytest.approx([0, 0.1 / 3, 0.2 / 3, 0.1])
    tokens = torch.ones(4000, 2, 128)
    torch.manual_seed(0)
    with torch.no_grad():
        kept = (blocks[-1].drop_path1(tokens) != 0).float().mean(dim=(1, 2))
        assert set(kept.tolist()) == {0.0, 1.0}  # of an image all or nothing
        assert kept.mean().item() == pytest.approx(0.9, abs=0.02)
        assert torch.equal(model.eval().vit.trunk.blocks[-1].drop_path1(tokens), tokens)


def test_vtb_starts_without_modality_marks(tmp_path):
    model = build_method("vtb", tmp_path)
    assert not model.text_mark.any() and not model.image_mark.any()
    assert model.head.weight.abs().max() <= 128**-0.5


def test_vtb_text_is_frozen_and_the_paper_has_vit_b(tmp_path):
    model = build_method("vtb", tmp_path)
    assert "phrases" in dict(model.named_buffers())
    assert "phrases" not in dict(model.named_parameters())
    with torch.device("meta"):
        trunk = build(config_of("vtb", tmp_path, 35, profile="paper")).vit.trunk
    whole = size(timm.create_model("vit_base_patch16_224", num_classes=0))
    assert round(whole / 1e6, 1) == 85.8
    assert size(trunk) == whole - 768 * (14 * 14 - 16 * 8)  # its grid has fewer positions


def test_dafl_attention_equals_a_loop_and_attributes_do_not_meet():
    torch.manual_seed(0)
    layer = SemanticAttention(6)
    queries, image = torch.randn(2, 3, 6), torch.randn(2, 5, 6)
    vectors, maps = layer(queries, image)
    for i in range(2):
        for a in range(3):
            scores = [queries[i, a] @ layer.key(image[i, n]) / math.sqrt(6) for n in range(5)]
            weights = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
            torch.testing.assert_close(maps[i, a], weights)
            seen = sum(w * layer.value(x) for w, x in zip(weights, image[i], strict=True))
            normed = layer.norm(queries[i, a] + layer.out(seen))
            torch.testing.assert_close(vectors[i, a], normed + layer.feed(normed))
    changed = queries.clone()
    changed[:, 0] += 1
    moved = layer(changed, image)[0]
    assert not torch.allclose(moved[:, 0], vectors[:, 0])
    torch.testing.assert_close(moved[:, 1:], vectors[:, 1:])


def test_dafl_memory_equals_a_loop_in_value_and_gradient():
    torch.manual_seed(0)
    groups, positions = [0, 1, 0, 0, 2], 6
    memory, merged = GroupMemory(groups, positions, fresh=0.9), {}
    for _ in range(3):
        maps = torch.rand(2, 4, 5, positions, requires_grad=True)
        present = (torch.rand(4, 5) < 0.6).float()
        reliable = present * (torch.rand(4, 5) < 0.5)
        reliable[:, 4] = 0  # its group is never met
        for group in range(3):
            chosen = [
                maps[-1, i, a].detach()
                for i in range(4)
                for a in range(5)
                if groups[a] == group and reliable[i, a]
            ]
            if chosen:
                new = sum(chosen) / len(chosen)
                old = merged.get(group)
                merged[group] = new if old is None else 0.9 * new + 0.1 * old
        apart = [
            (maps[k, i, a] - merged[groups[a]]).square().sum()
            for k in range(2)
            for i in range(4)
            for a in range(5)
            if present[i, a] and groups[a] in merged
        ]
        fast, slow = memory(maps, present, reliable), sum(apart) / len(apart)
        torch.testing.assert_close(fast, slow)
        torch.testing.assert_close(*(torch.autograd.grad(x, maps)[0] for x in (fast, slow)))
    assert memory.met.tolist() == [True, True, False]
    none = torch.zeros(4, 5)
    assert memory(maps, none, none) == 0


def test_dafl_merges_what_is_present_and_predicted_so(tmp_path):
    model = build_method("dafl", tmp_path).eval()
    images, labels = batch(4)
    _, logits, maps = model.attend(images)
    with torch.no_grad():
        model.bias -= logits.mean(dim=0)
    sure = (labels > 0) & (logits - logits.mean(dim=0) > 0)
    model.loss(images, labels)
    assert model.memory.met.tolist() == sure.any(dim=0).tolist()  # each attribute stands alone
    for a in range(8):
        if sure[:, a].any():
            expected = maps[-1, sure[:, a], a].mean(dim=0)
            torch.testing.assert_close(model.memory.mean[a], expected)


def test_dafl_takes_the_groups_of_the_schema_or_those_it_is_given(tmp_path):
    config = compose("dafl", "synthped", "smoke")
    model = recognition_config(config, schema_of(10, grouped=True), tmp_path)
    assert model["groups"] == [0] * 5 + [1] * 5
    assert recognition_config(config, schema_of(3), tmp_path)["groups"] == [0, 1, 2]
    mine = compose("dafl", "synthped", overrides={"recognition.model.groups": [0, 0, 1]})
    assert recognition_config(mine, schema_of(3), tmp_path)["groups"] == [0, 0, 1]
    with pytest.raises(UserError, match="must be 8 numbers"):
        build_method("dafl", tmp_path, groups=[0, 0, 1])


def test_c2t_net_is_clear_with_the_released_channel_attention(tmp_path):
    for profile in ("smoke", "paper"):
        ours = config_of("c2t_net", tmp_path, profile=profile)
        clear = config_of("clear", tmp_path, profile=profile)
        assert ours["swin"].pop("channel_attention") == "released"
        assert clear["swin"].pop("channel_attention") == "paper"
        assert ours == clear
    model = build_method("c2t_net", tmp_path)
    assert all(c.shuffle for c in model.trunk.branches[0].channel_attention.values())


@pytest.mark.parametrize(("key", "place"), [("vit", 1), ("swin", 0)])
def test_single_branches_are_clears_without_fusion(key, place, tmp_path):
    model = build_method(key, tmp_path).eval()
    (branch,) = model.trunk.branches
    assert size(branch) == size(build_method("clear", tmp_path).trunk.branches[place])
    images, _ = batch(2)
    summary, _ = branch(images)
    expected = model.trunk.norms[0](model.trunk.project[0](summary))
    torch.testing.assert_close(model.features(images), expected)
