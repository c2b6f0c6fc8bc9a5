"""A query as a person might type it: everyday words, no grammar to speak of, no fixed order.

Nothing is trained on such sentences unless ``text.template=typed`` says so: they are there to ask a
trained model (``protocol.query_template``).  What is said is what the template ``positives`` says.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

WORDS = {
    "woman": ("lady", "female", "girl"),
    "man": ("guy", "male", "dude"),
    "person": ("someone", "somebody"),
    "upper clothing": ("shirt",),
    "lower clothing": ("pants",),
    "elderly": ("old",),
    "teenage": ("teen",),
    "middle-aged": ("50ish",),
    "backpack": ("rucksack", "bagpack"),
    "handbag": ("purse",),
    "messenger bag": ("shoulder bag",),
    "hat": ("cap",),
    "top": ("shirt", "tee"),
    "bottoms": ("pants",),
    "trousers": ("pants",),
    "sneakers": ("trainers",),
    "muffler": ("scarf",),
    "sunglasses": ("shades",),
    "footwear": ("shoes",),
    "grey": ("gray",),
    "gray": ("grey",),
}
"""Word of a schema's English to what people say instead; one of them is drawn."""
JOINTS = (", ", " ", " and ", " with ")
ARTICLES = re.compile(r"\b(a|an|the) ")


def everyday(slots: Mapping[str, Sequence[str]], random: np.random.Generator) -> str:
    """Return a query in everyday words.

    Args:
        slots: Slot to the phrases that are said, see `clear_bench.text.descriptions.said`.
        random: Draws words, order and what joins them.
    """
    details = [
        p for slot, phrases in slots.items() if slot not in ("age", "person") for p in phrases
    ]
    head = " ".join([*slots["age"], *(slots["person"] or ["person"])])
    parts = [head, *(details[k] for k in random.permutation(len(details)))]
    joint = JOINTS[random.integers(len(JOINTS))]
    return joint.join(_said_otherwise(ARTICLES.sub("", part), random) for part in parts).lower()


def _said_otherwise(phrase: str, random: np.random.Generator) -> str:
    """Return a phrase with everyday words for those of `WORDS`, the longest first."""
    known = "|".join(sorted(map(re.escape, WORDS), key=len, reverse=True))

    def other(found: re.Match[str]) -> str:
        choices = WORDS[found[0]]
        return choices[random.integers(len(choices))]

    return re.sub(rf"\b({known})\b", other, phrase)
