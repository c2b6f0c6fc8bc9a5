"""Pictures that look the same in two splits, though their files differ: copies re-encoded, resized.

A difference hash of 128 bits (is each pixel of a small grey picture brighter than its left
neighbour?) finds candidates, the small pictures themselves confirm them.  Comparing every test
picture with every training one is exact, and 2 x 10^9 pairs take seconds: a few bits a pair.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

HASHED = (16, 9)
"""(height, width) in pixels of the small picture: 16 rows of 8 comparisons."""

BITS = 14
"""How many of the 128 bits may differ."""

LEVELS = 3.0
"""How many grey levels, of 255, a pixel of the small picture may differ on average."""

BLOCK = 1 << 21
"""Pairs compared at once: 16 MB a thread."""


def small_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey of a small picture: ``(*HASHED, 3)`` uint8 to ``(*HASHED,)`` uint8."""
    return (pixels @ np.array([0.299, 0.587, 0.114]) + 0.5).astype(np.uint8)


def hashes(grey: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the difference hash of small grey pictures: ``(N, 16, 9)`` to ``(N, 2)`` uint64."""
    bits = (grey[:, :, 1:] > grey[:, :, :-1]).reshape(len(grey), -1)
    return np.packbits(bits, axis=1).view(np.uint64).reshape(len(grey), 2)


def near_pairs(
    grey: NDArray[np.uint8], split: NDArray[np.str_], splits: Sequence[str]
) -> list[tuple[int, int]]:
    """Return pairs of rows that look the same and are in two splits, the later split's row first.

    A row is named once for each other split, with the row there that is most like it.

    Args:
        grey: ``(N, 16, 9)`` small grey pictures.
        split: ``(N,)`` split of each row; rows of no split of ``splits`` are left out.
        splits: Their order.
    """
    codes = hashes(grey)
    pairs: list[tuple[int, int]] = []
    for one, other in combinations(splits, 2):
        first, later = np.flatnonzero(split == one), np.flatnonzero(split == other)
        if not len(first) or not len(later):
            continue
        step = max(1, BLOCK // len(first))
        blocks = [later[k : k + step] for k in range(0, len(later), step)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy leaves Python's lock
            for found in pool.map(lambda rows: _like(rows, first, codes, grey), blocks):  # noqa: B023
                pairs += found
    return pairs


def _like(
    rows: NDArray[np.intp],
    others: NDArray[np.intp],
    codes: NDArray[np.uint64],
    grey: NDArray[np.uint8],
) -> list[tuple[int, int]]:
    """Return the rows that look like one of some others, each with the one most like it."""
    apart = sum(
        np.bitwise_count(codes[rows, word][:, None] ^ codes[others, word][None, :])
        for word in range(codes.shape[1])
    )
    row, other = np.nonzero(np.asarray(apart) <= BITS)
    found: dict[int, tuple[float, int]] = {}
    for r, o in zip(rows[row], others[other], strict=True):
        difference = float(np.abs(grey[r].astype(np.int16) - grey[o]).mean())
        if difference <= LEVELS:
            found[int(r)] = min(found.get(int(r), (np.inf, 0)), (difference, int(o)))
    return [(r, o) for r, (_, o) in found.items()]
