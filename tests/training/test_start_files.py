"""Weights of others, by their files: layouts, strictness, hostile files."""

import pickle
from pathlib import Path

import pytest
import torch
from foreign_weights import c2t_checkpoint, hap_checkpoint, mmdetection_swin
from methods import config_of
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed, resize_rel_pos_bias_table

from clear_bench.engine.building import build
from clear_bench.engine.weight_files import read_weights
from clear_bench.models.branches import SwinBranch, ViTBranch
from clear_bench.training.branch_weights import fitted
from clear_bench.training.initial_weights import write_checkpoint_start
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

VIT = {"name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 2, "num_heads": 2}
SWIN = {"name": "swin_tiny_patch4_window7_224", "embed_dim": 12, "depths": [2, 1, 1, 1],
        "num_heads": [1, 1, 2, 2], "window_size": 4}  # fmt: skip


def vit(size=(64, 32), seed=5, **changes):
    torch.manual_seed(seed)
    return ViTBranch(size, False, **{**VIT, **changes}).eval()


def swin(size=(64, 32), seed=5, **changes):
    torch.manual_seed(seed)
    made = SwinBranch(size, False, "off", **{**SWIN, **changes}).eval()
    for tensor in made.parameters():  # norms too
        torch.nn.init.normal_(tensor, std=0.3)
    return made


def read(file: Path):
    return read_weights(file, file_sha256(file))


def write(content, file: Path) -> Path:
    torch.save(content, file)
    return file


def one_line(caught) -> bool:
    return "\n" not in str(caught.value)


# ---- a whole C2T-Net


@pytest.fixture(scope="module")
def c2t(tmp_path_factory):
    """Configuration, network and file of a small C2T-Net whose Swin has a shifted block."""
    folder = tmp_path_factory.mktemp("c2t")
    config = config_of("c2t_net", folder)
    config["swin"] = {**config["swin"], "depths": [2, 1, 1, 1], "embed_dim": 16}
    config["dim"] = 128  # both widths: no linear map in between, as at paper size
    torch.manual_seed(5)
    model = build(config).eval()
    for tensor in model.parameters():
        torch.nn.init.normal_(tensor, std=0.1)
    return config, model, c2t_checkpoint(model)


def started(config, content, folder):
    file = write(content, folder / "c2t.pth")
    recipe = {"init": f"c2t:{file}", "init_sha256": file_sha256(file)}
    return write_checkpoint_start(folder / "start.pth", config, 0, recipe)


def test_a_c2t_checkpoint_gives_the_same_network(c2t, tmp_path):
    config, model, content = c2t
    report = started(config, content, tmp_path)
    assert set(report["fresh"]) == {"positive_ratio", "head.weight", "head.bias"}
    assert report["unused"] == []
    assert {n.rsplit(".", 1)[0] for n in report["dropped"] if "index" not in n} == {
        "norm0", "norm1", "norm2", "vit.fc_norm", "classifier.logits.0"
    }  # fmt: skip
    used = len(content["state_dicts"]) - len(report["dropped"])
    thirds = sum("tablocks" in name for name in content["state_dicts"])
    assert len(report["copied"]) == used - thirds * 2 // 3
    other = build(config).eval()
    other.load_state_dict(torch.load(tmp_path / "start.pth", weights_only=True)["state_dict"])
    images = torch.randn(2, 3, *config["image_size"])
    torch.testing.assert_close(other.features(images), model.features(images))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("module.backbone.vit.cls_token"), r"lacks trunk\.branches\.1\.trunk\.cls"),
        (
            lambda s: s.update({"module.backbone.extra": torch.ones(1)}),
            "extra: is not a name of C2",
        ),
        (lambda s: s.update({"module.backbone.vit.more": torch.ones(1)}), "has trunk.*more and 0"),
        (lambda s: s.pop("module.backbone.tablocks.1.c_k.bias"), "is not a part of three"),
        (lambda s: s.update({"module.backbone.norm_1.bias": torch.ones(7)}), r"is \(7,\), must be"),
        (lambda s: s["module.backbone.norm_1.bias"].fill_(torch.nan), "not finite"),
    ],
)
def test_a_c2t_checkpoint_is_strict(c2t, tmp_path, change, message):
    config, _, content = c2t
    state = {k: v.clone() for k, v in content["state_dicts"].items()}
    change(state)
    with pytest.raises(UserError, match=message) as caught:
        started(config, {"state_dicts": state}, tmp_path)
    assert one_line(caught)
    assert not (tmp_path / "start.pth").exists()


# ---- one network's weights


@pytest.mark.parametrize("form", ["safetensors", "torch"])
def test_masked_pretraining_of_a_vit(tmp_path, form):
    source, target = vit(), vit(seed=0)
    content = hap_checkpoint(source.trunk)
    file = tmp_path / f"hap.{form}"
    if form == "safetensors":
        save_file({f"encoder.{k}": v.contiguous() for k, v in content["model"].items()}, file)
    else:
        write(content, file)
    found = fitted(target.trunk, read(file), "vit.weights")
    assert found.missing == []
    decoder = {n.removeprefix("encoder.") for n in found.unused}
    assert decoder == {"mask_token", "decoder_embed.weight", "decoder_pos_embed"}
    target.trunk.load_state_dict(found.tensors)
    images = torch.randn(2, 3, 64, 32)
    torch.testing.assert_close(target(images), source(images))


@pytest.mark.parametrize(("small", "grid"), [((64, 32), [4, 2]), ((64, 64), [4, 4])])
def test_positions_are_resampled_as_timm_does(small, grid):
    source, target = vit(small), vit((128, 64), seed=0)
    found = fitted(target.trunk, dict(source.trunk.state_dict()), "vit.weights")
    expected = resample_abs_pos_embed(source.trunk.pos_embed, [8, 4], grid, num_prefix_tokens=1)
    torch.testing.assert_close(found.tensors["pos_embed"], expected)


def test_person_pretraining_of_a_swin_in_mmdetections_layout(tmp_path):
    source, target = swin(), swin(seed=0)
    names = {f"backbone.{k}": v for k, v in mmdetection_swin(source.trunk).items()}
    extra = {"backbone.norm0.weight": torch.ones(12), "backbone.semantic_embed_w.0.weight":
             torch.ones(12, 2), "head.mlp.0.weight": torch.ones(3, 3)}  # fmt: skip
    content = {"student": {}, "teacher": {**names, **extra}, "epoch": 9}
    found = fitted(target.trunk, read(write(content, tmp_path / "solider.pth")), "swin.weights")
    assert found.missing == []
    assert set(extra) < set(found.unused)
    assert all(n in extra or n.endswith("relative_position_index") for n in found.unused)
    target.trunk.load_state_dict(found.tensors)
    images = torch.randn(2, 3, 64, 32)
    torch.testing.assert_close(target(images), source(images))


def test_biases_of_windows_are_resampled_as_timm_does():
    source, target = swin(), swin(seed=0, window_size=7)
    found = fitted(target.trunk, dict(source.trunk.state_dict()), "swin.weights")
    name = "layers.0.blocks.1.attn.relative_position_bias_table"
    table = source.trunk.state_dict()[name]
    expected = resize_rel_pos_bias_table(table, (7, 7), (13 * 13, 1))
    torch.testing.assert_close(found.tensors[name], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 3}, r"has blocks\.2.* more that the network does not have"),
        ({"depth": 1}, r"lacks blocks\.1.* more of the network"),
        ({"embed_dim": 64}, r"is \(.*\), must be"),
    ],
)
def test_files_of_other_networks_are_refused(change, message):
    with pytest.raises(UserError, match=message) as caught:
        fitted(vit().trunk, dict(vit(**change).trunk.state_dict()), "vit.weights=f")
    assert one_line(caught)


def test_two_networks_in_a_file_or_none_are_refused():
    own = dict(vit().trunk.state_dict())
    two = {f"{side}.{k}": v for side in ("encoder_q", "encoder_k") for k, v in own.items()}
    with pytest.raises(UserError, match=r"under 'encoder_k\.' and 'encoder_q\.'"):
        fitted(vit().trunk, two, "vit.weights=f")
    with pytest.raises(UserError, match="not one of its tensors fits"):
        fitted(vit().trunk, {"a.b": torch.ones(2)}, "vit.weights=f")
    with pytest.raises(UserError, match="is it a file of another network"):
        fitted(swin().trunk, own, "swin.weights=f")
    for bad, message in (
        (torch.full((32,), torch.inf), "not finite"),
        (torch.ones(32, dtype=torch.long), "is of torch.int64"),
        (torch.ones(1).expand(32), "is not a plain tensor"),
        (torch.ones(32).to_sparse(), "is not a plain tensor"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            fitted(vit().trunk, {**own, "blocks.0.norm1.weight": bad}, "vit.weights=f")
        assert one_line(caught)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def hostile(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return files that are not weights, with what is said of them."""
    whole = write(dict(vit().trunk.state_dict()), folder / "whole.pth").read_bytes()
    made = {
        "text.pth": (b"no weights", "not weights"),
        "empty.pth": (b"", "not weights"),
        "cut.pth": (whole[: len(whole) // 2], "not weights"),
        "cut.safetensors": (b"\x10\0\0\0\0\0\0\0{", "not weights"),
        "evil.pth": (pickle.dumps(Evil()), "not weights"),
    }
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    found = {name: (folder / name, message) for name, (_, message) in made.items()}
    found["call.pth"] = (
        write({"x": Evil()}, folder / "call.pth"),
        "asks for getattr, which is not a tensor",
    )
    found["list.pth"] = (write([torch.ones(1)], folder / "list.pth"), "no mapping of names")
    found["none.pth"] = (write({"model": {"epoch": 3}}, folder / "none.pth"), "no mapping of names")
    return found


def test_hostile_files_are_one_line_and_execute_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, message in hostile(tmp_path).values():
        with pytest.raises(UserError, match=message) as caught:
            read(file)
        assert one_line(caught)
        assert str(file) in str(caught.value)
    assert not Path("executed").exists()
    with pytest.raises(UserError, match="no such file"):
        read_weights(tmp_path / "gone.pth", "")
    with pytest.raises(UserError, match="another file than when the run was planned"):
        read_weights(tmp_path / "text.pth", "0" * 64)
