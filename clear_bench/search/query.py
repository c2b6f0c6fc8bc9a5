"""What a user asks for: attributes by name or words, and what becomes of those not said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.schema import Schema
from clear_bench.utils.errors import UserError, unknown

UNSPECIFIED = ("average", "absent")
YES = ("yes", "1", "true", "present")
NO = ("no", "0", "false", "absent")
GENDERS = {"female": "woman", "woman": "woman", "male": "man", "man": "man"}
ARTICLES = ("a", "an", "the")
NEAREST = 16
"""Categories, at most, that stand for a combination never seen in training: each may need a text
embedding of its own, and an answer should take no more than two seconds."""

Said = dict[int, int]


@dataclass(frozen=True)
class Completions:
    """The full attribute vectors that a partial query stands for.

    Args:
        vectors: ``(K, A)`` uint8.
        weights: ``(K,)`` float32, they sum to 1.
        rows: ``(K,)`` which training category each is; empty if they are none.
        reading: What was done, for the user.
    """

    vectors: NDArray[np.uint8]
    weights: NDArray[np.float32]
    rows: NDArray[np.intp]
    reading: str


def parse(schema: Schema, text: str) -> Said:
    """Return column -> 0 or 1 of what ``gender=female, upper_color=red, backpack`` says.

    A word is an attribute of the schema (present), ``attribute=yes`` or ``=no``,
    ``group=value`` for an exclusive group, or ``gender=female``.  Case and punctuation of names do
    not matter.  A value of an exclusive group also says that its other values are absent.

    Raises:
        UserError: For an unknown name or value, a contradiction, or no attribute at all.
    """
    said: Said = {}
    for word in filter(None, (w.strip() for w in text.split(","))):
        name, equals, value = (part.strip() for part in word.partition("="))
        _add(schema, said, _read(schema, name, value if equals else "yes"), word)
    if not said:
        raise UserError(f"no attribute in '{text}'; the schema has {', '.join(schema.names)}")
    return said


def recognise(schema: Schema, text: str) -> Said:
    """Return column -> 0 or 1 of the attributes whose English occurs in a text.

    The longest phrases are looked for first and taken out, so "no hat" is not also "hat"; phrases
    are whole words, articles do not count, and "without" is read as "no".

    Raises:
        UserError: If the words contradict each other.
    """
    rest = f" {_bare(text)} "
    phrases: dict[str, tuple[int, int]] = {}
    for column, attribute in enumerate(schema.attributes):
        for phrase, value in (
            (attribute.present, 1),
            (attribute.absent, 0),
            (re.sub(r"[-_]", " ", attribute.name), 1),
        ):
            phrases.setdefault(_bare(phrase), (column, value))
    said: Said = {}
    for phrase in sorted(phrases, key=lambda p: (-len(p), p)):
        if phrase and f" {phrase} " in rest:
            rest = rest.replace(f" {phrase} ", " | ")
            column, value = phrases[phrase]
            _add(schema, said, _setting(schema, column, value), phrase)
    return said


def setting(schema: Schema, values: Mapping[str, bool]) -> Said:
    """Return column -> 0 or 1 of what names of attributes with their values say, as `parse` does.

    Raises:
        UserError: For an unknown name, a contradiction, or no attribute at all.
    """
    said: Said = {}
    for name, value in values.items():
        _add(schema, said, _setting(schema, schema.index(name), int(value)), name)
    if not said:
        raise UserError("no attribute is chosen; choose one")
    return said


def spell(schema: Schema, said: Mapping[int, int]) -> str:
    """Return what is said in the grammar of `parse`, without what follows from a group's value."""
    chosen = {schema.attributes[k].group for k, v in said.items() if v} - {""}
    kept = {k: v for k, v in said.items() if v or schema.attributes[k].group not in chosen}
    return ", ".join(schema.names[k] + ("" if v else "=no") for k, v in sorted(kept.items()))


def complete(
    said: Mapping[int, int],
    vectors: NDArray[np.integer],
    counts: NDArray[np.number],
    groups: NDArray[np.integer],
    unspecified: str,
) -> Completions:
    """Return the full vectors that a query stands for; a trained query encoder knows no others.

    ``average``: the training categories that agree with all that was said, weighted by their
    training images.  If none does, the most frequent (at most `NEAREST`) of those that agree with
    most of it, with what was said put in its place.  ``absent``: one vector, in which what was not
    said is 0, the benchmark's own kind of query.

    Args:
        said: Column -> 0 or 1.
        vectors: ``(C, A)`` training categories.
        counts: ``(C,)`` training images of each.
        groups: ``(A,)`` number of each attribute's exclusive group, which counts as one thing said.
        unspecified: One of `UNSPECIFIED`.

    Raises:
        UserError: If ``unspecified`` is unknown.
    """
    if unspecified not in UNSPECIFIED:
        raise unknown("rule for unspecified attributes", unspecified, UNSPECIFIED)
    columns, values = list(said), np.array(list(said.values()), np.uint8)
    nowhere = np.zeros(0, np.intp)
    left = vectors.shape[1] - len(said)
    if unspecified == "absent":
        vector = np.zeros((1, vectors.shape[1]), np.uint8)
        vector[0, columns] = values
        reading = f"the {left} attributes not said count as absent"
        return Completions(vector, np.ones(1, np.float32), nowhere, reading)
    equal = vectors[:, columns] == values
    things = groups[columns]
    fit = [equal[:, things == thing].all(axis=1) for thing in np.unique(things)]
    agreement = np.sum(fit, axis=0, dtype=int) + np.zeros(len(vectors), int)
    rows = np.flatnonzero(agreement == agreement.max())
    weights = counts[rows].astype(np.float64)
    if agreement.max() == len(fit):
        reading = (
            f"the {left} attributes not said: averaged over the {len(rows)} training categories "
            f"that fit ({int(weights.sum())} images)"
        )
        return Completions(vectors[rows].astype(np.uint8), _shares(weights), rows, reading)
    changed = vectors[rows].astype(np.uint8)
    changed[:, columns] = values
    distinct, place = np.unique(changed, axis=0, return_inverse=True)
    images = np.bincount(place.ravel(), weights)
    kept = np.sort(np.argsort(-images, kind="stable")[:NEAREST])
    reading = (
        f"no training category has all that was said: the {left} attributes not said are averaged "
        f"over {len(kept)} that have {agreement.max()} of the {len(fit)} things said"
    )
    return Completions(distinct[kept], _shares(images[kept]), nowhere, reading)


def _shares(weights: NDArray[np.number]) -> NDArray[np.float32]:
    """Return weights that sum to 1."""
    return (weights / weights.sum()).astype(np.float32)


def _plain(name: str) -> str:
    """Return a name without case and punctuation."""
    return re.sub(r"[^0-9a-z]+", "", name.lower())


def _bare(text: str) -> str:
    """Return a text's words without case, punctuation and articles."""
    words = re.findall(r"[0-9a-z]+(?:[-'][0-9a-z]+)*", text.lower())
    return " ".join("no" if w == "without" else w for w in words if w not in ARTICLES)


def _read(schema: Schema, name: str, value: str) -> Said:
    """Return what one ``name=value`` says."""
    key, word = _plain(name), value.lower()
    columns = {_plain(n): column for column, n in enumerate(schema.names)}
    groups: dict[str, list[int]] = {}
    for column, attribute in enumerate(schema.attributes):
        if attribute.group:
            groups.setdefault(_plain(attribute.group), []).append(column)
    if key in groups and not (key in columns and word in YES + NO):
        return _member(schema, groups[key], name, value)
    if key in columns:
        if word not in YES + NO:
            raise unknown(f"value of {name}", value, ("yes", "no"))
        return _setting(schema, columns[key], int(word in YES))
    nouns = {c: a for c, a in enumerate(schema.attributes) if a.present in GENDERS.values()}
    if key == "gender" and nouns:
        if word not in GENDERS:
            raise unknown("value of gender", value, GENDERS)
        return {c: int(a.present == GENDERS[word]) for c, a in nouns.items()}
    group_names = {a.group for a in schema.attributes} - {""} | ({"gender"} if nouns else set())
    raise unknown("attribute", name, [*schema.names, *group_names])


def _member(schema: Schema, members: list[int], name: str, value: str) -> Said:
    """Return what a value of an exclusive group says."""
    if value.lower() in ("none", *NO):
        return dict.fromkeys(members, 0)
    key = _plain(value)
    exact = [c for c in members if key in (_plain(schema.names[c]), _plain(_phrase(schema, c)))]
    fits = exact or [
        c
        for c in members
        if key and (value.lower() in _phrase(schema, c).split()
                    or _plain(schema.names[c]).endswith(key))
    ]  # fmt: skip
    if len(fits) != 1:
        raise unknown(f"value of {name}", value, [*(schema.names[c] for c in members), "none"])
    return _setting(schema, fits[0], 1)


def _phrase(schema: Schema, column: int) -> str:
    """Return an attribute's English without articles."""
    return _bare(schema.attributes[column].present)


def _setting(schema: Schema, column: int, value: int) -> Said:
    """Return what one attribute's value says, with that of its exclusive group."""
    group = schema.attributes[column].group
    if not value or not group:
        return {column: value}
    members = [c for c, a in enumerate(schema.attributes) if a.group == group]
    return {c: int(c == column) for c in members}


def _add(schema: Schema, said: Said, more: Said, word: str) -> None:
    """Write ``more`` into ``said``.

    Raises:
        UserError: If it contradicts what is there.
    """
    for column, value in more.items():
        if said.setdefault(column, value) != value:
            raise UserError(
                f"'{word}' contradicts what else is said about {schema.names[column]}; say one"
            )
