"""How a person of synthped looks: everything that stays the same from image to image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.sets.synthped_traits import Traits, chance, pick

Color = tuple[int, int, int]

RANGES: dict[str, tuple[Color, Color]] = {
    "black": ((14, 14, 16), (58, 54, 60)),
    "white": ((186, 186, 184), (246, 246, 244)),
    "gray": ((72, 74, 78), (178, 178, 180)),
    "red": ((128, 20, 26), (216, 52, 48)),
    "purple": ((84, 32, 96), (158, 92, 176)),
    "yellow": ((176, 144, 30), (236, 212, 96)),
    "blue": ((26, 40, 98), (84, 124, 200)),
    "green": ((26, 70, 38), (104, 158, 88)),
    "pink": ((196, 104, 136), (240, 176, 192)),
    "brown": ((70, 44, 28), (138, 94, 62)),
    "orange": ((196, 92, 24), (236, 140, 60)),
    "beige": ((176, 156, 122), (214, 196, 164)),
    "teal": ((20, 100, 104), (90, 166, 166)),
}
"""Two ends of each colour; neighbours (black and gray, gray and white) nearly touch."""

OTHER_UPPER = ("pink", "brown", "orange", "beige", "teal")
OTHER_LOWER = ("red", "orange", "beige", "teal")
SKINS: tuple[Color, ...] = (
    (232, 196, 168), (216, 172, 140), (196, 148, 112), (164, 116, 84), (120, 82, 58), (84, 58, 42),
)  # fmt: skip
HAIRS: tuple[Color, ...] = ((22, 20, 20), (40, 28, 22), (70, 46, 30), (104, 72, 44), (166, 134, 84))
GRAY_HAIRS: tuple[Color, ...] = ((190, 190, 188), (140, 140, 142), (100, 98, 98))
PATTERNS = {"plain": 50, "stripes": 11, "checks": 9, "logo": 14, "open": 16}
"""Weights of what is on a top; "open" is a jacket over another colour."""


@dataclass(frozen=True)
class Fabric:
    """Colour and texture of a garment.  ``period`` is in pixels of the drawing."""

    color: Color
    second: Color
    pattern: str
    period: int
    shift: int


@dataclass(frozen=True)
class Look:
    """Appearance of one identity.  Sizes are per cent of an average adult's."""

    skin: Color
    hair: Color
    hair_style: int
    upper: Fabric
    lower: Fabric
    shoes: Color
    accessory: Color
    hat: Color
    hat_kind: int
    height: int
    girth: int
    shoulder: int
    hip: int
    head: int
    stoop: int
    hem: int
    sleeve: int
    scarf: bool
    bun: bool
    bag_size: int


def shade(rng: np.random.Generator, name: str) -> Color:
    """Return one colour out of a named range."""
    low, high = RANGES[name]
    place = int(rng.integers(101))
    values = [
        a + (b - a) * place // 100 + int(rng.integers(-9, 10))
        for a, b in zip(low, high, strict=True)
    ]
    red, green, blue = (min(255, max(0, v)) for v in values)
    return red, green, blue


def fabric(
    rng: np.random.Generator, color: str, other: tuple[str, ...], patterns: dict[str, int]
) -> Fabric:
    """Return a garment's fabric; a garment without a labelled colour has another, or several."""
    pattern = pick(rng, patterns)
    names = list(RANGES)
    second = names[int(rng.integers(len(names)))]
    if not color:
        color = other[int(rng.integers(len(other)))]
        if chance(rng, 45):
            pattern = ("halves", "broad")[int(rng.integers(2))]
    return Fabric(
        shade(rng, color),
        shade(rng, second),
        pattern,
        int(rng.integers(9, 22)),
        int(rng.integers(64)),
    )


def look_of(rng: np.random.Generator, traits: Traits) -> Look:
    """Return an appearance that fits some traits; gender and age show in small differences only."""
    female, young, old = traits.female, traits.age == "young", traits.age == "old"
    skin = SKINS[int(rng.integers(len(SKINS)))]
    gray = old and chance(rng, 80)
    hairs = GRAY_HAIRS if gray else HAIRS
    height = {"young": 76, "teenager": 96, "adult": 100, "old": 95}[traits.age]
    girth = {"young": 92, "teenager": 88, "adult": 100, "old": 106}[traits.age]
    names = list(RANGES)
    any_color = [shade(rng, names[int(rng.integers(len(names)))]) for _ in range(3)]
    return Look(
        skin=skin,
        hair=hairs[int(rng.integers(len(hairs)))],
        hair_style=int(rng.integers(4)),
        upper=fabric(rng, traits.upper, OTHER_UPPER, PATTERNS),
        lower=fabric(
            rng, traits.lower, OTHER_LOWER, {"plain": 70, "seam": 18, "stripes": 6, "checks": 6}
        ),
        shoes=any_color[0],
        accessory=any_color[1],
        hat=any_color[2],
        hat_kind=int(rng.integers(3)),
        height=height - (5 if female and not young else 0) + int(rng.integers(-4, 5)),
        girth=girth - (6 if female else 0) + int(rng.integers(-11, 16)),
        shoulder=100 + (-9 if female else 5) + int(rng.integers(-6, 7)),
        hip=100 + (10 if female else -4) + int(rng.integers(-6, 7)),
        head=128 if young else 102 + int(rng.integers(-5, 6)),
        stoop=int(rng.integers(3, 9)) if old else int(rng.integers(0, 3)),
        hem=int(rng.integers(0, 9)),
        sleeve=int(rng.integers(0, 9)),
        scarf=chance(rng, 6),
        bun=female and chance(rng, 45),
        bag_size=int(rng.integers(85, 120)),
    )


def tile(rng: np.random.Generator, cloth: Fabric, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a fabric as an image with folds.

    Whole numbers only: sines and normal numbers differ in the last bit between processors.

    Args:
        rng: Of the image, since folds move.
        cloth: The fabric.
        size: (height, width).

    Returns:
        ``(height, width, 3)`` uint8.
    """
    height, width = size
    y = np.arange(cloth.shift, cloth.shift + height, dtype=np.int16)[:, None]
    x = np.arange(cloth.shift, cloth.shift + width, dtype=np.int16)
    period = cloth.period
    masks = {
        "stripes": (y // (period // 2)) % 2 == 0,
        "broad": (y // (2 * period)) % 2 == 0,
        "checks": ((y // (period // 2)) + (x // (period // 2))) % 2 == 0,
        "seam": x % (3 * period) < 3,
    }
    main, second = np.array(cloth.color, np.int16), np.array(cloth.second, np.int16)
    if cloth.pattern != "broad":  # the labelled colour stays the main one
        second = (2 * main + second) // 3
    mask = masks.get(cloth.pattern, np.zeros((1, 1), bool))
    color = np.where(np.broadcast_to(mask, (height, width))[:, :, None], second, main)
    a, b, c = (int(v) for v in rng.integers(1, 5, 3))
    wave = (a * x + (b - 2) * y + 7 * c) % 48
    folds = np.abs(wave - 24) - 12
    return np.clip(color + (folds * 3 // 4)[:, :, None], 0, 255).astype(np.uint8)
