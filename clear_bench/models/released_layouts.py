"""Weights under the names of released code, as weights under the names that they have here.

Two layouts, both of Swin as mmdetection writes it: that of person-specific pre-training (SOLIDER),
and C2T-Net's whole network, which is CLEAR's recognition half.  Every name is either translated or
said to be dropped, with the reason; a name that is neither is an error.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from clear_bench.utils.errors import UserError

SWIN = (
    (r"^patch_embed\.projection\.", "patch_embed.proj."),
    (r"^stages\.", "layers."),
    (r"\.attn\.w_msa\.", ".attn."),
    (r"\.ffn\.layers\.0\.0\.", ".mlp.fc1."),
    (r"\.ffn\.layers\.1\.", ".mlp.fc2."),
    (r"^norm3\.", "norm."),
)
"""Patterns of mmdetection's names of a Swin with four stages, and Microsoft's for them."""
C2T = (
    (r"^vit\.", "trunk.branches.1.trunk."),
    (r"^cross_att_swin_eva\.", "trunk.cross.0.0."),
    (r"^cross_att_eva_swin\.", "trunk.cross.0.1."),
    (r"^(trunk\.cross\.0\..)\.wq\.", r"\1.query."),
    (r"^(trunk\.cross\.0\..)\.wk\.", r"\1.key."),
    (r"^(trunk\.cross\.0\..)\.wv\.", r"\1.value."),
    (r"^(trunk\.cross\.0\..)\.proj\.", r"\1.out."),
    (r"^norm_1\.", "trunk.norms.0."),
    (r"^norm_2\.", "trunk.norms.1."),
)
"""The same for what C2T-Net has besides its Swin; the ViT has timm's names there too."""
DROPPED = (
    (r"(^|\.)relative_position_index$", "computed, not learned"),
    (r"^vit\.fc_norm\.", "belongs to a classifier of timm that is not used"),
    (r"^norm[012]\.", "its result is not used"),
    (r"^classifier\.", "depends on the attributes"),
)
"""Patterns of C2T-Net's names that are left out, with the reason."""
QKV = ("c_q", "c_k", "c_v")
MERGING = re.compile(r"^layers\.(\d)\.downsample\.(norm|reduction)\.")


def is_mmdetection_swin(weights: Mapping[str, Tensor]) -> bool:
    """Return whether weights have mmdetection's names of a Swin."""
    return any(name.startswith("stages.0.blocks.0.attn.w_msa.") for name in weights)


def swin_by_timm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a Swin's weights under timm's names.

    mmdetection merges patches by `torch.nn.Unfold`, whose features come channel by channel and row
    by row; timm and the original concatenate four maps, column by column.  It also merges at the
    end of a stage, timm at the start of the next.

    Args:
        weights: mmdetection's name to tensor; other names stay.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        name = _renamed(name, SWIN)
        merging = MERGING.match(name)
        if merging:
            name = f"layers.{int(merging[1]) + 1}." + name.split(".", 2)[2]
            tensor = tensor.unflatten(-1, (-1, 2, 2)).movedim(-3, -1)  # (..., row, column, C)
            tensor = tensor.transpose(-3, -2).flatten(-3)
        renamed[name] = tensor
    return renamed


def c2t_weights(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a C2T-Net checkpoint's weights by the names of `Clear`, and what of it is dropped.

    Args:
        weights: The checkpoint's names without ``module.``: ``backbone.`` and ``classifier.``.

    Returns:
        Name to tensor, and dropped name to the reason.

    Raises:
        UserError: If a name is not one of C2T-Net's.
    """
    own = {name.removeprefix("backbone."): tensor for name, tensor in weights.items()}
    dropped = {name: reason for name in own if (reason := _why_dropped(name))}
    kept = {name: tensor for name, tensor in own.items() if name not in dropped}
    swin: dict[str, Tensor] = {}
    rest: dict[str, Tensor] = {}
    for name, tensor in kept.items():
        is_swin = name.startswith(("patch_embed.", "stages.", "norm3."))
        (swin if is_swin else rest)[name] = tensor
    ours = {f"trunk.branches.0.trunk.{k}": v for k, v in swin_by_timm(swin).items()}
    for name, tensor in rest.items():
        kind, _, place = name.partition(".")
        if kind != "tablocks":
            ours[_renamed(name, C2T)] = tensor
            continue
        stage, part, what = [*place.split("."), "", ""][:3]
        key = f"trunk.branches.0.channel_attention.{stage}.qkv.{what}"
        parts = [f"tablocks.{stage}.{p}.{what}" for p in QKV]
        if part not in QKV or any(p not in rest for p in parts):
            raise UserError(f"{name}: is not a part of three of C2T-Net's channel attention")
        if key not in ours:
            ours[key] = torch.cat([rest[p] for p in parts])
    if strange := [name for name in ours if not name.startswith("trunk.")]:
        raise UserError(f"{strange[0]}: is not a name of C2T-Net's ({len(strange)} such)")
    return ours, dropped


def _renamed(name: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """Return a name after every pattern has been replaced once, in order."""
    for old, new in patterns:
        name = re.sub(old, new, name, count=1)
    return name


def _why_dropped(name: str) -> str:
    """Return why a name of C2T-Net's is left out; "" if it is used."""
    return next((reason for pattern, reason in DROPPED if re.search(pattern, name)), "")
