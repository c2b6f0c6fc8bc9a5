"""Pseudo-descriptions: from an attribute vector to the sentences that a text encoder reads.

CLEAR's own wording is unknown, so it is a named template.  Words come from the schema alone:
`Attribute.slot` says where a phrase stands, `present` and `absent` what it is.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.schema import Attribute, Schema
from clear_bench.text.everyday import everyday
from clear_bench.utils.errors import unknown

Vector = NDArray[np.integer]
UNSAID = "not said"  # not "nothing": some schemas have a label that says so
NEUTRAL = (
    "river stone window garden table music winter summer morning evening island mountain "
    "forest engine letter number circle square corner planet ocean valley desert bridge castle "
    "village market station harbor kitchen ladder mirror needle pencil piano rocket shadow signal "
    "spoon storm sugar temple thunder ticket tunnel turtle violin wagon whale wheel wizard apple "
    "bread butter candle carpet cheese coffee dragon eagle feather flower guitar hammer honey "
    "iron jungle kettle lemon magnet medal moon nation novel onion oven palace parrot pepper "
    "pillow poem potato prison rabbit radio rain road salad salt school silk smoke snow soup "
    "spider statue steam street swan theory tower train treasure tribe truck tulip vinegar volcano "
    "water zebra"
)
"""Plain words of which no schema has one."""
VERBS = {"with": "with", "wearing": "wearing", "carrying": "carrying", "doing": ""}


def describe(schema: Schema, vector: Vector, template: str) -> list[str]:
    """Return the pseudo-descriptions of one attribute vector; several are to be averaged.

    Args:
        schema: What the labels mean.
        vector: ``(A,)`` of 0 and 1.
        template: Key of `TEMPLATES`.

    Raises:
        UserError: If there is no such template.
    """
    if template not in TEMPLATES:
        raise unknown("template", template, TEMPLATES)
    return TEMPLATES[template](schema, np.asarray(vector))


def describe_all(schema: Schema, vectors: Vector, template: str) -> list[list[str]]:
    """Return the pseudo-descriptions of ``(C, A)`` vectors, see `describe`."""
    return [describe(schema, vector, template) for vector in vectors]


def vector_from_names(schema: Schema, names: Iterable[str]) -> NDArray[np.uint8]:
    """Return the ``(A,)`` vector in which exactly the named attributes are present.

    Raises:
        UserError: If a name is unknown; the nearest names are said.
    """
    vector = np.zeros(len(schema), np.uint8)
    vector[[schema.index(name) for name in names]] = 1
    return vector


def said(schema: Schema, vector: Vector, *, absences: bool) -> dict[str, list[str]]:
    """Return slot -> phrases that a description says, in schema order.

    Args:
        schema: What the labels mean.
        vector: ``(A,)``.
        absences: Say what is absent too, except the other values of an exclusive group that has
            a value.  Opposites ("man", "short hair") are said in any case.
    """
    taken = {a.group for a, value in zip(schema.attributes, vector, strict=True) if value}
    slots: dict[str, list[str]] = {slot: [] for slot in ("age", "person", *VERBS)}
    for attribute, value in zip(schema.attributes, vector, strict=True):
        if value:
            slots[attribute.slot].append(attribute.present)
        elif attribute.opposite or (absences and not _excluded(attribute, taken)):
            slots[attribute.slot].append(attribute.absent)
    return slots


def attribute_phrases(schema: Schema, template: str) -> list[str]:
    """Return the English of each attribute being present, in schema order.

    Args:
        schema: What the labels mean.
        template: Key of `PHRASINGS`.

    Raises:
        UserError: If there is no such template.
    """
    if template not in PHRASINGS:
        raise unknown("phrase template", template, PHRASINGS)
    return [PHRASINGS[template](attribute) for attribute in schema.attributes]


def _whole(attribute: Attribute) -> str:
    """Return a sentence that says one attribute of a person and nothing else."""
    slots: dict[str, list[str]] = {slot: [] for slot in ("age", "person", *VERBS)}
    return _sentence({**slots, attribute.slot: [attribute.present]})


def _excluded(attribute: Attribute, taken: set[str]) -> bool:
    """Return whether an absence goes without saying: its group has another value."""
    return bool(attribute.group) and attribute.group in taken


def _person(slots: dict[str, list[str]]) -> str:
    """Return the head of the sentence: "a young woman", or "a person"."""
    noun = " and ".join(slots["person"]) or "person"
    described = f"{', '.join(slots['age'])} {noun}".strip()
    article = "an" if described[0] in "aeiou" else "a"
    return f"{article} {described}"


def _join(phrases: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, [", ".join(phrases[:-1]), *phrases[-1:]]))


def _sentence(slots: dict[str, list[str]]) -> str:
    """Return one sentence: "A young woman with long hair, wearing a hat, carrying a bag."."""
    parts = [f"{verb} {_join(slots[slot])}".strip() for slot, verb in VERBS.items() if slots[slot]]
    text = f"{_person(slots)} {', '.join(parts)}".strip()
    return f"{text[0].upper()}{text[1:]}."


def positives(schema: Schema, vector: Vector) -> list[str]:
    """Return one sentence of what is present."""
    return [_sentence(said(schema, vector, absences=False))]


def absences(schema: Schema, vector: Vector) -> list[str]:
    """Return one sentence that also says what is absent."""
    return [_sentence(said(schema, vector, absences=True))]


def listed(schema: Schema, vector: Vector) -> list[str]:
    """Return the phrases alone, with commas."""
    slots = said(schema, vector, absences=False)
    phrases = [phrase for slot in slots.values() for phrase in slot]
    return [", ".join(phrases) or "person"]


def framed(schema: Schema, vector: Vector) -> list[str]:
    """Return the same frame for every person, a field for each slot that the schema has.

    The idea of LLM-PAR's templates (OpenPAR), which leave an empty field blank.
    """
    filled = said(schema, vector, absences=False)
    used = {attribute.slot for attribute in schema.attributes}
    fields = [
        f"{slot.capitalize()}: {', '.join(phrases) or UNSAID}."
        for slot, phrases in filled.items()
        if slot in used
    ]
    return [" ".join(fields)]


def paraphrases(schema: Schema, vector: Vector) -> list[str]:
    """Return four wordings of what is present, which are averaged after embedding."""
    slots = said(schema, vector, absences=False)
    head = _person(slots)
    details = [phrase for slot in VERBS for phrase in slots[slot]]
    has = _join([f"{VERBS[slot]} {p}".strip() for slot in VERBS for p in slots[slot]])
    tail = _join(details) or "nothing special"
    return [
        _sentence(slots),
        f"There is {head} {has}.".replace(" .", "."),
        f"A surveillance camera shows {head}: {tail}.",
        f"Looking for {head} who can be recognised by {tail}.",
    ]


def shuffled(schema: Schema, vector: Vector) -> list[str]:
    """Return the words of `positives` in random order: a control for grammar."""
    words = positives(schema, vector)[0].rstrip(".").split()
    order = _generator("shuffled", vector).permutation(len(words))
    return [" ".join(words[k] for k in order)]


def random(schema: Schema, vector: Vector) -> list[str]:
    """Return random words, as many as `positives` has: a control for meaning.

    They still tell one query from another, as a name would, and say nothing about likeness.
    """
    count = len(positives(schema, vector)[0].split())
    return [" ".join(_generator("random", vector).choice(NEUTRAL.split(), count))]


def typed(schema: Schema, vector: Vector) -> list[str]:
    """Return what is present as a person might type it, see `clear_bench.text.everyday`."""
    slots = said(schema, vector, absences=False)
    return [everyday(slots, _generator("typed", vector))]


def _generator(salt: str, vector: Vector) -> np.random.Generator:
    """Return a generator that depends on a vector and nothing else."""
    salted = salt.encode() + np.asarray(vector, np.uint8).tobytes()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(salted).digest()[:8], "big"))


TEMPLATES: dict[str, Callable[[Schema, Vector], list[str]]] = {
    "positives": positives,
    "absences": absences,
    "list": listed,
    "slots": framed,
    "paraphrases": paraphrases,
    "shuffled": shuffled,
    "random": random,
    "typed": typed,
}
"""Name of a template to the function from (schema, vector) to sentences."""

PHRASINGS: dict[str, Callable[[Attribute], str]] = {
    "words": lambda attribute: attribute.present,
    "person": _whole,
}
"""Name to the function from one attribute to its phrase: its words alone, or a sentence."""
