"""What the settings of CLEAR's networks, and of timm's under them, may be; no torch."""

from collections.abc import Mapping
from typing import Any

from clear_bench.config.options import (
    DROPOUT,
    LAYERS,
    NAME,
    POSITIVE,
    SHA256,
    WEIGHT,
    WIDTH,
    Choice,
    Declared,
    Divides,
    Either,
    Option,
    Range,
    Several,
    Switch,
    Text,
    below,
)

AT_LEAST_ONE = Range(1, 1000, whole=True)
STAGES = Range(0, 3, whole=True)
CHANNEL_ATTENTION = Choice(("off", "paper", "released"))
FUSION = Choice(("none", "both", "first", "second"))
BRANCH = Choice(("vit", "swin"))
LOSS_WEIGHTING = Choice(("none", "exp", "focal", "asymmetric"))
CELL_WEIGHTING = Choice(("positives", "both"))
"""Of `clear_bench.models.losses.cell_mean_bce`."""

EMBEDDINGS = Choice(("both", "soft", "hard"))
COMBINE = Choice(("concat", "sum"))
MARGINS = Choice(("angular", "cosine", "hinge", "softmax", "contrastive"))
ACTIVATIONS = Choice(("gelu", "relu"))
NEGATIVE_CLIP = Range(0, 1, below=True)

NETWORK: dict[str, Option] = {"name": NAME, "weights": Text(), "weights_sha256": SHA256}
"""Of every network of timm's."""

RATES = dict.fromkeys(("drop_rate", "drop_path_rate", "attn_drop_rate", "proj_drop_rate"), DROPOUT)
VIT: dict[str, Option] = {
    **NETWORK,
    **RATES,
    "pos_drop_rate": DROPOUT,
    "patch_drop_rate": DROPOUT,
    "embed_dim": WIDTH,
    "depth": AT_LEAST_ONE,
    "num_heads": AT_LEAST_ONE,
    "mlp_ratio": POSITIVE,
    "patch_size": WIDTH,
    "init_values": POSITIVE,
    "qkv_bias": Switch(),
    "qk_norm": Switch(),
    "pre_norm": Switch(),
    "class_token": Switch(),
    "reg_tokens": LAYERS,
    "global_pool": Choice(("", "avg", "avgmax", "max", "token", "map")),
}
SWIN: dict[str, Option] = {
    **NETWORK,
    **RATES,
    "embed_dim": WIDTH,
    "depths": Several(AT_LEAST_ONE, 1, 10),
    "num_heads": Several(AT_LEAST_ONE, 1, 10),
    "window_size": Either(WIDTH, Several(WIDTH, 2, 2)),
    "mlp_ratio": POSITIVE,
    "patch_size": WIDTH,
    "qkv_bias": Switch(),
    "always_partition": Switch(),
    "strict_img_size": Switch(),
    "channel_attention": CHANNEL_ATTENTION,
    "channel_stages": Several(STAGES, 0, 4),
    "channel_dropout": DROPOUT,
}
RESNET: dict[str, Option] = {
    **NETWORK,
    "drop_rate": DROPOUT,
    "drop_path_rate": DROPOUT,
    "channels": Several(WIDTH, 4, 4),
    "layers": Several(AT_LEAST_ONE, 4, 4),
    "output_stride": Range(8, 32, whole=True),
    "stem_type": Choice(("", "deep", "deep_tiered")),
    "stem_width": WIDTH,
    "base_width": WIDTH,
    "cardinality": AT_LEAST_ONE,
    "avg_down": Switch(),
    "zero_init_last": Switch(),
}

ASYMMETRIC: dict[str, Option] = {
    "positive_gamma": WEIGHT,
    "negative_gamma": WEIGHT,
    "negative_clip": NEGATIVE_CLIP,
}
"""Of `clear_bench.models.losses.asymmetric_bce`."""


def fusion_fits(settings: Mapping[str, Any]) -> str:
    """Say what is wrong with a lone branch, or one that is there without settings."""
    branches, fusion = settings["branches"], settings["fusion"]
    if len(branches) == 1 and fusion != "none":
        return f"fusion={fusion}: a lone branch has no other to look at; use none"
    return ""


def stages_fit(settings: Mapping[str, Any]) -> str:
    """Say what is wrong with channel attention that has no stage."""
    swin = settings.get("swin", {})
    if not swin.get("channel_stages", [0]) and swin.get("channel_attention", "paper") != "off":
        return "swin.channel_stages=[]: name a stage, or set channel_attention=off"
    return ""


def heads_fit(settings: Mapping[str, Any]) -> str:
    """Say what is wrong with a Swin whose lists are of different stages."""
    swin = settings.get("swin", {})
    depths, heads = swin.get("depths"), swin.get("num_heads")
    if depths and heads and len(depths) != len(heads):
        return f"swin.num_heads={heads}: must have a number for each of the {len(depths)} stages"
    return ""


def adapters_fit(settings: Mapping[str, Any]) -> str:
    """Say what is wrong with adapters as far as their settings tell."""
    depth, embedding = settings["depth"], settings["embedding"]
    if depth == 0 and settings["visual_depth"] == 0:
        return "depth=0: with visual_depth=0 nothing would learn; give one side a layer"
    if settings["shared"] and embedding != "both":
        return f"shared=true: there is one query part; embedding={embedding}"
    if settings["shared"] and depth < 2:
        return f"shared=true: all layers but the first are shared; depth={depth} has none"
    if settings["align"] and depth == 0 and embedding != "hard":
        return f"align={settings['align']}: without adapters (depth=0) there is nothing to align"
    return ""


def prompts_fit(settings: Mapping[str, Any]) -> str:
    """Say what is wrong with visual prompts that cannot be shared out evenly."""
    prompts, places = settings["prompts"], settings["regions"] + 1
    if prompts % places:
        return f"prompts={prompts}: must be a multiple of {places}, the whole image and its regions"
    return ""


DECODER: dict[str, Option] = {
    "dim": WIDTH,
    "layers": AT_LEAST_ONE,
    "heads": AT_LEAST_ONE,
    "head_dim": WIDTH,
    "hidden": WIDTH,
    "dropout": DROPOUT,
}
"""Of `clear_bench.models.caption_decoder.CaptionDecoder`."""

CLEAR = Declared(
    {
        "branches": Several(BRANCH, 1, 2),
        **below("vit", VIT),
        **below("swin", SWIN),
        "pretrained": Switch(),
        "fusion": FUSION,
        "depth": LAYERS,
        "dim": WIDTH,
        "heads": AT_LEAST_ONE,
        "loss_weighting": LOSS_WEIGHTING,
        "weight_strength": WEIGHT,
        "focal_gamma": WEIGHT,
        **ASYMMETRIC,
    },
    (
        Divides("heads", "dim"),
        Divides("vit.num_heads", "vit.embed_dim"),
        fusion_fits,
        stages_fit,
        heads_fit,
    ),
)

CLEAR_RETRIEVAL = Declared(
    {
        "embedding": EMBEDDINGS,
        "combine": COMBINE,
        "dim": WIDTH,
        "depth": LAYERS,
        "visual_depth": LAYERS,
        "width": WIDTH,
        "shared": Switch(),
        "activation": ACTIVATIONS,
        "dropout": DROPOUT,
        "feature_dropout": DROPOUT,
        "margin_loss": MARGINS,
        "margin": WEIGHT,
        "scale": POSITIVE,
        "center": Switch(),
        "unit_parts": Switch(),
        "mirror": Switch(),
        "whiten": Range(0, 1 << 16, whole=True),
        "align": WEIGHT,
        "made": Range(0, 1_000_000, whole=True),
    },
    (adapters_fit,),
)
