"""CLEAR's cross-transformer: two branches whose summaries look at each other's tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.options import checked
from clear_bench.models.branches import BRANCHES
from clear_bench.models.options import CLEAR, fusion_fits
from clear_bench.utils.errors import UserError


class CrossAttention(nn.Module):
    """One summary vector attends to itself and to the tokens of the other branch.

    Multi-head attention with a single query; no bias on query, key and value, bias on the output,
    no norm, no feed-forward.  Source: C2T-Net's released code, after CrossViT (Chen et al. 2021).

    Args:
        dim: Width of everything.
        heads: Must divide ``dim``.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, summary: Tensor, tokens: Tensor) -> Tensor:
        """Return what ``summary`` ``(B, dim)`` gathers from ``tokens`` ``(B, N, dim)``.

        One query a head meets N + 1 tokens, so the key map is put on the query's side, ``q' (K t)
        = (K' q)' t``, and the value map behind the weighted sum: each then acts on one vector a
        head and not on every token.
        """
        seen = torch.cat([summary[:, None], tokens], dim=1)
        split = (self.heads, summary.shape[1] // self.heads)
        key, value = (m.weight.unflatten(0, split) for m in (self.key, self.value))
        query = torch.einsum("bhd,hdc->bhc", self.query(summary).unflatten(1, split), key)
        gathered = F.scaled_dot_product_attention(query, seen, seen, scale=split[1] ** -0.5)
        return self.out(torch.einsum("bhc,hdc->bhd", gathered, value).flatten(1))


class CrossTransformer(nn.Module):
    """Images to one feature vector: ``[LN(first) ; LN(second)]`` of the two fused summaries.

    With branches (swin, vit) and depth 1 this is C2T-Net's trunk, which CLEAR's is taken to be
    (inferred): ``vit = c + CA(c, [c; S])`` and ``swin = g + CA(g, [g; P])``, where c is the class
    token, P the patch tokens, S Swin's tokens and g their mean.  Further layers (depth > 1)
    repeat this with the summaries updated; depth 0 leaves them alone.

    Args:
        image_size: (height, width) in pixels.
        branches: One or two names of `BRANCHES`, in the order of concatenation.
        vit: timm name and arguments of ViT branches.
        swin: The same for Swin branches, with ``channel_attention`` and ``channel_stages``.
        pretrained: Whether timm's published weights are loaded.
        fusion: Which summaries look across: ``both``, ``first``, ``second`` or ``none``, which is
            the only one for a lone branch.
        depth: Layers of cross-fusion.
        dim: Width of the fused summaries.  A branch of that width is not projected (so nothing
            is at the published sizes); another gets a linear map first.
        heads: Heads of the cross-attention.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        branches: Sequence[str],
        vit: Mapping[str, Any],
        swin: Mapping[str, Any],
        pretrained: bool,
        fusion: str,
        depth: int,
        dim: int,
        heads: int,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise UserError(f"heads={heads}: must divide dim={dim}")
        given = {"depth": depth, "fusion": fusion, "branches": list(branches)}
        for name, value in given.items():
            checked(CLEAR.options[name], name, value)
        if wrong := fusion_fits(given):
            raise UserError(wrong)
        options = {"vit": vit, "swin": swin}
        self.branches = nn.ModuleList(
            BRANCHES[name](image_size, pretrained, **options[name]) for name in branches
        )
        widths = [int(branch.width) for branch in self.branches]  # type: ignore[arg-type]
        self.project = nn.ModuleList(
            nn.Identity() if width == dim else nn.Linear(width, dim) for width in widths
        )
        self.looks = {"none": (), "both": (0, 1), "first": (0,), "second": (1,)}[fusion]
        self.cross = nn.ModuleList(
            nn.ModuleDict({str(side): CrossAttention(dim, heads) for side in self.looks})
            for _ in range(depth if self.looks else 0)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in branches)
        self.feature_dim = dim * len(branches)

    def last_blocks(self) -> list[nn.Module]:
        """Return the last block of each branch, and all of the fusion with its norms."""
        ends = [part for branch in self.branches for part in branch.last_blocks()]  # type: ignore[operator]
        return [*ends, *self.project, *self.cross, *self.norms]

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images ``(B, 3, H, W)`` to features ``(B, feature_dim)``."""
        summaries, tokens = [], []
        for branch, project in zip(self.branches, self.project, strict=True):
            summary, patch = branch(images)
            summaries.append(project(summary))
            tokens.append(project(patch))
        for layer in self.cross:
            seen = list(summaries)  # both directions read the vectors of before this layer
            for side in self.looks:
                attention = layer[str(side)]  # type: ignore[index]
                summaries[side] = seen[side] + attention(seen[side], tokens[1 - side])
        fused = [norm(s) for norm, s in zip(self.norms, summaries, strict=True)]
        return torch.cat(fused, dim=1)
