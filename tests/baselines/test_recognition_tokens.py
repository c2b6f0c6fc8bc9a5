"""What makes each token-based baseline that method, against slow twins."""

import math

import numpy as np
import pytest
import timm
import torch
from methods import batch, build_method, config_of, schema_of, size
from torch.nn import functional as F

from baselines.dafl import SemanticAttention, merging_loss
from baselines.promptpar import aggregate, bands, sight
from clear_bench.config.compose import compose
from clear_bench.engine.building import build
from clear_bench.models.layers import read_phrases
from clear_bench.models.losses import weighted_bce
from clear_bench.runs.files import PHRASES
from clear_bench.training.model_config import recognition_config
from clear_bench.utils.errors import UserError


def with_gradient(model: torch.nn.Module) -> set[str]:
    """Return the first part of the names of all parameters that some gradient reached."""
    return {
        name.partition(".")[0]
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.abs().sum() > 0
    }


def test_phrases_are_centred_and_checked(tmp_path):
    text = np.random.default_rng(0).normal(3, 2, size=(8, 5)).astype(np.float32)
    np.savez(tmp_path / PHRASES, text=text)
    phrases = read_phrases(str(tmp_path / PHRASES), 8)
    expected = (text - text.mean(axis=0)) / np.sqrt(((text - text.mean(axis=0)) ** 2).mean())
    np.testing.assert_allclose(phrases.numpy(), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match="8 phrases, must be 9"):
        read_phrases(str(tmp_path / PHRASES), 9)
    with pytest.raises(UserError, match="not readable arrays"):
        read_phrases(str(tmp_path / "nothing.npz"), 8)


def test_vtb_fuses_text_in_the_last_block_only_and_reads_each_attribute_at_its_place(tmp_path):
    model = build_method("vtb", tmp_path).eval()
    lengths = []
    for block in model.vit.trunk.blocks:
        block.register_forward_hook(lambda m, i, o: lengths.append(o.shape[1]))
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
            raw = z[a] @ model.weight[a]
            norm = model.norm
            scaled = (raw - norm.running_mean[a]) / torch.sqrt(norm.running_var[a] + norm.eps)
            expected = scaled * norm.weight[a] + norm.bias[a]
            torch.testing.assert_close(logits[i, a], expected, atol=1e-4, rtol=1e-4)


def test_vtb_text_is_frozen_and_the_paper_has_vit_b(tmp_path):
    model = build_method("vtb", tmp_path)
    assert "phrases" in dict(model.named_buffers())
    assert "phrases" not in dict(model.named_parameters())
    with torch.device("meta"):
        trunk = build(config_of("vtb", tmp_path, 35, profile="paper")).vit.trunk
    whole = size(timm.create_model("vit_base_patch16_224", num_classes=0))
    assert round(whole / 1e6, 1) == 85.8
    assert size(trunk) == whole - 768 * (14 * 14 - 16 * 8)  # its grid has fewer positions


def test_label2label_sentence_is_made_of_states_places_and_masks(tmp_path):
    model = build_method("label2label", tmp_path).eval()
    logits = torch.randn(3, 8)
    masked = torch.rand(3, 8) < 0.5
    sentence = model.sentence(logits, masked)
    for i in range(3):
        for a in range(8):
            word = model.words[a, int(logits[i, a] > 0)]
            word = model.mask_word if masked[i, a] else word
            torch.testing.assert_close(sentence[i, a], word + model.places[a])
    image = torch.randn(3, 8, model.places.shape[1])
    hidden = torch.ones(3, 8, dtype=torch.bool)
    blind = [model.language_model(model.sentence(x, hidden), image) for x in (logits, -logits)]
    torch.testing.assert_close(*blind)
    seen = [model.language_model(model.sentence(x), image) for x in (logits, -logits)]
    assert not torch.allclose(*seen)


def test_label2label_supervises_both_and_masks_in_training_only(tmp_path):
    model = build_method("label2label", tmp_path)
    images, labels = batch(4)
    model.loss(images, labels)["loss_sentence"].backward()
    reached = with_gradient(model)
    assert {"trunk", "words", "mask_word", "places", "language_model"} <= reached
    assert not {"queries", "query_decoder"} & reached  # hard words pass no gradient
    model.zero_grad()
    model.loss(images, labels)["loss_query"].backward()
    assert {"trunk", "queries", "query_decoder"} <= with_gradient(model)
    assert "language_model" not in with_gradient(model)
    model.eval()
    losses = [model.loss(images, labels)["loss_sentence"].item() for _ in range(4)]
    assert len(set(losses)) > 1  # the loss masks words at random ...
    features = [model.features(images) for _ in range(2)]
    assert torch.equal(*features)  # ... the prediction does not
    _, image = model.see(images)
    sentence = model.sentence(model.first(image))
    expected = model.language_model(sentence, image)
    torch.testing.assert_close(model.classify(features[0]), expected)
    assert model.loss(images, labels)["loss_query"] == weighted_bce(
        model.first(image), labels, model.positive_ratio
    )


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


def naive_merging(maps, labels, groups):
    """One image, layer and attribute at a time."""
    layers, images, attributes, _ = maps.shape
    apart = []
    for i in range(images):
        for a in range(attributes):
            if not labels[i, a]:
                continue
            same = [b for b in range(attributes) if groups[b] == groups[a] and labels[i, b]]
            merged = torch.stack([maps[k, i, b] for k in range(layers) for b in same]).mean(dim=0)
            apart += [(maps[k, i, a] - merged.detach()).square().sum() for k in range(layers)]
    return sum(apart) / len(apart)


def test_dafl_merging_equals_a_loop_in_value_and_gradient():
    torch.manual_seed(0)
    maps = torch.rand(2, 4, 5, 6, requires_grad=True)
    labels = (torch.rand(4, 5) < 0.6).float()
    groups = torch.tensor([0, 1, 0, 0, 2])
    fast, slow = merging_loss(maps, labels, groups), naive_merging(maps, labels, groups)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(*(torch.autograd.grad(x, maps)[0] for x in (fast, slow)))
    assert merging_loss(maps, torch.zeros(4, 5), groups) == 0


def test_dafl_takes_the_groups_of_the_schema_or_those_it_is_given(tmp_path):
    config = compose("dafl", "synthped", "smoke")
    model = recognition_config(config, schema_of(10, grouped=True), tmp_path)
    assert model["groups"] == [0] * 5 + [1] * 5
    assert recognition_config(config, schema_of(3), tmp_path)["groups"] == [0, 1, 2]
    mine = compose("dafl", "synthped", overrides={"recognition.model.groups": [0, 0, 1]})
    assert recognition_config(mine, schema_of(3), tmp_path)["groups"] == [0, 0, 1]
    with pytest.raises(UserError, match="must be 8 numbers"):
        build_method("dafl", tmp_path, groups=[0, 0, 1])


def test_promptpar_bands_overlap_and_need_rows():
    inside = bands((8, 3), regions=4, margin=1)
    rows = [sorted({n // 3 for n in range(24) if region[n]}) for region in inside]
    assert rows == [[0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7]]
    with pytest.raises(UserError, match="4 regions need as many rows"):
        bands((3, 2), regions=4, margin=1)


def test_promptpar_sight_equals_its_rules():
    inside = bands((4, 2), regions=2, margin=0)
    mask = sight(prefix=1, inside=inside, prompts=3)
    kinds = ["whole"] + ["patch"] * 8 + ["region"] * 2 + ["prompt"] * 3
    for a, looker in enumerate(kinds):
        for b, target in enumerate(kinds):
            allowed = target != "region"
            if looker == "region":
                in_region = target == "patch" and bool(inside[a - 9, b - 1])
                allowed = in_region or a == b or target == "prompt"
            assert mask[a, b] == (0 if allowed else -math.inf)


def test_promptpar_regions_are_local_and_unseen(tmp_path):
    vit = {"name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 1, "num_heads": 2}
    model = build_method("promptpar", tmp_path, vit=vit, margin=0, prompts=2).eval()
    images = batch(2)[0][:1]
    before = model.see(images)
    changed = images.clone()
    changed[:, :, 48:] += 1  # the lowest of four bands
    moved = (model.see(changed) - before).abs().sum(dim=2)[0]
    assert (moved[-4:-1] == 0).all() and moved[-1] > 0 and moved[0] > 0
    with torch.no_grad():
        model.regions.normal_()
    torch.testing.assert_close(model.see(images)[:, :-4], before[:, :-4])
    with torch.no_grad():
        model.prompts.normal_()
    assert not torch.allclose(model.see(images)[:, 0], before[:, 0])


def test_promptpar_similarity_and_text_prompts_equal_loops(tmp_path):
    model = build_method("promptpar", tmp_path)
    with torch.no_grad():
        model.text_prompts.normal_()
    text = model.read(model.phrases)
    said = model.say()
    for a in range(8):
        context = [*model.text_prompts, text[a]]
        scores = torch.stack([c @ text[a] / math.sqrt(len(c)) for c in context]).exp()
        mixed = sum(s * c for s, c in zip(scores / scores.sum(), context, strict=True))
        torch.testing.assert_close(said[a], text[a] + mixed, atol=1e-4, rtol=1e-4)
    seen = torch.randn(3, 1 + 8 + 4, said.shape[1])
    alike = model.alike(said, seen)
    for i in range(3):
        for a in range(8):
            near = [
                model.scale * F.cosine_similarity(seen[i, n], said[a], dim=0)
                for n in (0, -4, -3, -2, -1)
            ]
            close = [x for x in near[1:] if torch.sigmoid(x) > 0.5]
            local = sum(close) / len(close) if close else max(near[1:])
            torch.testing.assert_close(alike[i, a], (near[0] + local) / 2)
    far = torch.tensor([[[-3.0], [-1.0]]])
    assert aggregate(far, 0.5).item() == -1


def test_promptpar_frozen_towers_get_no_gradient_and_prompts_do(tmp_path):
    model = build_method("promptpar", tmp_path)
    model.freeze()
    images, labels = batch(4)
    sum(model.loss(images, labels).values()).backward()
    assert with_gradient(model) == {
        "prompts", "regions", "text_prompts", "text_mark", "image_mark", "read", "show", "norm",
        "scale", "weight", "logit_norm",
    }  # fmt: skip
    assert all(p.grad is None for p in [*model.vit.parameters(), *model.block.parameters()])


def test_promptpar_paper_has_clip_vit_l_and_few_trained_parameters(tmp_path):
    with torch.device("meta"):
        model = build(config_of("promptpar", tmp_path, 35, profile="paper"))
    assert round(size(model.vit.trunk) / 1e6) == 303  # 304.3 M with the class projection of CLIP
    model.freeze()
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert model.prompts.shape == (24, 50, 1024)
    assert learned / size(model) < 0.015
    assert [int(row.sum()) for row in bands((16, 16), 4, 1)] == [80, 96, 96, 80]


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
