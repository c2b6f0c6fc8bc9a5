"""Files of weights as others publish them, written from a network's own weights."""

from typing import Any

import numpy as np
import torch

Weights = dict[str, torch.Tensor]


def mmdetection_swin(swin: Any) -> Weights:
    """Return the weights of timm's Swin in mmdetection's layout, as SOLIDER's files have it."""
    renamed: Weights = {}
    for name, tensor in swin.state_dict().items():
        parts = name.split(".")
        if parts[0] == "norm":
            parts[0] = "norm3"
        if parts[:2] == ["patch_embed", "proj"]:
            parts[1] = "projection"
        if parts[0] == "layers":
            parts[0] = "stages"
            if parts[2] == "downsample":
                parts[1] = str(int(parts[1]) - 1)
                tensor = unfolded(tensor)
        name = ".".join(parts).replace(".attn.", ".attn.w_msa.")
        name = name.replace(".mlp.fc1.", ".ffn.layers.0.0.").replace(".mlp.fc2.", ".ffn.layers.1.")
        renamed[name] = tensor.clone()
        if name.endswith("bias_table"):
            index = name.replace("position_bias_table", "position_index")
            renamed[index] = torch.zeros(2, 2, dtype=torch.long)
    return renamed


def unfolded(tensor: torch.Tensor) -> torch.Tensor:
    """Return what meets four concatenated maps in the order of `torch.nn.Unfold`, by a loop."""
    out = torch.empty_like(tensor)
    width = tensor.shape[-1] // 4
    for channel in range(width):
        for row in (0, 1):
            for column in (0, 1):
                place = (2 * column + row) * width + channel
                out[..., 4 * channel + 2 * row + column] = tensor[..., place]
    return out


def c2t_checkpoint(model: Any) -> dict[str, Any]:
    """Return a CLEAR network (swin, vit) as C2T-Net's released code would save it."""
    swin, vit = model.trunk.branches
    own = mmdetection_swin(swin.trunk)
    for stage in range(3):
        own |= {f"norm{stage}.{k}": torch.ones(3) for k in ("weight", "bias")}
    own |= {f"vit.{k}": v for k, v in vit.trunk.state_dict().items()}
    own |= {f"vit.fc_norm.{k}": torch.ones(3) for k in ("weight", "bias")}
    for stage, attention in swin.channel_attention.items():
        for what, tensor in attention.qkv.state_dict().items():
            for part, third in zip("qkv", tensor.chunk(3), strict=True):
                own[f"tablocks.{stage}.c_{part}.{what}"] = third.clone()
    names = {"query": "wq", "key": "wk", "value": "wv", "out": "proj"}
    for side, module in zip(("swin_eva", "eva_swin"), model.trunk.cross[0].values(), strict=True):
        for name, tensor in module.state_dict().items():
            part, _, what = name.partition(".")
            own[f"cross_att_{side}.{names[part]}.{what}"] = tensor
    for number, norm in enumerate(model.trunk.norms, start=1):
        own |= {f"norm_{number}.{k}": v for k, v in norm.state_dict().items()}
    state = {f"module.backbone.{k}": v for k, v in own.items()}
    state |= {f"module.classifier.logits.0.{k}": v for k, v in model.head.state_dict().items()}
    return {"state_dicts": state, "epoch": 3, "metric": np.float64(0.9)}


def hap_checkpoint(vit: Any) -> dict[str, Any]:
    """Return a ViT as masked pre-training (HAP, MAE) saves it, with decoder and settings."""
    import argparse

    model = dict(vit.state_dict()) | {
        "mask_token": torch.zeros(1, 1, 8),
        "decoder_embed.weight": torch.zeros(8, 4),
        "decoder_pos_embed": torch.zeros(1, 3, 8),
    }
    return {"model": model, "optimizer": {"state": {}}, "args": argparse.Namespace(lr=1e-3)}
