"""Shifted windows against attention in windows that are nowhere rolled, one token at a time."""

import math
from functools import cache

import pytest
import timm
import torch
from timm.models.swin_transformer import SwinTransformerBlock

from clear_bench.models.branches import SwinBranch
from clear_bench.models.windows import PaddedBlock, PaddedBlockV2, pad_before_roll

DIVIDED, HEIGHT, WIDTH, BOTH = (8, 12), (9, 12), (8, 10), (9, 10)


def block(size, window, shift, **changes) -> PaddedBlock:
    """Return a block of two heads with a bias that is not near zero."""
    torch.manual_seed(0)
    made = SwinTransformerBlock(
        8, size, num_heads=2, window_size=window, shift_size=shift, **changes
    ).double()
    torch.nn.init.normal_(made.attn.relative_position_bias_table)
    pad_before_roll(made)
    return made


def naive(made: PaddedBlock, image: torch.Tensor) -> torch.Tensor:
    """Attention of one image ``(H, W, C)``.

    The padded map is cut along lines that are displaced by the shift, so the outermost windows are
    smaller; a token sees those of its own window and nothing else.
    """
    (height, width), (rows, columns), (down, right) = (
        image.shape[:2], made.window_size, made.shift_size
    )  # fmt: skip
    attention = made.attn
    tall, wide = math.ceil(height / rows) * rows, math.ceil(width / columns) * columns
    zeros = torch.zeros(tall, wide, image.shape[2], dtype=image.dtype)
    zeros[:height, :width] = image
    places = [(y, x) for y in range(tall) for x in range(wide)]
    parts = attention.qkv(zeros).reshape(tall, wide, 3, 2, -1)
    windows = {(y, x): ((y - down) // rows, (x - right) // columns) for y, x in places}
    out = torch.empty_like(image)
    for y in range(height):
        for x in range(width):
            seen = [p for p in places if windows[p] == windows[y, x]]
            offset = [(y - v + rows - 1) * (2 * columns - 1) + (x - u + columns - 1)
                      for v, u in seen]  # fmt: skip
            tokens = torch.stack([parts[p] for p in seen])
            heads = []
            for head in range(2):
                keys, values = (tokens[:, k, head] for k in (1, 2))
                scores = keys @ parts[y, x, 0, head] / math.sqrt(4)
                scores = scores + attention.relative_position_bias_table[offset, head]
                heads.append(scores.softmax(dim=0) @ values)
            out[y, x] = attention.proj(torch.cat(heads))
    return out


def case(size, shift):
    """Return a block, what it is asked for, what is learned, and towards what."""
    made = block(size, 4, shift, always_partition=True)
    x = torch.randn(2, *size, 8, dtype=torch.double, requires_grad=True)
    towards = torch.randn(2, *size, 8, dtype=torch.double)
    return made, x, [x, *made.attn.parameters()], towards


@cache
def naively(size, shift):
    """Return output and gradients of a `case`: the slow part, for both ways of attending."""
    made, x, learned, towards = case(size, shift)
    out = torch.stack([naive(made, image) for image in x])
    return out.detach(), torch.autograd.grad(out, learned, towards)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [DIVIDED, HEIGHT, WIDTH, BOTH])
def test_forward_and_gradients_equal_naive_windows(size, shift, fused):
    made, x, learned, towards = case(size, shift)
    made.attn.fused_attn = fused
    expected, gradients = naively(size, shift)
    found = made._attn(x)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(torch.autograd.grad(found, learned, towards), gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("size", "window", "shift"), [((7, 5), (3, 4), (1, 2)), ((4, 10), (4, 4), (2, 2))]
)
def test_windows_that_are_not_square_or_as_large_as_the_map(size, window, shift):
    made = block(size, window, shift)  # timm does not shift where a window spans the map
    x = torch.randn(1, *size, 8, dtype=torch.double)
    torch.testing.assert_close(made._attn(x)[0], naive(made, x[0]))


def test_where_the_window_divides_the_map_timm_does_the_same():
    torch.manual_seed(0)
    for name, size in (("swin_tiny_patch4_window7_224", 224), ("swinv2_tiny_window8_256", 256)):
        sizes = {"embed_dim": 12, "depths": (2, 1, 1, 2), "num_heads": (1, 1, 2, 2)}
        model = timm.create_model(name, num_classes=0, img_size=size, **sizes).eval()
        images = torch.randn(1, 3, size, size)
        before = model(images)
        pad_before_roll(model)
        kinds = {type(part) for part in model.modules()}
        assert kinds & {PaddedBlock, PaddedBlockV2}
        torch.testing.assert_close(model(images), before)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def test_far_edges_of_the_map_do_not_meet(name):
    """One shifted block: what the top row holds does not reach the bottom row."""
    sizes = {"embed_dim": 12, "depths": (2, 1, 1, 1), "num_heads": (1, 1, 2, 2)}
    branch = SwinBranch((36, 28), False, "off", name=name, window_size=4, **sizes).eval()
    shifted = branch.trunk.layers[0].blocks[1]
    assert shifted.shift_size == (2, 2)
    x = torch.randn(1, 9, 7, 12)
    y = x.clone()
    y[:, 0] += 1.0
    moved = (shifted._attn(y) - shifted._attn(x)).abs().amax(dim=(0, 2, 3))
    assert moved[0] > 0
    assert moved[2:].max() < 1e-6
