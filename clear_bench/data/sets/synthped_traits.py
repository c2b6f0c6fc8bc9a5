"""Who walks through synthped: the traits of every identity, and which traits may recur where."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clear_bench.data.sets.market1501 import held_out_sixth
from clear_bench.data.sets.market1501_labels import SCHEMA, coded_field

TRAIN, TEST = 600, 250
"""Identities of the full set: training with validation, and test."""

TRAIN_CATEGORIES, TEST_CATEGORIES, SHARED = 400, 165, 55
"""Distinct traits of each part, and those that both have; so 110 of 165 test ones are unseen."""


@dataclass(frozen=True)
class Traits:
    """Everything that is labelled about a person; equal traits are one category.

    ``upper`` and ``lower`` are colour names or "" (another colour, or several); ``carried`` is
    "backpack", "bag", "handbag" or "".
    """

    female: bool
    age: str
    long_hair: bool
    upper: str
    short_sleeves: bool
    lower: str
    short_lower: bool
    pants: bool
    hat: bool
    carried: str

    def label(self, column: str) -> int:
        """Return the 0 or 1 of a Market-1501 column."""
        if hasattr(self, column):
            return int(getattr(self, column))
        said = (self.age, f"up{self.upper}", f"down{self.lower}", self.carried)
        return int(column in said)

    def codes(self) -> dict[str, int]:
        """Return the fields of the annotation file with their codes, in no particular order."""
        codes = {}
        for column in SCHEMA.names:
            field, code = coded_field(column)
            if field != "age":
                codes[field] = 1 + self.label(column)
            elif self.label(column):
                codes["age"] = code
        return codes


AGE = {"young": 2, "teenager": 74, "adult": 21, "old": 3}
UPPER = {
    True: {"black": 13, "white": 29, "red": 13, "purple": 7, "yellow": 6, "gray": 9, "blue": 6}
    | {"green": 6, "": 11},
    False: {"black": 17, "white": 29, "red": 9, "purple": 3, "yellow": 5, "gray": 13, "blue": 9}
    | {"green": 7, "": 8},
}
LOWER = {
    True: {"black": 34, "white": 9, "pink": 7, "purple": 4, "yellow": 4, "gray": 11, "blue": 16}
    | {"green": 3, "brown": 7, "": 5},
    False: {"black": 40, "white": 5, "pink": 1, "purple": 1, "yellow": 1, "gray": 20, "blue": 18}
    | {"green": 3, "brown": 8, "": 3},
}
CARRIED = {
    "young": {"backpack": 15, "bag": 5, "": 80},
    "teenager": {"backpack": 32, "bag": 25, "handbag": 8, "": 35},
    "adult": {"backpack": 10, "bag": 27, "handbag": 10, "": 53},
    "old": {"backpack": 4, "bag": 30, "handbag": 10, "": 56},
}
"""Weights (per cent), near Market-1501 but for its rarest values, which are made less rare."""


def chance(rng: np.random.Generator, percent: int) -> bool:
    """Return True with a probability of so many per cent."""
    return int(rng.integers(100)) < percent


def pick(rng: np.random.Generator, weights: Mapping[str, int]) -> str:
    """Return a key with a probability proportional to its weight."""
    left = int(rng.integers(sum(weights.values())))
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    raise AssertionError("weights sum to more than they hold")


def draw_traits(rng: np.random.Generator) -> Traits:
    """Return one person; attributes go together about as they do in Market-1501."""
    female = chance(rng, 44)
    age = pick(rng, AGE)
    pants = not (female and chance(rng, 30))
    upper = pick(rng, UPPER[female])
    one_piece = not pants and upper in LOWER[female] and chance(rng, 45)
    short_lower = chance(rng, 84 if not pants else 75 if age == "young" else 57)
    hand = female and age != "young" and chance(rng, 6)
    return Traits(
        female=female,
        age=age,
        long_hair=chance(rng, (50 if age == "old" else 80) if female else 2),
        upper=upper,
        short_sleeves=chance(rng, 96 if short_lower else 82),
        lower=upper if one_piece else pick(rng, LOWER[female]),
        short_lower=short_lower,
        pants=pants,
        hat=chance(rng, 18 if age == "old" else 3),
        carried="handbag" if hand else pick(rng, CARRIED[age]),
    )


def identities(seed: int) -> tuple[dict[str, Traits], dict[str, Traits]]:
    """Return the training (with validation) and the test identities of the full set.

    Distinct traits are drawn first and dealt at random, so that training and test differ in their
    categories but not in their ratios: `TRAIN_CATEGORIES` for training, `TEST_CATEGORIES` for
    test, of which `SHARED` are in both.  Each is worn by one identity at least, some by several.
    Whole draws are thrown away until every column has both values among train, val and test
    identities, so that no mean over attributes is ever undefined.

    Args:
        seed: Of the data set.

    Returns:
        Two mappings from identity text ("0002") to traits, in order of identity.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
    numbers = rng.permutation(TRAIN + TEST) + 1
    train_ids = [f"{n:04d}" for n in sorted(numbers[:TRAIN])]
    test_ids = [f"{n:04d}" for n in sorted(numbers[TRAIN:])]
    held_out = held_out_sixth(train_ids)
    while True:
        distinct = _draw_distinct(rng, TRAIN_CATEGORIES + TEST_CATEGORIES - SHARED)
        train = dict(zip(train_ids, _deal(rng, distinct[:TRAIN_CATEGORIES], TRAIN), strict=True))
        test = dict(zip(test_ids, _deal(rng, distinct[-TEST_CATEGORIES:], TEST), strict=True))
        val = [traits for key, traits in train.items() if key in held_out]
        kept = [traits for key, traits in train.items() if key not in held_out]
        if all(_covers_both(part) for part in (kept, val, list(test.values()))):
            return train, test


def _draw_distinct(rng: np.random.Generator, count: int) -> list[Traits]:
    """Return so many different traits, in random order (the common ones would come first)."""
    distinct: dict[Traits, None] = {}
    while len(distinct) < count:
        distinct[draw_traits(rng)] = None
    kinds = list(distinct)
    return [kinds[k] for k in rng.permutation(count)]


def _deal(rng: np.random.Generator, kinds: list[Traits], people: int) -> list[Traits]:
    """Return the traits of so many people: every kind once, the rest by chance, shuffled."""
    again = rng.integers(len(kinds), size=people - len(kinds))
    order = rng.permutation([*range(len(kinds)), *again])
    return [kinds[k] for k in order]


def _covers_both(part: list[Traits]) -> bool:
    """Return whether every column has a 0 and a 1 among some people."""
    columns = [{traits.label(name) for traits in part} for name in SCHEMA.names]
    return all(values == {0, 1} for values in columns)
