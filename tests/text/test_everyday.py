"""Queries as a person might type them."""

import itertools
import re

import numpy as np
import pytest

from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.data.sets.peta_labels import NAMES, attribute
from clear_bench.text.descriptions import describe, said, vector_from_names
from clear_bench.text.everyday import ARTICLES, JOINTS, WORDS, everyday

WOMAN = ["female", "teenager", "upred", "short_sleeves", "downblack", "backpack", "short_lower"]


def slow_everyday(slots):
    """Return every sentence that could be typed: all orders, all words, all joints."""
    details = [p for slot, ps in slots.items() if slot not in ("age", "person") for p in ps]
    head = " ".join([*slots["age"], *(slots["person"] or ["person"])])

    def ways(phrase):
        bare = ARTICLES.sub("", phrase)
        for word in sorted(WORDS, key=len, reverse=True):
            if re.search(rf"\b{word}\b", bare):
                before, after = re.split(rf"\b{word}\b", bare, maxsplit=1)
                rest = itertools.product(ways(before), WORDS[word], ways(after))
                return {"".join(parts) for parts in rest}
        return {bare}

    found = set()
    for order in itertools.permutations(details):
        for words in itertools.product(*(sorted(ways(p)) for p in (head, *order))):
            found |= {joint.join(words).lower() for joint in JOINTS}
    return found


def test_a_sentence_is_one_of_those_that_can_be_typed():
    slots = {"age": ["young"], "person": ["woman"], "with": ["long hair"],
             "wearing": ["a red top", "a hat"], "carrying": ["a handbag"], "doing": []}  # fmt: skip
    possible = slow_everyday(slots)
    drawn = {everyday(slots, np.random.default_rng(seed)) for seed in range(200)}
    assert drawn <= possible and len(drawn) > 100
    assert any("purse" in text for text in drawn) and not any("handbag" in text for text in drawn)


def test_it_says_what_positives_says_in_words_of_its_own():
    vector = vector_from_names(SCHEMA, WOMAN)
    (typed,), (plain,) = (describe(SCHEMA, vector, t) for t in ("typed", "positives"))
    assert typed == describe(SCHEMA, vector, "typed")[0]  # the same every time
    assert typed == typed.lower() and typed != plain.lower()
    for word in ("red", "black", "short"):
        assert word in typed
    assert not set(typed.replace(",", "").split()) & {"woman", "backpack", "bottoms", "a"}


@pytest.mark.parametrize("label_set", ["35", "105"])
def test_every_attribute_of_peta_can_be_typed(label_set):
    for name in NAMES:
        phrase = attribute(name, label_set).present
        slots = {"age": [], "person": [], "wearing": [phrase], "carrying": [], "doing": []}
        text = everyday(slots, np.random.default_rng(0))
        assert text.strip() and "  " not in text


def test_nobody_in_particular():
    slots = said(SCHEMA, np.zeros(len(SCHEMA), np.uint8), absences=False)
    assert everyday(slots, np.random.default_rng(0)).split()[0] in ("guy", "male", "dude")
    empty = {slot: [] for slot in slots}
    assert everyday(empty, np.random.default_rng(0)) in ("someone", "somebody")
