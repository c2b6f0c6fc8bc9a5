"""Which networks of timm can be a branch, and what their summary is."""

import numpy as np
import pytest
import timm
import torch
from mmengine.registry import MODELS

from clear_bench.models import attention_maps
from clear_bench.models.branches import FAMILIES, SwinBranch, ViTBranch, require_network
from clear_bench.models.clear import METHOD
from clear_bench.utils.errors import UserError

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2}
SWIN = {"embed_dim": 12, "depths": (2, 1, 1, 1), "num_heads": (1, 1, 2, 2)}
POOLED = ["vit_base_patch16_siglip_224", "vit_wee_patch16_reg1_gap_256",
          "vit_base_patch16_siglip_gap_224"]  # fmt: skip


@pytest.mark.parametrize("name", POOLED)
def test_without_class_token_the_summary_is_timms_own_pooled_output(name):
    torch.manual_seed(0)
    branch = ViTBranch((64, 32), False, name=name, **SMALL).eval()
    images = torch.randn(2, 3, 64, 32)
    torch.manual_seed(0)
    whole = timm.create_model(name, num_classes=0, img_size=(64, 32), **SMALL).eval()
    whole.load_state_dict(branch.trunk.state_dict())
    summary, tokens = branch(images)
    torch.testing.assert_close(summary, whole(images))
    assert tokens.shape == (2, 8, 32)
    first = whole.forward_features(images)[:, 0]  # a patch or a register
    assert not torch.allclose(summary, first)
    summary.square().sum().backward()
    silent = [n for n, p in branch.named_parameters() if p.grad is None]
    assert silent == []
    ends = {id(p) for part in branch.last_blocks() for p in part.parameters()}
    assert all(id(p) in ends for n, p in branch.named_parameters() if "pool" in n or "fc_n" in n)


def test_with_a_class_token_it_is_the_summary_whatever_timm_would_pool():
    name = "eva_large_patch14_196"  # pools patches in timm, the class token in C2T-Net
    branch = ViTBranch((56, 28), False, name=name, **SMALL).eval()
    images = torch.randn(2, 3, 56, 28)
    torch.testing.assert_close(branch(images)[0], branch.trunk.forward_features(images)[:, 0])
    assert not [n for n, _ in branch.named_parameters() if n.startswith("trunk.fc_norm")]


def test_a_swin_of_the_second_version_is_a_branch():
    torch.manual_seed(0)
    name, size = "swinv2_tiny_window8_256", (64, 32)
    branch = SwinBranch(size, False, "off", name=name, window_size=4, **SWIN).eval()
    images = torch.randn(2, 3, *size)
    summary, tokens = branch(images)
    torch.testing.assert_close(tokens.mean(dim=1), summary)
    torch.testing.assert_close(branch.trunk(images), summary)
    summary.square().sum().backward()
    assert all(p.grad is not None for p in branch.parameters())


@pytest.mark.parametrize(
    ("branch", "name"),
    [("swin", "convnext_tiny"), ("swin", "swinv2_cr_tiny_224"), ("swin", "vit_tiny_patch16_224"),
     ("vit", "beit_base_patch16_224"), ("vit", "swin_tiny_patch4_window7_224.ms_in1k"),
     ("vit", "vit_small_patch16_dinov3"), ("vit", "resnet50")],
)  # fmt: skip
def test_families_that_cannot_be_a_branch_are_one_line(branch, name):
    with pytest.raises(UserError, match=f"{name}: cannot be a {branch} branch; choose") as caught:
        require_network(name, branch)
    assert all(family in str(caught.value) for family in FAMILIES[branch])
    kind = {"vit": ViTBranch, "swin": SwinBranch}[branch]
    with pytest.raises(UserError, match="cannot be"):
        kind((64, 32), False, name=name)
    with pytest.raises(UserError, match="unknown network of timm 'vit_tiny_patch16_22'; did you"):
        require_network("vit_tiny_patch16_22.augreg", branch)


@pytest.mark.parametrize("name", POOLED)
def test_attention_maps_of_a_summary_that_is_pooled(name):
    """Of a network without blocks' attention worth speaking of: what the pooling reads is left."""
    model = MODELS.build({
        **METHOD.recognition["model"], "branches": ["vit"], "fusion": "none",
        "vit": {"name": name, **SMALL}, "attributes": 3, "positive_ratio": [0.3] * 3,
        "augment": {"pad": 0, "flip": False}, "image_size": (64, 32),
    }).eval()  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype=np.uint8)
    found = attention_maps.look(model, pixels)["vit"]
    assert found.shape == (2, 4, 2)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, atol=1e-5)
    rng = np.random.default_rng(1)
    block = rng.random((2, 1, 5, 5))
    block /= block.sum(axis=-1, keepdims=True)
    read = rng.random((2, 5))
    slow = np.array([sum(read[n, t] * (block[n, 0, t] + np.eye(5)[t]) / 2 for t in range(5))
                     for n in range(2)])  # fmt: skip
    np.testing.assert_allclose(attention_maps.rollout([block], read), slow)
