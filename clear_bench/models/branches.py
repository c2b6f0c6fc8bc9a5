"""The two branches of CLEAR's cross-transformer: a plain ViT and a Swin with channel attention."""

from collections.abc import Sequence
from typing import Any

import timm
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.options import checked
from clear_bench.models.options import CHANNEL_ATTENTION
from clear_bench.models.windows import pad_before_roll
from clear_bench.utils.errors import Unavailable, UserError, unknown

FAMILIES = {
    "vit": ("vision_transformer", "vision_transformer_hybrid", "deit"),
    "swin": ("swin_transformer", "swin_transformer_v2"),
}
"""Branch to timm's families with its structure: plain tokens, or a map that is halved by stages."""
NAMED = {
    "vit": "most vit_*, deit_*, deit3_*, flexivit_*, eva_*_patch14_196 and _336, aimv2_*, beit3_*",
    "swin": "swin_* and swinv2_*, but not swinv2_cr_*",
}


def require_network(name: str, branch: str = "") -> None:
    """Refuse a name that timm does not know, or that cannot be a branch.

    Args:
        name: timm's name, with or without a weight tag.
        branch: Key of `FAMILIES`, or another for any network.

    Raises:
        UserError: With the families that can be that branch, or the nearest names.
    """
    network = name.partition(".")[0]
    if not timm.is_model(network):
        raise unknown("network of timm", network, timm.list_models(exclude_filters=["test_*"]))
    if branch in FAMILIES and not timm.models.is_model_in_modules(network, FAMILIES[branch]):
        families = " and ".join(FAMILIES[branch])
        raise UserError(
            f"backbone {name}: cannot be a {branch} branch; choose one of timm's families "
            f"{families} ({NAMED[branch]})"
        )


def backbone(
    name: str,
    image_size: tuple[int, int],
    pretrained: bool,
    *,
    published: bool = True,
    **extra: Any,
) -> nn.Module:
    """Return a timm model by name, without its classifier unless ``num_classes`` asks for one.

    Args:
        name: timm's name, with or without a weight tag.
        image_size: (height, width) in pixels.
        pretrained: Whether to load timm's published weights for that tag.
        published: False leaves timm's weights out whatever ``pretrained`` says: this network will
            be given others.
        extra: Passed to timm (widths, depths, window).

    Raises:
        UserError: If timm knows no such model, or its weights cannot be had.  They are never
            replaced by random ones.
    """
    try:
        known = timm.get_pretrained_cfg(name)
        if known is not None and known.fixed_input_size:  # a CNN takes any size, unasked
            extra["img_size"] = image_size
        load = pretrained and published
        model = timm.create_model(name, pretrained=load, **{"num_classes": 0, **extra})
    except RuntimeError as error:
        if "Unknown model" in str(error):
            raise UserError(f"backbone {name}: timm knows no such model") from error
        if "Invalid pretrained tag" in str(error):
            raise UserError(f"backbone {name}: timm knows no such weights") from error
        raise
    except OSError as error:  # every download failure of the hub client is one
        raise Unavailable(
            f"backbone {name}: pre-trained weights cannot be had ({type(error).__name__}); "
            "run once where the hub is reachable, or set pretrained=false to train from scratch"
        ) from error
    for part in model.modules():
        if hasattr(part, "fused_attn"):  # timm leaves Swin's off; the mathematics is the same
            part.fused_attn = True
    pad_before_roll(model)
    return model


class ChannelAttention(nn.Module):
    """Self-attention whose tokens are channels and whose features are positions.

    ``X + Dropout(softmax(Q K^T / sqrt(N)) V)`` with Q, K, V = X W + b, X of shape (C, N) and W of
    shape (N, N); one head, no normalisation.  Works at one image size only, since W is N x N.
    Source: C2T-Net's released code ("TABlock"), which CLEAR's channel-aware self-attention is
    taken to be (inferred).

    Args:
        positions: N.
        shuffle: Keep the released code's memory re-view: it transposes the result to (N, C) and
            reads that memory as (C, N), so entries change places.  Needed only to use weights
            trained by that code.
        dropout: On the attention's result.
    """

    def __init__(self, positions: int, *, shuffle: bool = False, dropout: float = 0.1) -> None:
        super().__init__()
        self.qkv = nn.Linear(positions, 3 * positions)
        self.dropout = nn.Dropout(dropout)
        self.shuffle = shuffle

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, N)`` to ``(B, C, N)``."""
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        y = F.scaled_dot_product_attention(query, key, value)
        if self.shuffle:
            y = y.transpose(1, 2).reshape(y.shape)
        return x + self.dropout(y)


class ViTBranch(nn.Module):
    """A plain ViT; its summary is the class token, its tokens are the patches.

    A ViT without class token has timm's own pooled output as its summary: the mean of the patches
    or attention over them, and the norm behind it.

    timm's published EVA models for average pooling keep no norm in the trunk, so their tokens are
    pre-norm, as in C2T-Net's released code.

    Args:
        image_size: (height, width) in pixels.
        pretrained: Whether timm's weights are loaded.
        vit: timm's name and arguments.
    """

    kind = "vit"

    def __init__(self, image_size: tuple[int, int], pretrained: bool, **vit: Any) -> None:
        super().__init__()
        require_network(vit["name"], "vit")
        self.trunk: Any = backbone(image_size=image_size, pretrained=pretrained, **vit)
        self.width: int = self.trunk.num_features  # type: ignore[assignment]
        self.has_class_token = self.trunk.cls_token is not None
        if self.has_class_token:  # timm's pooling is then not used, and would never learn
            self.trunk.fc_norm = nn.Identity()
            self.trunk.attn_pool = None  # type: ignore[assignment]

    def last_blocks(self) -> list[nn.Module]:
        """Return the last block and the norms and the pooling behind it."""
        pooling = [self.trunk.attn_pool] if self.trunk.attn_pool is not None else []
        return [self.trunk.blocks[-1], self.trunk.norm, *pooling, self.trunk.fc_norm]

    def embed(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to what enters the first block, ``(B, prefix + N, width)``."""
        tokens = self.trunk._pos_embed(self.trunk.patch_embed(images))
        return self.trunk.norm_pre(self.trunk.patch_drop(tokens))

    def summary(self, tokens: Tensor) -> Tensor:
        """Map what leaves the trunk, ``(B, prefix + N, width)``, to the summary ``(B, width)``."""
        if self.has_class_token:
            return tokens[:, 0]
        return self.trunk.forward_head(tokens, pre_logits=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, 3, H, W)`` to summary ``(B, width)`` and tokens ``(B, N, width)``."""
        tokens = self.trunk.forward_features(images)
        return self.summary(tokens), tokens[:, self.trunk.num_prefix_tokens :]


class SwinBranch(nn.Module):
    """A Swin with channel attention before its stages; its summary is the mean of its tokens.

    Args:
        image_size: (height, width) in pixels.
        pretrained: Whether timm's weights are loaded into the Swin.
        channel_attention: ``off``, ``paper`` or ``released`` (with the shuffle, see
            `ChannelAttention`).
        channel_stages: Stages (0 to 3) that get one.
        channel_dropout: On the result of each.
        swin: timm's name and arguments.
    """

    kind = "swin"

    def __init__(
        self,
        image_size: tuple[int, int],
        pretrained: bool,
        channel_attention: str = "paper",
        channel_stages: Sequence[int] = (0, 1, 2, 3),
        channel_dropout: float = 0.1,
        **swin: Any,
    ) -> None:
        super().__init__()
        checked(CHANNEL_ATTENTION, "channel_attention", channel_attention)
        require_network(swin["name"], "swin")
        # Full windows at every stage: the bias tables then have the published shapes.
        swin = {"always_partition": True, **swin}
        self.trunk: Any = backbone(image_size=image_size, pretrained=pretrained, **swin)
        self.width: int = self.trunk.num_features  # type: ignore[assignment]
        places = self._positions(image_size)
        if not set(channel_stages) <= set(range(len(places))):
            raise UserError(
                f"channel_stages={list(channel_stages)}: must be from 0 to {len(places) - 1}"
            )
        if not channel_stages and channel_attention != "off":
            raise UserError("channel_stages=[]: name a stage, or set channel_attention=off")
        stages = [] if channel_attention == "off" else sorted(set(channel_stages))
        released = channel_attention == "released"
        self.channel_attention = nn.ModuleDict(
            {
                str(stage): ChannelAttention(
                    places[stage], shuffle=released, dropout=channel_dropout
                )
                for stage in stages
            }
        )

    def _positions(self, image_size: tuple[int, int]) -> list[int]:
        """Return the number of positions that enter each stage."""
        height, width = self.trunk.patch_embed.grid_size
        return [
            -(-height // 2**stage) * -(-width // 2**stage)
            for stage in range(len(self.trunk.layers))
        ]

    def last_blocks(self) -> list[nn.Module]:
        """Return the last stage, its channel attention and the norm behind it."""
        last = str(len(self.trunk.layers) - 1)
        attention = [self.channel_attention[last]] if last in self.channel_attention else []
        return [*attention, self.trunk.layers[-1], self.trunk.norm]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, 3, H, W)`` to summary ``(B, width)`` and tokens ``(B, N, width)``."""
        x = self.trunk.patch_embed(images)  # (B, h, w, C), as in all of timm's Swin
        for stage, layer in enumerate(self.trunk.layers):
            x = layer.downsample(x)
            if str(stage) in self.channel_attention:
                channels = x.flatten(1, 2).transpose(1, 2)
                channels = self.channel_attention[str(stage)](channels)
                x = channels.transpose(1, 2).reshape(x.shape)
            for block in layer.blocks:
                x = block(x)
        tokens = self.trunk.norm(x).flatten(1, 2)
        return tokens.mean(dim=1), tokens


BRANCHES: dict[str, type[ViTBranch] | type[SwinBranch]] = {"vit": ViTBranch, "swin": SwinBranch}
