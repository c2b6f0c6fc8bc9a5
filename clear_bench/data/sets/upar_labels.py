"""UPAR's 40 labels in 12 categories, in English."""

from clear_bench.data.schema import Attribute, Schema, Slot

COLORS = ("Black", "Blue", "Brown", "Green", "Grey", "Orange", "Pink", "Purple", "Red", "White",
          "Yellow", "Other")  # fmt: skip
BODY = {"UpperBody": "top", "LowerBody": "bottoms"}

PLAIN: dict[str, tuple[Slot, str, str]] = {
    "Hair-Length-Short": ("with", "short hair", "no short hair"),
    "Hair-Length-Long": ("with", "long hair", "no long hair"),
    "Hair-Length-Bald": ("with", "a bald head", "no bald head"),
    "LowerBody-Type-Trousers&Shorts": ("wearing", "trousers or shorts", "no trousers or shorts"),
    "LowerBody-Type-Skirt&Dress": ("wearing", "a skirt or dress", "no skirt or dress"),
    "Accessory-Backpack": ("carrying", "a backpack", "no backpack"),
    "Accessory-Bag": ("carrying", "a bag", "no bag"),
    "Accessory-Glasses-Normal": ("wearing", "glasses", "no glasses"),
    "Accessory-Glasses-Sun": ("wearing", "sunglasses", "no sunglasses"),
    "Accessory-Hat": ("wearing", "a hat", "no hat"),
}


def _plain(*names: str) -> list[Attribute]:
    return [Attribute(name, *PLAIN[name]) for name in names]


def _colors(body: str) -> list[Attribute]:
    """Return the colours of a half of the body; several may hold, so they are no group."""
    noun, article = BODY[body], "a " if body == "UpperBody" else ""
    attributes = []
    for color in COLORS:
        word = "unusually colored" if color == "Other" else color.lower()
        phrase = f"{word} {noun}"
        bare = article and ("an " if phrase[0] in "aeiou" else "a ")
        attributes.append(
            Attribute(f"{body}-Color-{color}", "wearing", bare + phrase, f"no {phrase}")
        )
    return attributes


def _length(body: str, short: str, long: str) -> Attribute:
    return Attribute(f"{body}-Length-Short", "wearing", short, long, opposite=True)


CATEGORIES: dict[str, list[Attribute]] = {
    "age": [
        Attribute("Age-Young", "age", "young", "not young", group="age"),
        Attribute("Age-Adult", "age", "adult", "not adult", group="age"),
        Attribute("Age-Old", "age", "old", "not old", group="age"),
    ],
    "gender": [Attribute("Gender-Female", "person", "woman", "man", opposite=True)],
    "hair length": _plain("Hair-Length-Short", "Hair-Length-Long", "Hair-Length-Bald"),
    "upper-body length": [_length("UpperBody", "short sleeves", "long sleeves")],
    "upper-body color": _colors("UpperBody"),
    "lower-body length": [_length("LowerBody", "short bottoms", "long bottoms")],
    "lower-body color": _colors("LowerBody"),
    "lower-body type": _plain("LowerBody-Type-Trousers&Shorts", "LowerBody-Type-Skirt&Dress"),
    "backpack": _plain("Accessory-Backpack"),
    "bag": _plain("Accessory-Bag"),
    "glasses": _plain("Accessory-Glasses-Normal", "Accessory-Glasses-Sun"),
    "hat": _plain("Accessory-Hat"),
}
"""The twelve categories in the official order of their labels."""

SCHEMA = Schema(tuple(a for members in CATEGORIES.values() for a in members))
