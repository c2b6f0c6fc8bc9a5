"""Swin's shifted windows at sizes that the window does not divide.

timm's blocks roll the map and then pad it, while their mask is made for a map that was padded
first: at such sizes tokens from opposite edges meet unmasked.  Here the map is padded, rolled,
attended, rolled back and cropped, as in Swin's own code and C2T-Net's.  Where the window divides
the map nothing changes.
"""

from typing import Any

import torch
from timm.models.swin_transformer import (
    SwinTransformerBlock,
    window_partition,
    window_reverse,
)
from timm.models.swin_transformer_v2 import SwinTransformerV2Block
from torch import Tensor, nn
from torch.nn import functional as F


def attend_in_windows(block: Any, x: Tensor) -> Tensor:
    """Return the windowed attention of one of timm's Swin blocks over a map of any size.

    Args:
        block: A Swin or Swin V2 block; its window, shift, attention and mask are used.
        x: ``(B, H, W, C)``; the padding to the right and below is of zeros, and is attended to.
    """
    height, width = x.shape[1:3]
    window, shift = block.window_size, block.shift_size
    x = F.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))
    padded = x.shape[1:3]
    if any(shift):
        x = torch.roll(x, (-shift[0], -shift[1]), dims=(1, 2))
    mask = block.get_attn_mask(x) if block.dynamic_mask else block.attn_mask
    tokens = block.attn(window_partition(x, window).flatten(1, 2), mask=mask)
    x = window_reverse(tokens.unflatten(1, window), window, *padded)
    if any(shift):
        x = torch.roll(x, shift, dims=(1, 2))
    return x[:, :height, :width].contiguous()


class PaddedBlock(SwinTransformerBlock):
    """timm's Swin block, padded before it is rolled."""

    _attn = attend_in_windows


class PaddedBlockV2(SwinTransformerV2Block):
    """timm's Swin V2 block, padded before it is rolled."""

    _attn = attend_in_windows


PADDED: dict[type[nn.Module], type[nn.Module]] = {
    SwinTransformerBlock: PaddedBlock,
    SwinTransformerV2Block: PaddedBlockV2,
}


def pad_before_roll(model: nn.Module) -> None:
    """Make every Swin block in a model pad its map before it rolls it; weights stay as they are."""
    for part in model.modules():
        part.__class__ = PADDED.get(type(part), type(part))
