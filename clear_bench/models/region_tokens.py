"""Tokens of horizontal bands of an image, and what sees what in a vision transformer with them."""

from itertools import pairwise

import torch
from torch import Tensor

from clear_bench.utils.errors import UserError


def bands(grid: tuple[int, int], regions: int, margin: int) -> Tensor:
    """Return which patches each horizontal band holds, ``(regions, rows * columns)`` bool.

    Args:
        grid: Rows and columns of patches.
        regions: Bands; the rows are shared out evenly.
        margin: Rows that a band reaches beyond its own on each side.

    Raises:
        UserError: If there are fewer rows of patches than bands.
    """
    rows, columns = grid
    if rows < regions:
        raise UserError(
            f"promptpar: {regions} regions need as many rows of patches, there are {rows}; choose "
            "a larger data.image_size or fewer recognition.model.regions"
        )
    row = torch.arange(rows).repeat_interleave(columns)
    edges = [round(k * rows / regions) for k in range(regions + 1)]
    return torch.stack([(row >= a - margin) & (row < b + margin) for a, b in pairwise(edges)])


def sight(prefix: int, inside: Tensor, share: int) -> Tensor:
    """Return the additive attention mask ``(S, S)``: 0 where a row may look at a column, else -inf.

    The sequence is prefix, patches, region tokens, prompts of the whole, prompts of each region.

    Args:
        prefix: Tokens before the patches (the class token).
        inside: Patches of each region, see `bands`.
        share: Prompts of the whole, and of each region.
    """
    regions, patches = inside.shape
    number = torch.arange(regions + 1)  # 0 is the whole
    owner = [number.new_zeros(prefix + patches), number[1:], number.repeat_interleave(share)]
    group = torch.cat(owner)
    seen = torch.ones(len(group), len(group), dtype=torch.bool)
    for region, band in enumerate(inside, start=1):
        own = group == region
        view = own.clone()
        view[prefix : prefix + patches] = band
        seen[own] = view
    return torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)


def aggregate(similarity: Tensor, threshold: float) -> Tensor:
    """Return one value of the regions' similarities ``(B, R, A)``: ``(B, A)``.

    The largest if it is above ``threshold``, else the smallest.
    """
    largest, smallest = similarity.amax(dim=1), similarity.amin(dim=1)
    return torch.where(largest > threshold, largest, smallest)
